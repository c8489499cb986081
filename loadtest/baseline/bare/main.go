// Command bare answers every request with the bytes of BODY_FILE: what Fiber can do.
package main

import (
	"log"
	"os"

	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/loadtest/baseline"
)

func main() {
	body, err := os.ReadFile(os.Getenv("BODY_FILE"))
	if err != nil {
		log.Fatal(err)
	}
	app := baseline.App()
	app.Get("/*", func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderCacheControl, "public, max-age=1")
		c.Set(fiber.HeaderETag, `"1-1"`)
		c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
		return c.Send(body)
	})
	log.Fatal(app.Listen(os.Getenv("ADDR")))
}
