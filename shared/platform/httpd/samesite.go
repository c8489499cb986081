package httpd

import (
	"net/url"

	"github.com/gofiber/fiber/v2"
)

// FromElsewhere reports whether a browser says that a page which is not this site's sent
// a request, and no more than that: programs that are no browsers say nothing. It is for
// what sets cookies without relying on one; another site's page would put its visitors
// into a log-in, or a place, of its own choice.
func FromElsewhere(c *fiber.Ctx, origin string) bool {
	fetch := c.Get("Sec-Fetch-Site") // "none" is whoever uses the browser
	return (c.Get(fiber.HeaderOrigin) != "" || fetch != "" && fetch != "none") && !FromThisSite(c, origin)
}

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
