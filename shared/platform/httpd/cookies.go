package httpd

import (
	"slices"

	"github.com/gofiber/fiber/v2"
)

// maxCookies is how many cookies of one name are looked at: each may cost a look-up.
const maxCookies = 8

// Cookies returns the different values, none of them empty, of a request's cookies called
// name, in the order in which they were sent: the first eight. There may be more than the
// one that we have set, as a browser also sends what another program on the host has set
// for a path of its own, or a site for its whole domain. So each is tried, and the first
// that is good counts.
func Cookies(c *fiber.Ctx, name string) []string {
	var values []string
	for key, value := range c.Request().Header.Cookies() {
		if len(values) == maxCookies {
			break
		}
		if copied := string(value); string(key) == name && copied != "" && !slices.Contains(values, copied) {
			values = append(values, copied)
		}
	}
	return values
}
