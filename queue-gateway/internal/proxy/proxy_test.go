package proxy

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairgate/fairgate/shared/platform/httpd"
)

const bodyLimit = 1 << 20

// front starts a proxy before upstream and returns it and its base URL.
func front(t *testing.T, upstream string, change func(*Settings)) (*Proxy, string) {
	t.Helper()
	settings := Settings{Upstream: upstream, Timeout: 5 * time.Second, Slow: 2 * time.Second, BodyLimit: bodyLimit, HealthProbe: "/alive"}
	if change != nil {
		change(&settings)
	}
	log := slog.New(slog.DiscardHandler)
	p, err := New(settings, log, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	app := httpd.New(httpd.Options{
		Name: "test", Log: log, Metrics: prometheus.NewRegistry(), BodyLimit: bodyLimit, StreamBody: true, WriteTimeout: 200 * time.Millisecond,
	})
	app.Use(p.Handle)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- app.Listener(listener) }()
	t.Cleanup(func() {
		p.StopStreams()
		_ = app.ShutdownWithTimeout(5 * time.Second)
		if err := <-ended; err != nil {
			t.Errorf("Listener: %v", err)
		}
	})
	return p, "http://" + listener.Addr().String()
}

func backend(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

func do(t *testing.T, method, url string, body io.Reader, header ...string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequest(method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Add(header[i], header[i+1])
	}
	client := http.Client{Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(text)
}

func codeOf(body string) string {
	var problem struct {
		Code string `json:"code"`
	}
	_ = json.Unmarshal([]byte(body), &problem)
	return problem.Code
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func TestRequestsAndAnswersPassUnharmed(t *testing.T) {
	t.Parallel()
	upstream := backend(t, func(w http.ResponseWriter, r *http.Request) {
		for name := range r.Header {
			w.Header().Set("Got-"+name, strings.Join(r.Header.Values(name), "|"))
		}
		w.Header().Set("Got-Uri", r.RequestURI)
		w.Header().Set("Got-Host", r.Host)
		w.Header().Add("Set-Cookie", "a=1; Path=/")
		w.Header().Add("Set-Cookie", "b=2; HttpOnly")
		w.Header().Set("Connection", "X-Inner")
		w.Header().Set("X-Inner", "secret")
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.Copy(w, r.Body)
	})
	_, base := front(t, upstream, nil)
	response, body := do(t, "POST", base+"/v1/a%2Fb/%ED%95%9C?x=1&x=%20", strings.NewReader("hello"),
		"Connection", "X-Hop", "X-Hop", "1", "Te", "trailers", "X-Forwarded-For", "6.6.6.6", "X-Real-Ip", "6.6.6.6",
		"Cookie", "place_x=1", "Authorization", "Bearer t", "X-Request-Id", "my-id", "Accept-Encoding", "br")
	if response.StatusCode != http.StatusTeapot || body != "hello" {
		t.Fatalf("%d %q", response.StatusCode, body)
	}
	for name, want := range map[string]string{
		"Got-Uri": "/v1/a%2Fb/%ED%95%9C?x=1&x=%20", "Got-X-Hop": "", "Got-Te": "", "Got-X-Real-Ip": "",
		"Got-X-Forwarded-For": "127.0.0.1", "Got-X-Forwarded-Proto": "http", "Got-X-Request-Id": "my-id", "X-Request-Id": "my-id",
		"Got-Cookie": "place_x=1", "Got-Authorization": "Bearer t", "Got-Accept-Encoding": "br", "X-Inner": "",
		"Got-Host": strings.TrimPrefix(base, "http://"), "Content-Type": "text/plain; charset=utf-8",
	} {
		if got := response.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if cookies := response.Header.Values("Set-Cookie"); len(cookies) != 2 {
		t.Errorf("cookies: %q", cookies)
	}
}

func TestAnswersWithoutBodiesPass(t *testing.T) {
	t.Parallel()
	upstream := backend(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/empty":
			w.WriteHeader(http.StatusNoContent)
		case "/same":
			w.Header().Set("ETag", `"1"`)
			w.WriteHeader(http.StatusNotModified)
		case "/moved":
			http.Redirect(w, r, "/login", http.StatusSeeOther)
		default:
			_, _ = io.WriteString(w, "five5")
		}
	})
	_, base := front(t, upstream, nil)
	for _, c := range []struct {
		method, path string
		status       int
		length       int64
	}{{"GET", "/empty", 204, 0}, {"GET", "/same", 304, 0}, {"POST", "/moved", 303, 0}, {"HEAD", "/x", 200, 5}, {"DELETE", "/empty", 204, 0}} {
		response, body := do(t, c.method, base+c.path, nil)
		if response.StatusCode != c.status || body != "" || c.length > 0 && response.ContentLength != c.length {
			t.Errorf("%s %s: %d %q length %d", c.method, c.path, response.StatusCode, body, response.ContentLength)
		}
	}
}

func TestEventsArriveOneByOneAndTheUpstreamLearnsOfTheEnd(t *testing.T) {
	t.Parallel()
	next, gone := make(chan string), make(chan struct{})
	upstream := backend(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.WriteHeader(http.StatusOK)
		for {
			select {
			case text := <-next:
				_, _ = fmt.Fprintf(w, "data: %s\n\n", text)
				w.(http.Flusher).Flush()
			case <-r.Context().Done():
				close(gone)
				return
			}
		}
	})
	p, base := front(t, upstream, nil)
	go func() { next <- "first" }()
	response, err := http.Get(base + "/v1/events")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	in := bufio.NewScanner(response.Body)
	expect := func(want string) {
		t.Helper()
		if !in.Scan() || in.Text() != "data: "+want || !in.Scan() {
			t.Fatalf("got %q, %v", in.Text(), in.Err())
		}
	}
	expect("first")
	for i, start := 0, time.Now(); time.Since(start) < 600*time.Millisecond; i++ { // three write timeouts
		next <- fmt.Sprint(i)
		expect(fmt.Sprint(i)) // before the next is made
	}
	p.StopStreams()
	if in.Scan() || in.Err() != nil {
		t.Errorf("the stream does not end cleanly: %q %v", in.Text(), in.Err())
	}
	select {
	case <-gone:
	case <-time.After(5 * time.Second):
		t.Error("the upstream still streams")
	}
}

func TestLargeBodiesAreStreamedBothWays(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{}, 1)
	upstream := backend(t, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		first := make([]byte, 1)
		_, _ = io.ReadFull(r.Body, first)
		begun <- struct{}{}
		rest, _ := io.ReadAll(r.Body)
		_, _ = w.Write(append(first, rest...))
	})
	_, base := front(t, upstream, nil)
	payload := bytes.Repeat([]byte("0123456789abcdef"), bodyLimit/16)
	for _, announced := range []bool{true, false} {
		reader, writer := io.Pipe()
		request, err := http.NewRequest(http.MethodPost, base+"/upload", reader)
		if err != nil {
			t.Fatal(err)
		}
		if announced {
			request.ContentLength = int64(len(payload))
		}
		go func() {
			_, _ = writer.Write(payload[:64<<10])
			<-begun // the upstream has the beginning before we send the end
			_, _ = writer.Write(payload[64<<10:])
			_ = writer.Close()
		}()
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		back, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || !bytes.Equal(back, payload) {
			t.Errorf("announced %v: %d bytes of %d came back, %v", announced, len(back), len(payload), err)
		}
	}
}

