package api

import (
	"net/http/httptest"
	"testing"

	"github.com/gofiber/fiber/v2"
)

// A fan without JavaScript keeps the showtime they came for and their language.
func TestFormsKeepWhatTheirPagesAddressSays(t *testing.T) {
	t.Parallel()
	app := fiber.New()
	app.Post("/", func(c *fiber.Ctx) error { return c.Redirect(plainPage(c, "demo"), fiber.StatusSeeOther) })
	for referer, want := range map[string]string{
		"": "/q/demo?plain=1",
		"http://shop.test/q/demo?showtime=st-1&lang=ja":              "/q/demo?lang=ja&plain=1&showtime=st-1",
		"http://shop.test/q/demo?plain=1&lang=en":                    "/q/demo?lang=en&plain=1",
		"http://shop.test/q/demo?showtime=%0d%0aSet-Cookie:x&lang=":  "/q/demo?plain=1",
		"http://shop.test/q/demo?lang=en&next=//evil.test&secret=s3": "/q/demo?lang=en&plain=1",
		"::": "/q/demo?plain=1",
	} {
		request := httptest.NewRequest("POST", "/", nil)
		request.Header.Set(fiber.HeaderReferer, referer)
		response, err := app.Test(request, -1)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if got := response.Header.Get(fiber.HeaderLocation); got != want {
			t.Errorf("%q: %s, want %s", referer, got, want)
		}
	}
}
