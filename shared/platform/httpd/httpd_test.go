package httpd

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairgate/fairgate/shared/clock"
	"github.com/fairgate/fairgate/shared/errs"
)

// serve runs an app on a free port until the test ends and returns its address.
func serve(t *testing.T, o Options, routes func(app *fiber.App)) string {
	t.Helper()
	o.Name, o.Log = "test", slog.New(slog.DiscardHandler)
	if o.Metrics == nil {
		o.Metrics = prometheus.NewRegistry()
	}
	app := New(o)
	routes(app)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- app.Listener(listener) }()
	t.Cleanup(func() {
		_ = app.ShutdownWithTimeout(time.Second)
		if err := <-ended; err != nil {
			t.Errorf("Listener: %v", err)
		}
	})
	return listener.Addr().String()
}

// say sends raw text and returns the answer and its body.
func say(t *testing.T, conn net.Conn, in *bufio.Reader, text string) (*http.Response, string) {
	t.Helper()
	if _, err := conn.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

func dial(t *testing.T, addr string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn, bufio.NewReader(conn)
}

func codeOf(t *testing.T, response *http.Response, body string) string {
	t.Helper()
	if got := response.Header.Get("Content-Type"); got != ContentTypeProblem {
		t.Errorf("content type %q", got)
	}
	if response.Header.Get(HeaderRequestID) == "" {
		t.Error("no request id")
	}
	var problem struct {
		Code   string `json:"code"`
		Status int    `json:"status"`
	}
	if err := json.Unmarshal([]byte(body), &problem); err != nil {
		t.Fatalf("%v in %q", err, body)
	}
	if problem.Status != response.StatusCode {
		t.Errorf("status %d in the body of a %d", problem.Status, response.StatusCode)
	}
	return problem.Code
}

func routes(app *fiber.App) {
	app.Get("/ok", func(c *fiber.Ctx) error { return c.SendString("ok") })
	app.Get("/ip", func(c *fiber.Ctx) error { return c.SendString(ClientIP(c)) })
	app.Get("/panic", func(*fiber.Ctx) error { panic("oops") })
	app.Get("/secret", func(*fiber.Ctx) error { return errors.New("password is hunter2") })
	app.Post("/echo", LimitBody(16), func(c *fiber.Ctx) error { return c.Send(Body(c)) })
	app.Post("/ignore", func(c *fiber.Ctx) error { return c.SendString("ignored") })
}

func TestEveryRefusalIsAProblemWithACode(t *testing.T) {
	t.Parallel()
	for _, stream := range []bool{false, true} {
		addr := serve(t, Options{BodyLimit: 64, StreamBody: stream}, routes)
		for name, c := range map[string]struct {
			request string
			status  int
			code    string
		}{
			"no such path":        {"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", 404, "not_found"},
			"another method":      {"DELETE /ok HTTP/1.1\r\nHost: x\r\n\r\n", 405, "method_not_allowed"},
			"an unheard-of one":   {"BREW /ok HTTP/1.1\r\nHost: x\r\n\r\n", 405, "method_not_allowed"},
			"a large body":        {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n" + strings.Repeat("x", 20), 413, "body_too_large"},
			"a larger body":       {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n" + strings.Repeat("x", 100), 413, "body_too_large"},
			"a large chunked one": {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n14\r\n" + strings.Repeat("x", 20) + "\r\n0\r\n\r\n", 413, "body_too_large"},
			"large headers":       {"GET /ok HTTP/1.1\r\nHost: x\r\nCookie: " + strings.Repeat("x", 20<<10) + "\r\n\r\n", 431, "headers_too_large"},
			"a panic":             {"GET /panic HTTP/1.1\r\nHost: x\r\n\r\n", 500, "internal"},
			"a fault of ours":     {"GET /secret HTTP/1.1\r\nHost: x\r\n\r\n", 500, "internal"},
		} {
			conn, in := dial(t, addr)
			response, body := say(t, conn, in, c.request)
			if code := codeOf(t, response, body); response.StatusCode != c.status || code != c.code {
				t.Errorf("%s (streaming %v): %d %s", name, stream, response.StatusCode, code)
			}
			if strings.Contains(body, "hunter2") {
				t.Errorf("%s: the cause reached the caller", name)
			}
			if c.status == 405 && strings.HasPrefix(c.request, "DELETE") && !strings.Contains(response.Header.Get("Allow"), "GET") {
				t.Errorf("%s: Allow is %q", name, response.Header.Get("Allow"))
			}
		}
	}
}

func TestCallersWhoSendALotBeforeTheyListenHearTheRefusal(t *testing.T) {
	t.Parallel()
	addr := serve(t, Options{BodyLimit: 64, StreamBody: true}, routes)
	request := "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 6000000\r\n\r\n" + strings.Repeat("x", 6_000_000)
	for range 5 {
		conn, in := dial(t, addr)
		response, body := say(t, conn, in, request)
		if code := codeOf(t, response, body); response.StatusCode != 413 || code != "body_too_large" {
			t.Fatalf("%d %s", response.StatusCode, code)
		}
	}
}

func TestWhatIsLeftOfABodyIsNotTheNextRequest(t *testing.T) {
	t.Parallel()
	addr := serve(t, Options{BodyLimit: 64, StreamBody: true}, routes)
	smuggled := "GET /secret HTTP/1.1\r\nHost: x\r\n\r\n"
	padding := strings.Repeat("x", 16<<10) // more than the server reads ahead
	for _, path := range []string{"/ignore", "/nothing"} {
		conn, in := dial(t, addr)
		body := padding + smuggled
		response, _ := say(t, conn, in, fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body))
		if !response.Close {
			t.Errorf("%s: the connection stays open", path)
		}
		if rest, _ := io.ReadAll(in); len(rest) > 0 {
			t.Errorf("%s: a second answer: %q", path, rest)
		}
	}
	conn, in := dial(t, addr)
	for range 3 { // bodies that were read keep the connection
		response, body := say(t, conn, in, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
		if response.StatusCode != 200 || body != "hello" || response.Close {
			t.Fatalf("%d %q close=%v", response.StatusCode, body, response.Close)
		}
	}
}

func TestLimitRefusesWithRateLimitHeadersAndRefills(t *testing.T) {
	t.Parallel()
	now := clock.NewManual(time.Unix(1000, 0))
	limiter := NewLimiter("test", 3, time.Minute, now)
	addr := serve(t, Options{BodyLimit: 64}, func(app *fiber.App) {
		app.Get("/", Limit(limiter, func(c *fiber.Ctx) string { return c.Query("who") }), func(c *fiber.Ctx) error { return c.SendString("ok") })
	})
	get := func(who string) *http.Response {
		conn, in := dial(t, addr)
		response, _ := say(t, conn, in, "GET /?who="+who+" HTTP/1.1\r\nHost: x\r\n\r\n")
		return response
	}
	for range 3 {
		if r := get("a"); r.StatusCode != 200 {
			t.Fatalf("within the quota: %d", r.StatusCode)
		}
	}
	refused := get("a")
	if refused.StatusCode != 429 || refused.Header.Get("Retry-After") != "20" || refused.Header.Get("RateLimit") != `"test";r=0;t=20` || refused.Header.Get("RateLimit-Policy") != `"test";q=3;w=60` {
		t.Fatalf("%d %v", refused.StatusCode, refused.Header)
	}
	if r := get("b"); r.StatusCode != 200 {
		t.Errorf("another key: %d", r.StatusCode)
	}
	now.Advance(20 * time.Second)
	if r := get("a"); r.StatusCode != 200 {
		t.Errorf("after a third of the window: %d", r.StatusCode)
	}
	now.Advance(2 * time.Minute)
	get("c")
	if n := len(limiter.emptyAt); n != 1 {
		t.Errorf("%d keys remembered", n)
	}
}

func TestStreamsSendEachEventAtOnceAndOutliveTheWriteTimeout(t *testing.T) {
	t.Parallel()
	streams := NewStreams(1, 1)
	feed := make(chan string)
	var done atomic.Int32
	addr := serve(t, Options{BodyLimit: 64, WriteTimeout: 200 * time.Millisecond}, func(app *fiber.App) {
		app.Get("/events", func(c *fiber.Ctx) error {
			return streams.Serve(c, func(e *Events, stop <-chan struct{}) error {
				select {
				case text := <-feed:
					e.Event("1", "note", []byte(text))
					return nil
				case <-stop:
					e.Retry(time.Second)
					return io.EOF
				}
			}, func() { done.Add(1) })
		})
	})
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() { feed <- "0" }()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	in := bufio.NewReader(response.Body)
	expectEvent(t, in, "0")
	started := time.Now()
	for i := 1; time.Since(started) < 600*time.Millisecond; i++ { // three times the write timeout
		text := fmt.Sprint(i)
		feed <- text
		expectEvent(t, in, text) // before the next one is made: nothing is held back
	}
	second, err := http.Get("http://" + addr + "/events")
	if err != nil {
		t.Fatal(err)
	}
	_ = second.Body.Close()
	if second.StatusCode != http.StatusNoContent {
		t.Errorf("above the limit: %d", second.StatusCode)
	}
	streams.Stop()
	rest, err := io.ReadAll(in)
	if err != nil || !bytes.HasPrefix(rest, []byte("retry: ")) {
		t.Errorf("the end of the stream: %q, %v", rest, err)
	}
	streams.Wait(time.Minute)
	if done.Load() != 2 || streams.Open() != 0 {
		t.Fatalf("done %d, open %d", done.Load(), streams.Open())
	}
}

// oneEvent is a stream of one event.
func oneEvent(streams *Streams, done func()) func(app *fiber.App) {
	return func(app *fiber.App) {
		app.Get("/events", func(c *fiber.Ctx) error {
			return streams.Serve(c, func(e *Events, _ <-chan struct{}) error {
				e.Event("1", "note", []byte("x"))
				return io.EOF
			}, done)
		})
	}
}

func TestAStreamOnHTTP10EndsWithTheConnection(t *testing.T) {
	t.Parallel()
	addr := serve(t, Options{BodyLimit: 64}, oneEvent(NewStreams(1, 1), nil))
	conn, in := dial(t, addr)
	if _, err := conn.Write([]byte("GET /events HTTP/1.0\r\nHost: x\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	head, body, _ := strings.Cut(string(all), "\r\n\r\n")
	if body != "id: 1\nevent: note\ndata: x\n\n" || strings.Contains(head, "chunked") {
		t.Errorf("got %q and %q", head, body)
	}
}

// A connection that is told to end after its answer still carries the whole stream,
// and the stream is counted as over.
func TestAStreamWhileDraining(t *testing.T) {
	t.Parallel()
	drain, streams := NewDrain(time.Hour), NewStreams(1, 1)
	drain.begun.Store(true)
	var done atomic.Int32
	addr := serve(t, Options{BodyLimit: 64, Drain: drain}, oneEvent(streams, func() { done.Add(1) }))
	response, err := http.Get("http://" + addr + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if text, err := io.ReadAll(response.Body); err != nil || !strings.Contains(string(text), "data: x") {
		t.Errorf("%q, %v", text, err)
	}
	streams.Stop()
	streams.Wait(time.Minute)
	if done.Load() != 1 || streams.Open() != 0 || response.Header.Get(HeaderRequestID) == "" {
		t.Errorf("done %d, open %d, %v", done.Load(), streams.Open(), response.Header)
	}
}

func expectEvent(t *testing.T, in *bufio.Reader, data string) {
	t.Helper()
	var got string
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if line == "\n" {
			break
		}
		got += line
	}
	if want := "id: 1\nevent: note\ndata: " + data + "\n"; got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func TestAStreamWhoseClientIsGoneEnds(t *testing.T) {
	t.Parallel()
	streams := NewStreams(8, 8)
	addr := serve(t, Options{BodyLimit: 64}, func(app *fiber.App) {
		app.Get("/events", func(c *fiber.Ctx) error {
			return streams.Serve(c, func(e *Events, _ <-chan struct{}) error {
				time.Sleep(5 * time.Millisecond)
				e.Heartbeat()
				return nil
			}, nil)
		})
	})
	conn, in := dial(t, addr)
	if _, err := conn.Write([]byte("GET /events HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := in.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	for deadline := time.Now().Add(5 * time.Second); streams.Open() > 0; {
		if time.Now().After(deadline) {
			t.Fatal("the stream stays open")
		}
		time.Sleep(time.Millisecond)
	}
}

func TestErrorsCarryTheirExtras(t *testing.T) {
	t.Parallel()
	e := errs.New(errs.Conflict, "seat_taken", "Taken.").With("conflicts", []string{"A-1"}).WithRetryAfter(1500*time.Millisecond).WithField("body.seats", "taken")
	got := Problem(e, 409)
	if got["code"] != "seat_taken" || got["retry_after_ms"] != int64(1500) || got["conflicts"] == nil || len(got["errors"].([]map[string]string)) != 1 {
		t.Fatalf("%v", got)
	}
}