func TestBodiesOverTheLimitAreRefusedAndDoNotTripTheBreaker(t *testing.T) {
	t.Parallel()
	upstream := backend(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	p, base := front(t, upstream, nil)
	for range 5 {
		for name, head := range map[string]string{
			"announced": fmt.Sprintf("Content-Length: %d\r\n\r\n%s", bodyLimit+1, strings.Repeat("x", 16<<10)),
			"chunked":   fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", bodyLimit+1, strings.Repeat("x", bodyLimit+1)),
		} {
			conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
			// A caller who sends on meanwhile may see a reset first; this one listens.
			if _, err := io.WriteString(conn, "POST /upload HTTP/1.1\r\nHost: x\r\n"+head); err != nil {
				t.Fatal(err)
			}
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			text, _ := io.ReadAll(response.Body)
			_ = conn.Close()
			if response.StatusCode != http.StatusRequestEntityTooLarge || codeOf(string(text)) != "body_too_large" {
				t.Fatalf("%s: %d %s", name, response.StatusCode, text)
			}
		}
	}
	if !p.Healthy() {
		t.Error("callers' mistakes opened the breaker")
	}
}

func TestAnUpstreamThatRefusesEarlyIsHeard(t *testing.T) {
	t.Parallel()
	upstream := backend(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	_, base := front(t, upstream, nil)
	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	// The caller announces much, sends a little and waits.
	_, _ = fmt.Fprintf(conn, "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", bodyLimit, strings.Repeat("x", 20<<10))
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusForbidden || !response.Close {
		t.Errorf("%d, close %v", response.StatusCode, response.Close)
	}
}

func TestADeadUpstreamIsAClean503AndItsReturnIsNoticed(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	_ = listener.Close()
	p, base := front(t, "http://"+addr, nil)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for range 4 {
		response, text := do(t, "POST", base+"/v1/bookings", strings.NewReader("{}"))
		if response.StatusCode != 503 || codeOf(text) != "upstream_unavailable" || response.Header.Get("Retry-After") == "" {
			t.Fatalf("%d %s", response.StatusCode, text)
		}
	}
	if p.Healthy() {
		t.Fatal("the breaker is still closed")
	}
	go func() { _ = p.Watch(ctx) }()
	listener, err = net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "back") }), ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(listener) }()
	defer func() { _ = server.Close() }()
	eventually(t, "the breaker closes without any caller", p.Healthy)
	if response, text := do(t, "GET", base+"/", nil); response.StatusCode != 200 || text != "back" {
		t.Errorf("%d %s", response.StatusCode, text)
	}
}

