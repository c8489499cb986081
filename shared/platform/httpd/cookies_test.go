package httpd

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
)

func TestAllCookiesOfANameAreSeen(t *testing.T) {
	t.Parallel()
	many := make([]string, 20)
	for i := range many {
		many[i] = fmt.Sprintf("a=%d", i)
	}
	for _, c := range []struct {
		sent []string // lines of the header
		want []string
	}{
		{nil, nil},
		{[]string{"b=1"}, nil},
		{[]string{"a="}, nil},
		{[]string{"a=1; b=2; a=3; A=4; a=1; a="}, []string{"1", "3"}},
		{[]string{"a=1", "a=2"}, []string{"1", "2"}},
		{[]string{strings.Join(many, "; ")}, []string{"0", "1", "2", "3", "4", "5", "6", "7"}},
	} {
		var got []string
		app := fiber.New()
		app.Get("/", func(c *fiber.Ctx) error {
			got = Cookies(c, "a")
			return nil
		})
		request := httptest.NewRequest(fiber.MethodGet, "/", nil)
		for _, line := range c.sent {
			request.Header.Add("Cookie", line)
		}
		response, err := app.Test(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if !slices.Equal(got, c.want) {
			t.Errorf("of %q: %q, want %q", c.sent, got, c.want)
		}
	}
}
