package proxy

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// rawRequests are requests as no client library sends them; the fuzz test starts from
// them too.
func rawRequests() []string {
	const head = "GET /v1/venues HTTP/1.1\r\nHost: x\r\n"
	return []string{
		head + "X A: b\r\n\r\n", head + "X-A : b\r\n\r\n", head + ": b\r\n\r\n", head + "X\x00: b\r\n\r\n", head + "X: a\x00b\r\n\r\n",
		head + "X: a\rb\r\n\r\n", head + "X: a\x7fb\r\n\r\n", head + "X: a\r\n b\r\n\r\n", head + "X: a\n\r\n", head + "X: \xff\xfe\r\n\r\n",
		head + "Connection: X-A, close\r\nX-A: b\r\n\r\n", head + "Trailer: Content-Length\r\n\r\n", head + "Te: trailers\r\n\r\n",
		head + "Expect: 100-continue\r\n\r\n", head + "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n", head + "Host: y\r\n\r\n",
		"GET /v1/venues HTTP/1.1\r\nHost: a b\r\n\r\n", "GET /v1/venues HTTP/1.1\r\nHost: a{b}\r\n\r\n", "GET /v1/venues HTTP/1.1\r\nHost: [::1\r\n\r\n",
		"GET /v1/venues HTTP/1.1\r\n\r\n", "GET /v1/venues HTTP/1.0\r\n\r\n", "GET /v1/venues HTTP/9.9\r\nHost: x\r\n\r\n",
		"GET http://evil.test/v1/venues HTTP/1.1\r\nHost: x\r\n\r\n", "GET //evil.test/v1/venues HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /v1/%zz HTTP/1.1\r\nHost: x\r\n\r\n", "GET /v1/a?b=%zz;c HTTP/1.1\r\nHost: x\r\n\r\n", "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /v1/\x01 HTTP/1.1\r\nHost: x\r\n\r\n", "GET * HTTP/1.1\r\nHost: x\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
		"TRACE /v1/venues HTTP/1.1\r\nHost: x\r\n\r\n", "G@T /v1/venues HTTP/1.1\r\nHost: x\r\n\r\n", "nonsense\r\n\r\n", "\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00",
		"POST /v1/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\na\r\n0\r\n\r\n", "POST /v1/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n",
		"POST /v1/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n", "POST /v1/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
		"POST /v1/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", "POST /v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
		"POST /v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "POST /v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 400000\r\n\r\nhello",
		"POST /v1/x HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip, gzip\r\nContent-Length: 5\r\n\r\nhello", "PUT /v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
		head + "Cookie: " + strings.Repeat("a=b; ", 8<<10) + "\r\n\r\n", head + strings.Repeat("X: y\r\n", 2000) + "\r\n", "GET /" + strings.Repeat("a", 40<<10) + " HTTP/1.1\r\nHost: x\r\n\r\n",
	}
}

// talk sends raw bytes, ends its side, and returns the first answer; nil when the
// connection was closed without one.
func talk(t *testing.T, addr string, raw []byte) *http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	_, _ = conn.Write(raw) // may fail: the answer can come before the end
	if half, ok := conn.(*net.TCPConn); ok {
		_ = half.CloseWrite()
	}
	method := http.MethodGet
	if bytes.HasPrefix(raw, []byte("HEAD ")) {
		method = http.MethodHead
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return nil
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	return response
}

// judge fails the test when what callers sent was booked on the healthy upstream.
func judge(t *testing.T, p *Proxy, addr string, raw []byte) {
	t.Helper()
	response := talk(t, addr, raw)
	if response != nil && response.StatusCode >= http.StatusInternalServerError {
		t.Errorf("%.200q: %d; what a caller sends is no fault of ours", raw, response.StatusCode)
	}
	if !p.Healthy() || p.breaker.unreached.Load() > 0 {
		t.Fatalf("%.200q was booked on the upstream", raw)
	}
}

func healthy(t *testing.T) string {
	t.Helper()
	return backend(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("X-Request-Id", "up")
		_, _ = fmt.Fprint(w, "ok")
	})
}

func TestWhatCallersSendIsNeverBookedOnTheUpstream(t *testing.T) {
	t.Parallel()
	p, base := front(t, healthy(t), nil)
	addr := strings.TrimPrefix(base, "http://")
	for _, raw := range rawRequests() {
		for range 4 { // more than it takes to open the breaker
			judge(t, p, addr, []byte(raw))
		}
	}
	if response := talk(t, addr, []byte("GET /v1/venues HTTP/1.1\r\nHost: x\r\nX A: b\r\n\r\n")); response == nil || response.StatusCode != http.StatusBadRequest ||
		response.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("a name with a space: %+v, want a problem with 400", response)
	}
}

// Mutations of the requests above, always the same ones.
func TestMutatedRequestsAreNeverBookedOnTheUpstream(t *testing.T) {
	t.Parallel()
	p, base := front(t, healthy(t), nil)
	addr := strings.TrimPrefix(base, "http://")
	random := rand.New(rand.NewPCG(7, 7)) //nolint:gosec // the same requests each time
	seeds := rawRequests()
	for range 1500 {
		raw := []byte(seeds[random.IntN(len(seeds))])
		raw = raw[:min(len(raw), 2<<10)]
		for range 1 + random.IntN(4) {
			at := random.IntN(len(raw))
			switch random.IntN(3) {
			case 0:
				raw[at] = byte(random.IntN(256))
			case 1:
				raw = append(raw[:at], raw[min(at+1+random.IntN(4), len(raw)):]...)
			default:
				piece := []string{"\r\n", "\n", ":", " ", "\t", "\x00", "Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n", "%"}[random.IntN(9)]
				raw = append(raw[:at:at], append([]byte(piece), raw[at:]...)...)
			}
			if len(raw) == 0 {
				raw = []byte("\r\n")
			}
		}
		judge(t, p, addr, raw)
	}
}

func FuzzRawRequests(f *testing.F) {
	for _, raw := range rawRequests() {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, base := front(t, healthy(t), nil)
		judge(t, p, strings.TrimPrefix(base, "http://"), raw)
	})
}

// What the server lets in and the transport refuses is the caller's fault too, whatever
// it may be: the door is not the only guard.
func TestWhatCannotBeSentIsTheCallersFault(t *testing.T) {
	t.Parallel()
	p, _ := front(t, healthy(t), nil)
	for range 10 {
		request, err := http.NewRequest(http.MethodGet, p.upstream.JoinPath("/v1/venues").String(), nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header["X A"] = []string{"b"}
		if _, err := p.breaker.do(request, p.send); err == nil {
			t.Fatal("a header with a space in its name was sent")
		}
		short, err := http.NewRequest(http.MethodPost, p.upstream.JoinPath("/v1/x").String(), io.NopCloser(strings.NewReader("abc")))
		if err != nil {
			t.Fatal(err)
		}
		short.ContentLength = 5
		if _, err := p.breaker.do(short, p.send); err == nil {
			t.Fatal("a body that ends before its length was sent")
		}
	}
	if !p.Healthy() || p.breaker.unreached.Load() > 0 {
		t.Error("requests that were never sent opened the breaker")
	}
}