func TestAnUpstreamThatDiesUnseenIsNoticed(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	p, _ := front(t, server.URL, nil)
	server.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { _ = p.Watch(ctx) }()
	eventually(t, "the breaker opens without any caller", func() bool { return !p.Healthy() })
}

func TestSlownessOpensTheBreakerButWaitingForAPaymentDoesNot(t *testing.T) {
	t.Parallel()
	var slow atomic.Bool
	slow.Store(true)
	upstream := backend(t, func(_ http.ResponseWriter, _ *http.Request) {
		if slow.Load() {
			time.Sleep(20 * time.Millisecond)
		}
	})
	quick := func(s *Settings) { s.Slow = 5 * time.Millisecond }
	p, base := front(t, upstream, quick)
	for range 30 {
		do(t, "POST", base+"/v1/payments/confirm", strings.NewReader("{}"))
		do(t, "GET", base+"/v1/other", nil, "Prefer", "wait=10")
	}
	if !p.Healthy() {
		t.Fatal("answers that were asked to wait opened the breaker")
	}
	p, base = front(t, upstream, quick)
	for range 25 {
		do(t, "GET", base+"/v1/sales/x", nil)
	}
	if p.Healthy() {
		t.Fatal("25 slow answers left the breaker closed")
	}
	response, text := do(t, "GET", base+"/v1/sales/x", nil)
	if response.StatusCode != 503 || codeOf(text) != "upstream_unavailable" {
		t.Errorf("while open: %d %s", response.StatusCode, text)
	}
}

// Or a few callers who send slowly could close the doors of the whole site.
func TestSlowUploadsDoNotOpenTheBreaker(t *testing.T) {
	t.Parallel()
	upstream := backend(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	p, base := front(t, upstream, func(s *Settings) { s.Slow = 5 * time.Millisecond })
	var group sync.WaitGroup
	for range 25 {
		group.Go(func() {
			reader, writer := io.Pipe()
			go func() {
				_, _ = writer.Write([]byte("a"))
				time.Sleep(50 * time.Millisecond) // the caller's own slowness is what is tested
				_ = writer.Close()
			}()
			response, err := http.Post(base+"/upload", "text/plain", reader)
			if err != nil {
				t.Error(err)
				return
			}
			_ = response.Body.Close()
			if response.StatusCode != http.StatusOK {
				t.Errorf("status %d", response.StatusCode)
			}
		})
	}
	group.Wait()
	if !p.Healthy() {
		t.Error("slow callers opened the breaker")
	}
}

func TestForwardedLinesOfATrustedProxyAreOneList(t *testing.T) {
	t.Parallel()
	upstream := backend(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Header.Get("X-Forwarded-For"))
	})
	p, err := New(Settings{Upstream: upstream, Timeout: time.Second, Slow: time.Second, BodyLimit: bodyLimit}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	app := httpd.New(httpd.Options{
		Name: "test", Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(), BodyLimit: bodyLimit, StreamBody: true,
		TrustedProxies: []string{"0.0.0.0"}, // where app.Test says that it comes from
	})
	app.Use(p.Handle)
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	request.Header["X-Forwarded-For"] = []string{"6.6.6.6", "203.0.113.9"}
	response, err := app.Test(request, -1)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if want := "6.6.6.6, 203.0.113.9, 0.0.0.0"; string(text) != want {
		t.Errorf("forwarded for %q, want %q", text, want)
	}
}

func TestAnAnswerCutShortIsA503(t *testing.T) {
	t.Parallel()
	upstream := backend(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		w.Header().Set("Set-Cookie", "x=1")
		_, _ = io.WriteString(w, "only this")
		panic(http.ErrAbortHandler)
	})
	_, base := front(t, upstream, nil)
	response, text := do(t, "GET", base+"/", nil)
	if response.StatusCode != 503 || codeOf(text) != "upstream_unavailable" || response.Header.Get("Set-Cookie") != "" {
		t.Errorf("%d %s %v", response.StatusCode, text, response.Header)
	}
}
