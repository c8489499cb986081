package httpd

import (
	"net/url"

	"github.com/gofiber/fiber/v2"
)

// FromThisSite reports whether this site's own pages sent a request: those of origin,
// scheme and host as in "https://tickets.example.com", or of the host that was asked. A
// browser that says neither Origin nor Sec-Fetch-Site is not believed.
func FromThisSite(c *fiber.Ctx, origin string) bool {
	said := c.Get(fiber.HeaderOrigin)
	if said == "" || said == "null" {
		return c.Get("Sec-Fetch-Site") == "same-origin"
	}
	if said == origin {
		return true
	}
	u, err := url.Parse(said)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return false
	}
	// Whoever ends TLS before us is not always known, so the scheme may differ; all else
	// is an origin and nothing more.
	return u.Host != "" && u.Host == c.Hostname() && said == u.Scheme+"://"+u.Host
}
