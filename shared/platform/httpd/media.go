package httpd

import (
	"mime"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// CheckJSONType refuses a request whose body says that it is anything but JSON in UTF-8,
// with 415. Media types and charsets know no case; a body that does not say what it is
// is taken for JSON; application/…+json is JSON.
func CheckJSONType(c *fiber.Ctx) error {
	said := c.Get(fiber.HeaderContentType)
	if said == "" || len(c.Request().Body()) == 0 {
		return nil
	}
	kind, parameters, err := mime.ParseMediaType(said)
	isJSON := kind == fiber.MIMEApplicationJSON || strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json")
	charset := parameters["charset"]
	if err != nil || !isJSON || charset != "" && !strings.EqualFold(charset, "utf-8") && !strings.EqualFold(charset, "us-ascii") {
		return fiber.ErrUnsupportedMediaType
	}
	return nil
}
