package httpd

import (
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/gofiber/fiber/v2"
)

func TestOnlyThisSitesPagesAreFromThisSite(t *testing.T) {
	t.Parallel()
	app := fiber.New()
	app.Post("/", func(c *fiber.Ctx) error {
		const origin = "https://tickets.example.com"
		c.Set("Elsewhere", strconv.FormatBool(FromElsewhere(c, origin)))
		if FromThisSite(c, origin) {
			return c.SendStatus(fiber.StatusNoContent)
		}
		return fiber.ErrForbidden
	})
	for _, c := range []struct {
		origin, fetch string
		want          int
	}{
		{"https://tickets.example.com", "", 204},
		{"http://shop:8080", "", 204},
		{"https://shop:8080", "", 204}, // TLS may end before us
		{"", "same-origin", 204},
		{"null", "same-origin", 204},
		{"", "", 403},
		{"null", "", 403},
		{"", "same-site", 403},
		{"", "cross-site", 403},
		{"", "none", 403},
		{"https://evil.test", "same-origin", 403},
		{"http://tickets.example.com", "", 403},
		{"http://shop", "", 403},
		{"javascript://shop:8080", "", 403},
		{"http://evil.test@shop:8080", "", 403},
		{"http://shop:8080/x", "", 403},
		{"http://shop:8080?x", "", 403},
	} {
		request := httptest.NewRequest(fiber.MethodPost, "http://shop:8080/", nil)
		if c.origin != "" {
			request.Header.Set(fiber.HeaderOrigin, c.origin)
		}
		if c.fetch != "" {
			request.Header.Set("Sec-Fetch-Site", c.fetch)
		}
		response, err := app.Test(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != c.want {
			t.Errorf("Origin %q, Sec-Fetch-Site %q: %d, want %d", c.origin, c.fetch, response.StatusCode, c.want)
		}
		// Who says nothing is from nowhere: all others are either from here or from elsewhere.
		silent := c.origin == "" && (c.fetch == "" || c.fetch == "none")
		if got, want := response.Header.Get("Elsewhere"), strconv.FormatBool(c.want != 204 && !silent); got != want {
			t.Errorf("Origin %q, Sec-Fetch-Site %q: from elsewhere: %s, want %s", c.origin, c.fetch, got, want)
		}
	}
}
