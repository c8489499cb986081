// Package baseline is what the programs below it have in common: a Fiber app with
// the settings that the services have, and a Redis client like theirs.
package baseline

import (
	"os"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/redis/go-redis/v9"
)

// App returns a Fiber app set up like the services', without anything in it.
func App() *fiber.App {
	return fiber.New(fiber.Config{
		BodyLimit: 1 << 20, ReadBufferSize: 16 << 10, WriteBufferSize: 16 << 10, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: 75 * time.Second, DisableStartupMessage: true,
	})
}

// Script returns the Lua script whose text is in files, one after the other.
func Script(files ...string) *redis.Script {
	text := ""
	for _, file := range files {
		part, err := os.ReadFile(file)
		if err != nil {
			panic(err) // there is no baseline without it
		}
		text += string(part)
	}
	return redis.NewScript(text)
}
