package proxy

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sony/gobreaker/v2"
)

// overTransport makes a proxy that asks transport.
func overTransport(t *testing.T, transport roundTrip) *Proxy {
	t.Helper()
	p, err := New(Settings{
		Upstream: "http://up", Timeout: 20 * time.Second, Slow: 5 * time.Second, HealthProbe: "/alive", Transport: transport,
	}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// ownAnswer is an answer of the upstream itself.
func ownAnswer(r *http.Request, status int) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{"X-Request-Id": {"up"}}, Body: http.NoBody, Request: r}
}

func send(t *testing.T, p *Proxy, method, path string, body io.Reader, change func(*http.Request)) error {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://up"+path, body)
	if err != nil {
		t.Error(err)
		return err
	}
	if change != nil {
		change(request)
	}
	response, err := p.breaker.do(request, p.send)
	if err == nil {
		_ = response.Body.Close()
	}
	return err
}

// The time that a log-in takes says nothing, but that it is answered well does: else a few
// accounts whose deletion fails, however rarely, would shut the log-ins of everybody.
func TestGoodLogInsSpeakAgainstFailuresOfTheirClass(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status   int           // of deletions
		failures int           // deletions
		between  int           // log-ins before each
		takes    time.Duration // each log-in
		shut     bool
	}{
		"overload between good log-ins":      {http.StatusServiceUnavailable, maxStruggling, 3, 0, false},
		"overload between late log-ins":      {http.StatusServiceUnavailable, maxStruggling, 3, 8 * time.Second, false},
		"overload again and again":           {http.StatusServiceUnavailable, maxStruggling, 0, 0, true},
		"a third of the answers are faults":  {http.StatusInternalServerError, enoughAnswers, 2, 0, false},
		"half of the answers are faults":     {http.StatusInternalServerError, enoughAnswers / 2, 1, 0, true},
		"faults again and again":             {http.StatusInternalServerError, enoughAnswers, 0, 0, true},
		"late log-ins, and nothing but them": {http.StatusOK, 1, 2 * enoughAnswers, 8 * time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := overTransport(t, func(r *http.Request) (*http.Response, error) {
					if r.Method == http.MethodDelete {
						return ownAnswer(r, c.status), nil
					}
					time.Sleep(c.takes)
					return ownAnswer(r, http.StatusOK), nil
				})
				for range c.failures {
					for range c.between {
						_ = send(t, p, http.MethodPost, "/v1/auth/login", nil, nil)
					}
					_ = send(t, p, http.MethodDelete, "/v1/me", nil, nil)
				}
				if shut := !p.breaker.classes[accounts].closed(); shut != c.shut {
					t.Errorf("log-ins are shut: %v, want %v", shut, c.shut)
				}
			})
		})
	}
}

// drip is a body that comes as slowly as its caller likes.
type drip struct{ left int }

func (d *drip) Read(b []byte) (int, error) {
	if d.left == 0 {
		return 0, io.EOF
	}
	d.left--
	time.Sleep(200 * time.Millisecond)
	return copy(b, "x"), nil
}

// One who waits must not keep out everybody else, the probe included, while it is tried
// whether the upstream is back.
func TestWhatMayTakeLongHoldsNoTry(t *testing.T) {
	t.Parallel()
	drips := func(r *http.Request) { r.ContentLength = smallBody + 1 }
	waits := func(r *http.Request) { r.Header.Set("Prefer", "wait=10") }
	for name, c := range map[string]struct {
		fails                func(r *http.Request) (*http.Response, error) // before the upstream is back
		method, path, others string                                        // what takes long, and what others of its class ask
		body                 io.Reader
		change               func(*http.Request)
	}{
		"a confirmation, money back":      {overloaded, http.MethodPost, "/v1/payments/confirm", "/v1/bookings", nil, waits},
		"a confirmation, everything back": {away, http.MethodPost, "/v1/payments/confirm", "/v1/bookings", nil, waits},
		"a slow body, reads back":         {overloaded, http.MethodPost, "/v1/anything", "/v1/performances", &drip{50}, drips},
		"a slow body, everything back":    {away, http.MethodPost, "/v1/anything", "/v1/performances", &drip{50}, drips},
		"a patient reader, reads back":    {overloaded, http.MethodGet, "/v1/performances", "/v1/performances", nil, waits},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var back atomic.Bool
				p := overTransport(t, func(r *http.Request) (*http.Response, error) {
					if !back.Load() && r.URL.Path != "/alive" {
						return c.fails(r)
					}
					if r.Body != nil {
						_, _ = io.Copy(io.Discard, r.Body) // as the upstream's server does before it answers
					}
					if r.Header.Get("Prefer") != "" {
						time.Sleep(10 * time.Second)
					}
					return ownAnswer(r, http.StatusOK), nil
				})
				ctx, cancel := context.WithCancel(t.Context())
				var running sync.WaitGroup
				defer running.Wait()
				defer cancel()
				running.Go(func() { _ = p.Watch(ctx) })
				for range maxStruggling {
					_ = send(t, p, http.MethodGet, c.others, nil, nil)
				}
				if p.Healthy() {
					t.Fatal("the breaker has not opened")
				}
				back.Store(true)
				time.Sleep(2100 * time.Millisecond) // from now on it is half open
				running.Go(func() {
					if err := send(t, p, c.method, c.path, c.body, c.change); !errors.Is(err, gobreaker.ErrOpenState) {
						t.Errorf("what may take long: %v, want it refused", err)
					}
				})
				time.Sleep(4 * time.Second) // three probes
				if !p.Healthy() {
					t.Error("one who waits has kept the breaker from closing")
				}
				if err := send(t, p, http.MethodGet, c.others, nil, nil); err != nil {
					t.Errorf("others: %v, want them answered", err)
				}
			})
		})
	}
}

func overloaded(r *http.Request) (*http.Response, error) {
	return ownAnswer(r, http.StatusServiceUnavailable), nil
}

func away(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") }

// Short requests close the breaker without any probe, and a body that has been read before
// anything is asked does not make a request long.
func TestShortRequestsCloseTheBreaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var back atomic.Bool
		p := overTransport(t, func(r *http.Request) (*http.Response, error) {
			if !back.Load() {
				return overloaded(r)
			}
			return ownAnswer(r, http.StatusOK), nil
		})
		ask := func() error {
			return send(t, p, http.MethodPost, "/v1/bookings", strings.NewReader("{}"), nil)
		}
		for range maxStruggling {
			_ = ask()
		}
		back.Store(true)
		if err := ask(); !errors.Is(err, gobreaker.ErrOpenState) {
			t.Fatalf("while open: %v, want it refused", err)
		}
		time.Sleep(2100 * time.Millisecond)
		for range 3 {
			if err := ask(); err != nil {
				t.Errorf("while half open: %v, want it tried", err)
			}
		}
		if !p.Healthy() {
			t.Error("three good answers have not closed the breaker")
		}
	})
}
