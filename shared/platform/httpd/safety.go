package httpd

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/gofiber/fiber/v2"
)

const (
	headerPermissions = "Permissions-Policy"
	headerOpener      = "Cross-Origin-Opener-Policy"

	// A year, as RFC 6797 and the preload lists ask.
	strictTransport = "max-age=31536000"
	// Scanning tickets takes the camera, what is near takes the position.
	permissions = "camera=(self), geolocation=(self), payment=(self), microphone=(), usb=(), midi=(), display-capture=()"
	// The window of a payment provider may be a popup that still knows its opener.
	openerPolicy = "same-origin-allow-popups"
)

// ErrorPage writes a refusal as a page of ours into c: the whole answer but its status.
type ErrorPage func(c *fiber.Ctx, status int, code string) error

// headerLine is a line that answers have, its name as it is sent: setting it costs no
// look at how the name is spelt.
type headerLine struct{ name, value []byte }

// guards returns what every answer tells a browser, errors too.
func guards(hsts bool) []headerLine {
	line := func(name, value string) headerLine { return headerLine{[]byte(name), []byte(value)} }
	lines := []headerLine{
		line(fiber.HeaderXContentTypeOptions, "nosniff"),
		line(fiber.HeaderReferrerPolicy, "same-origin"),
	}
	if hsts {
		lines = append(lines, line(fiber.HeaderStrictTransportSecurity, strictTransport))
	}
	return lines
}

// finish makes a problem a page for a browser that goes to an address, and adds what
// pages tell it beside. browser is true when it is one whatever its Accept says.
func (m *manners) finish(c *fiber.Ctx, browser bool) {
	answer := c.Response()
	if m.ErrorPage != nil && answer.StatusCode() >= fiber.StatusBadRequest && !answer.IsBodyStream() &&
		string(answer.Header.ContentType()) == ContentTypeProblem {
		c.Append(fiber.HeaderVary, fiber.HeaderAccept, headerFetchMode)
		if browser || WantsPage(c) {
			m.sendPage(c)
		}
	}
	if bytes.HasPrefix(answer.Header.ContentType(), []byte(fiber.MIMETextHTML)) {
		c.Set(headerPermissions, permissions)
		c.Set(headerOpener, openerPolicy)
	}
}

// sendPage writes the page in place of the problem, which stays if the page fails.
func (m *manners) sendPage(c *fiber.Ctx) {
	answer := c.Response()
	status, problem := answer.StatusCode(), bytes.Clone(answer.Body())
	var said struct {
		Code string `json:"code"`
	}
	if err := json.Unmarshal(problem, &said); err != nil {
		return
	}
	if err := m.ErrorPage(c, status, said.Code); err != nil {
		m.Log.ErrorContext(c.UserContext(), "page of an error", "error", err)
		answer.SetBodyRaw(problem)
		answer.Header.SetContentType(ContentTypeProblem)
	}
	answer.SetStatusCode(status)
}

// mayNavigate stands in for WantsPage where the parser has failed and kept nothing but
// the beginning of what it read, in its error: pages are read, and not below /v1.
func mayNavigate(failure error) bool {
	_, start, found := strings.Cut(failure.Error(), `contents: "`)
	if method, address, ok := strings.Cut(start, " "); found && ok && isRead(method) {
		return strings.HasPrefix(address, "/") && !strings.HasPrefix(address, "/v1/") && !strings.HasPrefix(address, "/.well-known/")
	}
	return false
}
