package page

import (
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// QueryWithoutLanguage returns the query of a request's address except lang, encoded.
func QueryWithoutLanguage(c *fiber.Ctx) string {
	var kept []string
	for key, value := range c.Request().URI().QueryArgs().All() {
		if string(key) != "lang" {
			kept = append(kept, url.QueryEscape(string(key))+"="+url.QueryEscape(string(value)))
		}
	}
	return strings.Join(kept, "&")
}

// InLanguage returns the address of this site with path and query, as
// QueryWithoutLanguage returns it, in a language. A path that another site's address
// could be made of gives the home page's.
func InLanguage(path, query, language string) string {
	if path = Next(path); path == "" {
		path = "/"
	}
	if query == "" {
		return path + "?lang=" + language
	}
	return path + "?" + query + "&lang=" + language
}
