// Command zrank answers each poll with the fan's rank in the sorted set KEY, asked
// of Redis: how waiting rooms are usually built.
package main

import (
	"log"
	"os"

	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/loadtest/baseline"
)

func main() {
	client, key := baseline.Redis(), os.Getenv("KEY")
	app := baseline.App()
	app.Get("/:fan", func(c *fiber.Ctx) error {
		rank, err := client.ZRank(c.UserContext(), key, c.Params("fan")).Result()
		if err != nil {
			return err
		}
		c.Set(fiber.HeaderCacheControl, "no-store")
		return c.JSON(fiber.Map{"state": "waiting", "ahead": rank})
	})
	log.Fatal(app.Listen(os.Getenv("ADDR")))
}
