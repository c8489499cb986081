package httpd

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
)

// streamOf opens a stream as the client that a proxy names.
func streamOf(t *testing.T, addr, client string) *http.Response {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, "http://"+addr+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Forwarded-For", client)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

func untilOpen(t *testing.T, streams *Streams, want int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); streams.Open() != want; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d streams open, want %d", streams.Open(), want)
		}
	}
}

// A network, an IPv4 address or an IPv6 /64, has so many streams and no more; others have
// theirs, and what one gives back it has again, however its streams end.
func TestStreamsAreLimitedByNetwork(t *testing.T) {
	t.Parallel()
	for name, ends := range map[string]struct{ next, done func() error }{
		"they end by themselves":    {func() error { return io.EOF }, nil},
		"they panic":                {func() error { panic("next") }, nil},
		"what ends them panics":     {func() error { return io.EOF }, func() error { panic("done") }},
		"their connections are cut": {func() error { return nil }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			streams, ending := NewStreams(5, 2), make(chan struct{})
			addr := serve(t, Options{BodyLimit: 64, TrustedProxies: []string{"127.0.0.1"}}, func(app *fiber.App) {
				app.Get("/events", func(c *fiber.Ctx) error {
					return streams.Serve(c, func(e *Events, _ <-chan struct{}) error {
						e.Heartbeat()
						select {
						case <-ending:
							return ends.next()
						case <-time.After(5 * time.Millisecond):
							return nil
						}
					}, func() {
						if ends.done != nil && isClosed(ending) {
							_ = ends.done()
						}
					})
				})
			})
			expect := func(client string, want int) *http.Response {
				t.Helper()
				response := streamOf(t, addr, client)
				if response.StatusCode != want {
					t.Fatalf("%s: %d, want %d", client, response.StatusCode, want)
				}
				return response
			}
			open := []*http.Response{expect("2001:db8::1", 200), expect("2001:db8::2", 200)}
			refused := expect("2001:db8::3", 429)
			if h := refused.Header; h.Get("Content-Type") != "application/problem+json" || h.Get("Retry-After") == "" || h.Get("RateLimit") == "" {
				t.Errorf("the refusal's header: %v", h)
			}
			open = append(open, expect("2001:db8:0:1::1", 200), expect("192.0.2.1", 200), expect("192.0.2.1", 200))
			expect("192.0.2.9", 204) // the limit of all is reached before its own
			if streams.crowded.Load() != 1 || streams.refused.Load() != 1 {
				t.Errorf("%d crowded, %d refused; want 1 and 1", streams.crowded.Load(), streams.refused.Load())
			}
			close(ending)
			for _, response := range open {
				_ = response.Body.Close()
			}
			untilOpen(t, streams, 0)
			streams.mu.Lock()
			defer streams.mu.Unlock()
			if len(streams.of) > 0 {
				t.Errorf("networks that have no stream are remembered: %v", streams.of)
			}
		})
	}
}

// A connection that breaks at the moment when the server hands it over never gets there.
func TestAStreamThatNeverBeginsGivesItsPlaceBack(t *testing.T) {
	t.Parallel()
	streams := NewStreams(1, 1)
	if err := streams.enter("n"); err != nil {
		t.Fatal(err)
	}
	ended := false
	(&stream{streams: streams, network: "n", done: func() { ended = true }}).abandon()
	if err := streams.enter("n"); err != nil || !ended {
		t.Errorf("enter: %v; done called: %v", err, ended)
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
