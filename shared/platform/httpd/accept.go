package httpd

import (
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"
)

const headerFetchMode = "Sec-Fetch-Mode"

// WantsPage reports whether a browser goes to an address to show what is there: it is
// the one rule by which an answer is a page or JSON.
func WantsPage(c *fiber.Ctx) bool {
	return AcceptsPage(c.Get(fiber.HeaderAccept), c.Get(headerFetchMode))
}

// AcceptsPage is WantsPage by the values of Accept and Sec-Fetch-Mode. A browser that
// says how it asks is believed: only what navigates shows pages. Where nobody says so,
// Accept decides (RFC 9110, 12.5.1): HTML must be named, and wanted more than JSON where
// that is named, too. Programs, and the fetches of pages, ask for JSON or for anything.
func AcceptsPage(accept, fetchMode string) bool {
	page, data := named(accept)
	if fetchMode != "" && !strings.EqualFold(fetchMode, "navigate") {
		return false
	}
	return page > data
}

// named returns how much an Accept header wants HTML and JSON that it names, 0 … 1.
func named(accept string) (page, data float64) {
	for item := range strings.SplitSeq(accept, ",") {
		kind, parameters, _ := strings.Cut(item, ";")
		kind = strings.ToLower(strings.TrimSpace(kind))
		switch {
		case kind == fiber.MIMETextHTML || kind == "application/xhtml+xml":
			page = max(page, weight(parameters))
		case kind == "application/*" || kind == fiber.MIMEApplicationJSON || strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json"):
			data = max(data, weight(parameters))
		}
	}
	return page, data
}

// weight returns the q of a media range's parameters: 1 when there is none, 0 when it
// cannot be read.
func weight(parameters string) float64 {
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
		if !strings.EqualFold(strings.TrimSpace(name), "q") {
			continue
		}
		q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil || !(q >= 0 && q <= 1) {
			return 0
		}
		return q
	}
	return 1
}
