package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairgate/fairgate/shared/platform/httpd"
)

// While Postgres fails, the API refuses what it cannot read, and holds go on.
func TestTroubleOfOneClassLeavesTheOthersAlone(t *testing.T) {
	t.Parallel()
	const hold = "POST /v1/showtimes/st-1/holds"
	for name, c := range map[string]struct {
		bad     string // is answered 503
		healthy bool   // fans may be let in
		good    []string
	}{
		"reads":    {"GET /v1/performances", false, []string{hold, "DELETE /v1/holds/h-1", "POST /v1/bookings", "POST /v1/auth/login"}},
		"bookings": {"POST /v1/bookings", false, []string{hold, "GET /v1/performances"}},
		"log-ins":  {"POST /v1/auth/login", true, []string{hold, "GET /v1/performances", "POST /v1/bookings"}},
		"search":   {"GET /v1/search", true, []string{hold, "GET /v1/performances", "POST /v1/payments/confirm"}},
		"console":  {"GET /v1/admin/bookings", true, []string{hold, "GET /v1/performances", "GET /v1/bookings"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			upstream := backend(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set(httpd.HeaderRequestID, "up")
				if r.Method+" "+r.URL.Path == c.bad {
					w.WriteHeader(http.StatusServiceUnavailable)
				}
			})
			p, base := front(t, upstream, nil)
			ask := func(route string) (int, string) {
				method, path, _ := strings.Cut(route, " ")
				response, text := do(t, method, base+path, nil)
				return response.StatusCode, codeOf(text)
			}
			for range enoughAnswers {
				ask(c.bad)
			}
			if status, code := ask(c.bad); status != http.StatusServiceUnavailable || code != "upstream_unavailable" {
				t.Errorf("%s after %d times 503: %d %q, want it refused here", c.bad, enoughAnswers, status, code)
			}
			for _, route := range c.good {
				if status, code := ask(route); status != http.StatusOK {
					t.Errorf("%s: %d %q, want it handed on", route, status, code)
				}
			}
			if p.Healthy() != c.healthy {
				t.Errorf("healthy: %v, want %v", p.Healthy(), c.healthy)
			}
		})
	}
}

// roundTrip is a transport.
type roundTrip func(r *http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Those who already wait when it is clear that nobody is answered are not left waiting for
// the upstream's timeout, whether all of it hangs or one class of routes.
func TestWhatHangsIsGivenUpOnceTheBreakerIsOpen(t *testing.T) {
	t.Parallel()
	const slow, timeout = 5 * time.Second, 20 * time.Second
	for name, answered := range map[string]string{"all of it hangs": "nothing", "holds hang, the catalogue is read": "/v1/sales"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				transport := roundTrip(func(r *http.Request) (*http.Response, error) {
					if r.URL.Path == answered {
						return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"X-Request-Id": {"up"}}, Body: http.NoBody, Request: r}, nil
					}
					select {
					case <-r.Context().Done():
						return nil, r.Context().Err()
					case <-time.After(timeout):
						return nil, fmt.Errorf("%w: %w", context.DeadlineExceeded, errors.New("timeout"))
					}
				})
				p, err := New(Settings{Upstream: "http://up", Timeout: timeout, Slow: slow, HealthProbe: "/alive", Transport: transport}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
				if err != nil {
					t.Fatal(err)
				}
				ask := func(method, path string) time.Duration {
					start := time.Now()
					request, err := http.NewRequestWithContext(t.Context(), method, "http://up"+path, http.NoBody)
					if err != nil {
						t.Error(err)
						return 0
					}
					if response, err := p.breaker.do(request, p.send); err == nil {
						_, _ = io.Copy(io.Discard, response.Body)
						_ = response.Body.Close()
					}
					return time.Since(start)
				}
				var asking sync.WaitGroup
				var mu sync.Mutex
				type call struct{ start, end time.Time }
				var calls []call
				var opened time.Time
				for start := time.Now(); time.Since(start) < timeout+2*slow; time.Sleep(500 * time.Millisecond) {
					asking.Go(func() { ask(http.MethodGet, "/v1/sales") })
					asking.Go(func() {
						begun := time.Now()
						ask(http.MethodPost, "/v1/showtimes/st/holds")
						mu.Lock()
						defer mu.Unlock()
						calls = append(calls, call{begun, time.Now()})
					})
					if opened.IsZero() && !p.Healthy() {
						opened = time.Now()
					}
				}
				asking.Wait()
				if opened.IsZero() {
					t.Fatal("the breaker has not opened")
				}
				for _, c := range calls {
					known := c.start.Add(slow)
					if known.Before(opened) {
						known = opened
					}
					if c.end.After(known.Add(time.Second)) {
						t.Errorf("a call waited for %s, %s of it after the breaker had opened", c.end.Sub(c.start), c.end.Sub(opened))
					}
				}
			})
		})
	}
}
