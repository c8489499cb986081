package proxy

import (
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/platform/httpd"
)

// hopByHop are the headers that mean one connection only (RFC 9110 §7.6.1).
var hopByHop = []string{
	"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection",
	"Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// ours are written by this proxy; what a caller says there is not believed.
var ours = []string{"Forwarded", "X-Real-Ip", "Host", "Content-Length", "Expect"}

// ofTraces say which trace a request belongs to; strangers have no say in that.
var ofTraces = []string{"Traceparent", "Tracestate", "Baggage"}

func forwardedHeader(c *fiber.Ctx) http.Header {
	header := make(http.Header, 16)
	for key, value := range c.Request().Header.All() {
		header.Add(string(key), string(value))
	}
	removeHopByHop(header)
	for _, name := range ours {
		header.Del(name)
	}
	if !c.IsProxyTrusted() {
		for _, name := range ofTraces {
			header.Del(name)
		}
	}
	if header.Get(fiber.HeaderUserAgent) == "" {
		header[fiber.HeaderUserAgent] = []string{""} // or the client would add its own
	}
	remote := c.Context().RemoteIP().String()
	before := httpd.ForwardedFor(c)
	if before == "" || !c.IsProxyTrusted() {
		header.Set(fiber.HeaderXForwardedFor, remote)
	} else {
		header.Set(fiber.HeaderXForwardedFor, before+", "+remote)
	}
	header.Set(fiber.HeaderXForwardedHost, c.Hostname())
	header.Set(fiber.HeaderXForwardedProto, c.Protocol())
	header.Set(httpd.HeaderRequestID, string(c.Response().Header.Peek(httpd.HeaderRequestID)))
	return header
}

func removeHopByHop(header http.Header) {
	for _, list := range header.Values("Connection") {
		for _, name := range strings.Split(list, ",") {
			header.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range hopByHop {
		header.Del(name)
	}
}

// copyAnswerHeader copies the upstream's status and header; the request id is ours.
func copyAnswerHeader(c *fiber.Ctx, response *http.Response) {
	removeHopByHop(response.Header)
	for _, name := range []string{"Content-Length", "Date", httpd.HeaderRequestID} {
		response.Header.Del(name)
	}
	out := c.Response()
	out.SetStatusCode(response.StatusCode)
	for name, values := range response.Header {
		if name != fiber.HeaderSetCookie {
			out.Header.Del(name) // what the upstream says stands in for what we say by default
		}
		for _, value := range values {
			out.Header.Add(name, value)
		}
	}
}
