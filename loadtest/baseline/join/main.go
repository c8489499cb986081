// Command join calls the product's script of joining on the line SALE for a browser
// not seen before, and answers with the number: no token, no checks, no limits.
package main

import (
	"crypto/rand"
	"encoding/binary"
	"log"
	"os"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/loadtest/baseline"
)

func main() {
	folder, tag := "shared/queue/queueredis/", "{q:"+os.Getenv("SALE")+"}:"
	script := baseline.Script(folder+"head.lua", folder+"line.lua", folder+"join.lua")
	keys := strings.Split("policy flow waiting offered ready active gone live ended lapsed minted bound scratch extended endings", " ")
	for slot := range 8 {
		keys = append(keys, "presence:"+strconv.Itoa(slot))
	}
	for i, part := range keys {
		keys[i] = tag + part
	}
	client, app := baseline.Redis(), baseline.App()
	app.Post("/*", func(c *fiber.Ctx) error {
		subject := []byte(rand.Text())[:16]
		shard := tag + "subj:1:" + strconv.Itoa(int(binary.BigEndian.Uint16(subject))%16384)
		standing, err := script.Run(c.UserContext(), client, append(keys[:len(keys):len(keys)], shard), "1", "0", subject).Slice()
		if err != nil || standing[0] != int64(0) {
			return fiber.ErrInternalServerError
		}
		return c.Status(fiber.StatusCreated).JSON(fiber.Map{"state": standing[1], "n": standing[2], "key": standing[3], "ahead": standing[4]})
	})
	log.Fatal(app.Listen(os.Getenv("ADDR")))
}
