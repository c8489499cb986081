package httpd

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
)

// doorRoutes counts what gets past the door.
func doorRoutes(app *fiber.App) {
	app.All("/*", func(c *fiber.Ctx) error { return c.Send(Body(c)) })
}

func TestWhatIsNotHTTPIsRefused(t *testing.T) {
	t.Parallel()
	const head = "GET / HTTP/1.1\r\nHost: x\r\n"
	requests := map[string]string{
		"a space in a header's name":    head + "X A: b\r\n\r\n",
		"a space before the colon":      head + "X-A : b\r\n\r\n",
		"no name":                       head + ": b\r\n\r\n",
		"no colon":                      head + "nonsense\r\n\r\n",
		"NUL in a name":                 head + "X\x00A: b\r\n\r\n",
		"NUL in a value":                head + "X-A: b\x00c\r\n\r\n",
		"a bare CR in a value":          head + "X-A: b\rc\r\n\r\n",
		"a bell in a value":             head + "X-A: b\ac\r\n\r\n",
		"a continued line":              head + "X-A: b\r\n c\r\n\r\n",
		"a line continued by a tab":     head + "X-A: b\r\n\tc: d\r\n\r\n",
		"a continued first line":        "GET / HTTP/1.1\r\n Host: x\r\n\r\n",
		"one line that ends in LF":      head + "X-A: b\nX-B: c\r\n\r\n",
		"no host":                       "GET / HTTP/1.1\r\n\r\n",
		"two hosts":                     head + "Host: y\r\n\r\n",
		"a host that is none":           "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
		"a host with a path":            "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
		"an absolute address":           "GET http://evil.test/ HTTP/1.1\r\nHost: x\r\n\r\n",
		"an address without a slash":    "GET v1/venues HTTP/1.1\r\nHost: x\r\n\r\n",
		"a fragment":                    "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n",
		"an escape that is none":        "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n",
		"another protocol":              "GET / HTTP/3.7\r\nHost: x\r\n\r\n",
		"no protocol":                   "GET /\r\n\r\n",
		"two lengths":                   "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
		"a negative length":             "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\na",
		"a length with a plus":          "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\na",
		"a length and chunks":           "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"chunks and a length":           "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
		"chunked twice":                 "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"another transfer coding":       "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
		"the transfer coding identity":  "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\nContent-Length: 1\r\n\r\na",
		"chunks in HTTP/1.0":            "POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"a space in a coding's name":    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\nContent-Length: 1\r\n\r\na",
		"a line that looks like HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	}
	for _, stream := range []bool{false, true} {
		addr := serve(t, Options{BodyLimit: 64, StreamBody: stream}, doorRoutes)
		for name, request := range requests {
			conn, in := dial(t, addr)
			response, body := say(t, conn, in, request)
			code := codeOf(t, response, body)
			if response.StatusCode != 400 && code != "method_not_allowed" || !response.Close {
				t.Errorf("%s (streaming %v): %d %s, closes %v; want a 400 that closes", name, stream, response.StatusCode, code, response.Close)
			}
			if rest, _ := io.ReadAll(in); len(rest) > 0 {
				t.Errorf("%s (streaming %v): a second answer: %q", name, stream, rest)
			}
		}
	}
}

func TestWhatIsHTTPIsTaken(t *testing.T) {
	t.Parallel()
	for _, stream := range []bool{false, true} {
		addr := serve(t, Options{BodyLimit: 64, StreamBody: stream}, doorRoutes)
		for name, request := range map[string]string{
			"HTTP/1.0 without a host":    "GET / HTTP/1.0\r\n\r\n",
			"an IPv6 host with a port":   "GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n",
			"an escaped address":         "GET /%EA%B3%B5?q=%zz HTTP/1.1\r\nHost: x\r\n\r\n",
			"Korean in a header":         "GET / HTTP/1.1\r\nHost: x\r\nX-A: 공연\r\n\r\n",
			"an empty value":             "GET / HTTP/1.1\r\nHost: x\r\nX-A:\r\n\r\n",
			"the content coding as such": "POST / HTTP/1.1\r\nHost: x\r\nContent-Encoding: Identity\r\nContent-Length: 1\r\n\r\na",
		} {
			conn, in := dial(t, addr)
			if response, body := say(t, conn, in, request); response.StatusCode != 200 {
				t.Errorf("%s (streaming %v): %d %s", name, stream, response.StatusCode, body)
			}
		}
	}
}

// A kilobyte that says gzip twice is gigabytes when unpacked: nobody unpacks it.
func TestEncodedBodiesAreRefusedBeforeTheyAreUnpacked(t *testing.T) {
	t.Parallel()
	bomb := gzipped(t, gzipped(t, make([]byte, 4<<20)))
	reached := 0
	for _, stream := range []bool{false, true} {
		addr := serve(t, Options{BodyLimit: 1 << 20, StreamBody: stream}, func(app *fiber.App) {
			app.All("/*", func(c *fiber.Ctx) error { reached++; return c.Send(c.Body()) })
		})
		for _, codings := range [][]string{
			{"gzip"}, {"GZip"}, {"x-gzip"}, {"gzip, gzip"}, {"br"}, {"deflate"}, {"zstd"}, {"identity, gzip"}, {"identity", "gzip"}, {"nonsense"},
		} {
			lines := ""
			for _, coding := range codings {
				lines += "Content-Encoding: " + coding + "\r\n"
			}
			for _, request := range []string{
				"POST /v1/auth/login HTTP/1.1\r\nHost: x\r\n" + lines + "Content-Length: " + strconv.Itoa(len(bomb)) + "\r\n\r\n" + string(bomb),
				"POST /x HTTP/1.1\r\nHost: x\r\n" + lines + "Transfer-Encoding: chunked\r\n\r\n" + strconv.FormatInt(int64(len(bomb)), 16) + "\r\n" + string(bomb) + "\r\n0\r\n\r\n",
				"POST /x HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n" + lines + "Content-Length: " + strconv.Itoa(len(bomb)) + "\r\n\r\n" + string(bomb),
				"GET /x HTTP/1.1\r\nHost: x\r\n" + lines + "\r\n",
			} {
				conn, in := dial(t, addr)
				response, body := say(t, conn, in, request)
				if code := codeOf(t, response, body); response.StatusCode != 415 || code != "unsupported_media_type" {
					t.Errorf("%q (streaming %v): %d %s, want 415", codings, stream, response.StatusCode, code)
				}
			}
		}
	}
	if reached > 0 {
		t.Errorf("%d encoded bodies reached a route", reached)
	}
}

func gzipped(t *testing.T, text []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// What a caller sends is the caller's fault, whatever it is: never a 5xx of ours.
func TestCallersWhoStopInTheMiddleAreNoFaultOfOurs(t *testing.T) {
	t.Parallel()
	metrics := prometheus.NewRegistry()
	addr := serve(t, Options{BodyLimit: 64, Metrics: metrics}, doorRoutes)
	for _, request := range []string{
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc",
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcdef",
	} {
		conn, in := dial(t, addr)
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		if half, ok := conn.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
		response, err := http.ReadResponse(in, nil)
		if err != nil {
			continue // closed without a word: nobody is there to listen
		}
		if response.StatusCode >= 500 {
			t.Errorf("%q: %d", request, response.StatusCode)
		}
	}
}

func TestEveryAnswerTellsBrowsersToBeCareful(t *testing.T) {
	t.Parallel()
	addr := serve(t, Options{BodyLimit: 16, HSTS: true, ErrorPage: func(c *fiber.Ctx, _ int, code string) error {
		c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
		return c.SendString("page of " + code)
	}}, func(app *fiber.App) {
		routes(app)
		app.Get("/page", func(c *fiber.Ctx) error {
			return c.Type("html", "utf-8").SendString("<p>")
		})
	})
	const browser = "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n"
	for name, c := range map[string]struct {
		request, body string
		status        int
		page          bool
	}{
		"an answer":                   {"GET /ok HTTP/1.1\r\nHost: x\r\n\r\n", "ok", 200, false},
		"a page":                      {"GET /page HTTP/1.1\r\nHost: x\r\n\r\n", "<p>", 200, true},
		"an error":                    {"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", "", 404, false},
		"a browser's 404":             {"GET /nothing HTTP/1.1\r\nHost: x\r\n" + browser + "\r\n", "page of not_found", 404, true},
		"a browser's 405":             {"DELETE /ok HTTP/1.1\r\nHost: x\r\n" + browser + "\r\n", "page of method_not_allowed", 405, true},
		"a browser's 413":             {"POST /echo HTTP/1.1\r\nHost: x\r\n" + browser + "Content-Length: 20\r\n\r\n" + strings.Repeat("x", 20), "page of body_too_large", 413, true},
		"a browser's 415":             {"POST /echo HTTP/1.1\r\nHost: x\r\n" + browser + "Content-Encoding: br\r\nContent-Length: 1\r\n\r\nx", "page of unsupported_media_type", 415, true},
		"a browser's 500":             {"GET /panic HTTP/1.1\r\nHost: x\r\n" + browser + "\r\n", "page of internal", 500, true},
		"a browser's malformed":       {"GET /%zz HTTP/1.1\r\nHost: x\r\n" + browser + "\r\n", "page of bad_request", 400, true},
		"what Fiber has not heard of": {"BREW /ok HTTP/1.1\r\nHost: x\r\n" + browser + "\r\n", "page of method_not_allowed", 405, true},
		"a program that takes both":   {"GET /nothing HTTP/1.1\r\nHost: x\r\nAccept: application/json, text/html\r\n\r\n", "", 404, false},
	} {
		conn, in := dial(t, addr)
		response, body := say(t, conn, in, c.request)
		header := response.Header
		if response.StatusCode != c.status || c.body != "" && body != c.body {
			t.Errorf("%s: %d %q, want %d %q", name, response.StatusCode, body, c.status, c.body)
		}
		if header.Get("X-Content-Type-Options") != "nosniff" || header.Get("Referrer-Policy") == "" || header.Get("Strict-Transport-Security") == "" {
			t.Errorf("%s: %v", name, header)
		}
		if isPage := header.Get("Permissions-Policy") != "" && header.Get("Cross-Origin-Opener-Policy") != ""; isPage != c.page {
			t.Errorf("%s: has the headers of a page: %v", name, isPage)
		}
		if c.body == "" {
			codeOf(t, response, body)
		}
	}
}

// 431 comes from the parser, which has read no Accept: addresses of pages are answered
// with a page, those of the API with a problem.
func TestHeadsAreLimited(t *testing.T) {
	t.Parallel()
	metrics := prometheus.NewRegistry()
	addr := serve(t, Options{Metrics: metrics, HeadLimit: 32 << 10, ErrorPage: func(c *fiber.Ctx, _ int, code string) error {
		c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
		return c.SendString("page of " + code)
	}}, doorRoutes)
	conn, in := dial(t, addr)
	if response, _ := say(t, conn, in, "GET / HTTP/1.1\r\nHost: x\r\nCookie: "+strings.Repeat("x", 30<<10)+"\r\n\r\n"); response.StatusCode != 200 {
		t.Errorf("30 KiB: %d", response.StatusCode)
	}
	conn, in = dial(t, addr)
	response, body := say(t, conn, in, "GET /v1/venues HTTP/1.1\r\nHost: x\r\nCookie: "+strings.Repeat("x", 40<<10)+"\r\n\r\n")
	if code := codeOf(t, response, body); response.StatusCode != 431 || code != "headers_too_large" {
		t.Errorf("40 KiB: %d %s", response.StatusCode, code)
	}
	conn, in = dial(t, addr)
	response, body = say(t, conn, in, "GET /q/demo HTTP/1.1\r\nHost: x\r\nCookie: "+strings.Repeat("x", 40<<10)+"\r\n\r\n")
	if response.StatusCode != 431 || body != "page of headers_too_large" {
		t.Errorf("40 KiB on the way to a page: %d %q", response.StatusCode, body)
	}
	if got, err := counted(metrics, "fairgate_http_unreadable_requests_total"); err != nil || got != 2 {
		t.Errorf("counted %v, %v; want the 2 that were refused", got, err)
	}
}
