package failure

import (
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/platform/httpd"
)

func TestEveryErrorIsAPageForABrowser(t *testing.T) {
	t.Parallel()
	pages, err := New()
	if err != nil {
		t.Fatal(err)
	}
	app := httpd.New(httpd.Options{Name: "test", Log: slog.New(slog.DiscardHandler), ErrorPage: pages.Send})
	app.All("/:status", func(c *fiber.Ctx) error {
		status, err := c.ParamsInt("status")
		if err != nil {
			return err
		}
		return fiber.NewError(status)
	})
	ask := func(method, address, language string) (status int, body, policy string) {
		t.Helper()
		request := httptest.NewRequest(method, address, nil)
		request.Header.Set("Accept", "text/html,application/xhtml+xml")
		request.Header.Set("Accept-Language", language)
		response, err := app.Test(request)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		raw, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(raw), response.Header.Get("Content-Security-Policy")
	}
	for _, status := range []string{"400", "401", "403", "404", "405", "408", "409", "410", "413", "415", "422", "429", "431", "500", "502", "503", "504"} {
		for language, home := range map[string]string{"ko": "공연 보러 가기", "en": "See what is on"} {
			_, body, policy := ask("GET", "/"+status, language)
			if !strings.Contains(body, `<html lang="`+language) || !strings.Contains(body, home) || strings.Contains(body, ".sub") || policy == "" {
				t.Errorf("%s in %s: %s", status, language, body)
			}
		}
	}
	if _, body, _ := ask("GET", "/503?a=1", "en"); !strings.Contains(body, `href="/503?a=1"`) {
		t.Errorf("a page that is away has no Retry: %s", body)
	}
	if _, body, _ := ask("POST", "/503", "en"); strings.Contains(body, `href="/503"`) {
		t.Errorf("what was posted is tried again by a link: %s", body)
	}
	for _, language := range []string{"ko", "en", "ja", "zh"} {
		if _, body, _ := ask("GET", "/404?showtime=st1&a=b%26c&lang=ko", "en"); !strings.Contains(body, `href="/404?showtime=st1&amp;a=b%26c&amp;lang=`+language+`" lang="`+language+`"`) {
			t.Errorf("no link to %s keeps the address: %s", language, body)
		}
		if _, body, _ := ask("GET", "/404?lang="+language, "en"); !strings.Contains(body, `<html lang="`+language+`"`) || strings.Contains(body, ".sub") {
			t.Errorf("not a page in %s: %s", language, body)
		}
	}
	if _, body, _ := ask("POST", "/405?a=1", "en"); !strings.Contains(body, `href="/?lang=ko"`) {
		t.Errorf("a link leads to what takes forms only: %s", body)
	}
	if _, body, _ := ask("GET", "/404", "en"); strings.Contains(body, "Try again") {
		t.Errorf("a missing page is to be tried again: %s", body)
	}
}
