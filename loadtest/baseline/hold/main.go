// Command hold verifies the access token and the pass, remembers them as the product
// does, calls the product's script of holding and answers: nothing else.
package main

import (
	"log"
	"os"
	"sync"

	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/loadtest/baseline"
)

func main() {
	script, client, app := baseline.Script("shared/booking/bookingredis/place.lua"), baseline.Redis(), baseline.App()
	accounts, passes := baseline.Verifier(os.Getenv("ACCESS_KEYS")), baseline.Verifier(os.Getenv("PASS_KEYS"))
	tag, known := "{pf:baseline}:"+os.Getenv("COALESCE"), &sync.Map{} // token → subject
	app.Post("/v1/showtimes/:id/holds", func(c *fiber.Ctx) error {
		account, err := accounts(known, c.Get(fiber.HeaderAuthorization)[len("Bearer "):])
		holder, passErr := passes(known, c.Get("Entry-Pass"))
		var body struct{ Seats []string }
		if err != nil || passErr != nil || holder != account || c.BodyParser(&body) != nil {
			return fiber.ErrUnauthorized
		}
		nonce := "n" + string([]byte(c.Get("Idempotency-Key")))
		keys := []string{tag + "request:" + nonce, tag + "limit:" + account, tag + "changes", tag + "session:" + nonce}
		args := []any{nonce, "seats", os.Getenv("HOLD_MS"), 1000, "showtime", 20000, 86400, "00"}
		for _, seat := range body.Seats {
			keys, args = append(keys, tag+"seat:"+seat), append(args, seat)
		}
		placed, err := script.Run(c.UserContext(), client, keys, append(args, nonce, "1 1", account)...).Slice()
		if err != nil || placed[0] != int64(0) {
			return fiber.ErrConflict
		}
		return c.Status(fiber.StatusCreated).JSON(fiber.Map{"hold_id": nonce, "seats": body.Seats, "expires_at": placed[1]})
	})
	log.Fatal(app.Listen(os.Getenv("ADDR")))
}
