package httpd

import (
	"bytes"
	"errors"
	"net"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/fairgate/fairgate/shared/errs"
)

// errUnreadable refuses what is not HTTP as RFC 9112 has it. The parser below us lets
// some of it through, and others along the way could read it in another way.
var errUnreadable = errs.New(errs.Malformed, "bad_request", "The request cannot be read.")

// errEncoded refuses compressed bodies: nothing of ours is sent compressed, and what a
// body grows to when unpacked would be measured by no limit.
var errEncoded = errs.New(errs.Malformed, "unsupported_media_type", "Send the body as it is, without Content-Encoding.")

// door refuses, before a route sees it and before anything of its body is unpacked,
// what no address of ours takes.
func (m *manners) door(c *fiber.Ctx) error {
	request := c.Request()
	seen, err := checkLines(request.Header.RawHeaders())
	if err == nil {
		err = checkHead(request, seen)
	}
	switch {
	case err != nil:
		c.Context().SetConnectionClose() // where the request ends is not certain
		return err
	case seen.encoded:
		return refuseBody(c, errEncoded)
	}
	return nil
}

// checkHead refuses a request of which it is not certain where it ends, whom it is for,
// or what it asks. Errors: errUnreadable with the reason.
func checkHead(request *fasthttp.Request, seen headLines) error {
	header := &request.Header
	switch {
	case seen.codings > 0 && seen.lengths > 0 || seen.codings > 1 || seen.lengths > 1:
		return errUnreadable.WithMessage("The request says in two ways where its body ends.")
	case seen.codings == 1 && !seen.chunked:
		return errUnreadable.WithMessage("The Transfer-Encoding is not chunked.")
	case seen.codings > 0 && !header.IsHTTP11():
		return errUnreadable.WithMessage("HTTP/1.0 knows no Transfer-Encoding.")
	case seen.hosts > 1 || seen.hosts == 0 && header.IsHTTP11() || !isHost(header.Host()):
		return errUnreadable.WithMessage("The request must name one Host.")
	}
	if protocol := string(header.Protocol()); protocol != "HTTP/1.1" && protocol != "HTTP/1.0" {
		return errUnreadable.WithMessage("The version of HTTP must be 1.0 or 1.1.")
	}
	return checkTarget(header.RequestURI())
}

// headLines counts the lines that decide where a request ends and whom it is for.
type headLines struct {
	lengths, codings, hosts int
	chunked                 bool // the last Transfer-Encoding
	encoded                 bool // a Content-Encoding that is not identity
}

// checkLines reads the lines of a request's head as they came over the connection. It
// refuses lines that do not end in CRLF, that are continued (obs-fold), and
// names with spaces; other characters the parser has refused.
func checkLines(raw []byte) (seen headLines, err error) {
	for len(raw) > 0 {
		end := bytes.IndexByte(raw, '\n')
		if end < 1 || raw[end-1] != '\r' || bytes.IndexByte(raw[:end-1], '\r') >= 0 {
			return seen, errUnreadable.WithMessage("The lines of the head must end in CRLF.")
		}
		line := raw[:end-1]
		raw = raw[end+1:]
		if len(line) == 0 {
			break
		}
		colon := bytes.IndexByte(line, ':')
		if colon < 1 || bytes.IndexByte(line[:colon], ' ') >= 0 || line[0] == '\t' {
			return seen, errUnreadable.WithMessage("The name of a header must be a token.")
		}
		seen.count(line[:colon], line[colon+1:])
	}
	return seen, nil
}

func (h *headLines) count(name, value []byte) {
	switch {
	case bytes.EqualFold(name, []byte("Content-Length")):
		h.lengths++
	case bytes.EqualFold(name, []byte("Transfer-Encoding")):
		h.codings++
		h.chunked = bytes.EqualFold(bytes.TrimSpace(value), []byte("chunked"))
	case bytes.EqualFold(name, []byte("Content-Encoding")):
		coding := bytes.TrimSpace(value)
		h.encoded = h.encoded || len(coding) > 0 && !bytes.EqualFold(coding, []byte("identity"))
	case bytes.EqualFold(name, []byte("Host")):
		h.hosts++
	}
}

// isHost reports whether host has only the characters of a name or an address with a
// port; an empty one is that of HTTP/1.0.
func isHost(host []byte) bool {
	for _, c := range host {
		letter := c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && !strings.ContainsRune("-._~:[]", rune(c)) {
			return false
		}
	}
	return true
}

// checkTarget takes addresses of this origin only: a path, with a query or none. What a
// proxy is asked ("GET http://…") names a host of the caller's choice.
func checkTarget(target []byte) error {
	if len(target) == 0 || target[0] != '/' || bytes.IndexByte(target, '#') >= 0 {
		return errUnreadable.WithMessage("The address must be a path on this host.")
	}
	if bytes.IndexByte(target, '%') < 0 {
		return nil
	}
	if _, err := url.ParseRequestURI(string(target)); err != nil {
		return errUnreadable.WithMessage("The address has an escape that is none.")
	}
	return nil
}

// Body returns the request's body as it was sent, whatever its headers say. It is valid
// until the answer. Fiber's own ways to the body unpack it first.
func Body(c *fiber.Ctx) []byte { return c.Request().Body() }

// Form reads a body of application/x-www-form-urlencoded, as forms of pages send it.
// Errors: fiber.ErrUnsupportedMediaType, errUnreadable.
func Form(c *fiber.Ctx) (url.Values, error) {
	kind, _, _ := strings.Cut(c.Get(fiber.HeaderContentType), ";")
	if !strings.EqualFold(strings.TrimSpace(kind), fiber.MIMEApplicationForm) {
		return nil, fiber.ErrUnsupportedMediaType
	}
	values, err := url.ParseQuery(string(Body(c)))
	if err != nil {
		return nil, errUnreadable.Because(err)
	}
	return values, nil
}

// readFailure says what a request that could not be read to its end is answered with.
// Whatever it is, it came from the caller's side.
func readFailure(err error) error {
	var small *fasthttp.ErrSmallBuffer
	var network net.Error
	switch {
	case errors.As(err, &small):
		return fiber.ErrRequestHeaderFieldsTooLarge
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		return fiber.ErrRequestEntityTooLarge
	case errors.As(err, &network) && network.Timeout(), errors.Is(err, fasthttp.ErrTimeout):
		return fiber.ErrRequestTimeout
	}
	return errUnreadable.Because(err)
}
