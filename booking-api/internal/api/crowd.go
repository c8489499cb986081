package api

import (
	"strings"

	"github.com/gofiber/fiber/v2"
)

// IsCrowded reports whether a request is of a kind that a whole crowd sends within
// seconds: for seats.
func IsCrowded(c *fiber.Ctx) bool {
	path := c.Path()
	return strings.HasSuffix(path, "/holds") || strings.HasPrefix(path, "/v1/holds/")
}
