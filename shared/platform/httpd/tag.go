package httpd

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// MatchesTag reports whether an If-None-Match header names the ETag (RFC 9110 §13.1.2).
func MatchesTag(header, tag string) bool {
	for candidate := range strings.SplitSeq(header, ",") {
		candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
		if candidate == "*" || candidate == tag {
			return true
		}
	}
	return false
}

// TagOf returns the ETag of a body: quoted, 96 bits of its SHA-256.
func TagOf(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
}

// SendTagged answers with JSON under its ETag, or 304 to a caller who has it already.
func SendTagged(c *fiber.Ctx, body []byte, tag string) error {
	c.Set(fiber.HeaderETag, tag)
	if MatchesTag(c.Get(fiber.HeaderIfNoneMatch), tag) {
		return c.SendStatus(fiber.StatusNotModified)
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Send(body)
}
