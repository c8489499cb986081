package queuegateway

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairgate/fairgate/queue-gateway/internal/proxy"
	"github.com/fairgate/fairgate/shared/platform/config"
)

// slowUpstream answers after a time that depends on the path.
type slowUpstream func(path string) time.Duration

func (s slowUpstream) RoundTrip(r *http.Request) (*http.Response, error) {
	time.Sleep(s(r.URL.Path))
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"X-Request-Id": {"up"}}, Body: io.NopCloser(strings.NewReader("{}")), Request: r,
	}, nil
}

// The breaker is tried with the settings as they are when nobody sets any, on a clock of
// its own: a threshold that cannot be met guards nothing.
func TestTheBreakerOpensByDefaultForWhatTroublesTheShop(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load[Config]([]string{"ENV=development"})
	if err != nil {
		t.Fatal(err)
	}
	all := func(d time.Duration) slowUpstream { return func(string) time.Duration { return d } }
	only := func(path string, d time.Duration) slowUpstream {
		return func(asked string) time.Duration {
			if asked == path {
				return d
			}
			return 20 * time.Millisecond
		}
	}
	payments := slowUpstream(func(path string) time.Duration {
		switch path {
		case "/v1/payments/confirm": // waits, and may
			return 5500 * time.Millisecond
		case "/v1/bookings":
			return 6 * time.Second
		}
		return 20 * time.Millisecond // so that it is not all of the upstream that is silent
	})
	for name, c := range map[string]struct {
		upstream slowUpstream
		every    time.Duration // between two requests
		paths    []string      // asked in turn
		opens    bool
	}{
		"all answers take 6 s":                  {all(6 * time.Second), 24 * time.Millisecond, []string{"/v1/venues"}, true},
		"all answers take 12 s":                 {all(12 * time.Second), 24 * time.Millisecond, []string{"/v1/venues"}, true},
		"all answers take 6 s, in a quiet hour": {all(6 * time.Second), time.Second, []string{"/v1/venues"}, true},
		"every other answer takes 6 s":          {only("/v1/venues", 6*time.Second), 24 * time.Millisecond, []string{"/v1/venues", "/v1/sales"}, true},
		"all answers are quick":                 {all(time.Second), 24 * time.Millisecond, []string{"/v1/venues"}, false},
		"log-ins take 15 s, the shop is quick":  {only("/v1/auth/login", 15*time.Second), 24 * time.Millisecond, []string{"/v1/auth/login", "/v1/auth/login", "/v1/auth/login", "/v1/sales"}, false},
		"only log-ins, and they take 15 s":      {all(15 * time.Second), 24 * time.Millisecond, []string{"/v1/auth/login"}, false},
		"sign-ups take 15 s":                    {all(15 * time.Second), 24 * time.Millisecond, []string{"/v1/auth/signup"}, false},
		"confirmations wait 10 s":               {all(10 * time.Second), 24 * time.Millisecond, []string{"/v1/payments/confirm"}, false},
		"slow bookings hide behind no waiting":  {payments, 24 * time.Millisecond, []string{"/v1/payments/confirm", "/v1/payments/confirm", "/v1/venues", "/v1/bookings", "/v1/payments/confirm"}, true},
		"slow sales hide behind no log-in":      {only("/v1/sales", 6*time.Second), 24 * time.Millisecond, []string{"/v1/auth/login", "/v1/auth/login", "/v1/auth/login", "/v1/sales"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				settings := upstreamSettings(cfg)
				settings.Transport = c.upstream
				p, err := proxy.New(settings, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
				if err != nil {
					t.Fatal(err)
				}
				opened := false
				var asking sync.WaitGroup
				defer asking.Wait()
				for i := 0; time.Duration(i)*c.every < 22*time.Second && !opened; i++ {
					asking.Go(func() { _, _ = p.Get(context.Background(), c.paths[i%len(c.paths)]) })
					time.Sleep(c.every)
					opened = !p.Healthy()
				}
				if opened != c.opens {
					t.Errorf("the breaker opened: %v, want %v", opened, c.opens)
				}
			})
		})
	}
}

// hangingUpstream answers the shop's paths at once until it hangs; then nobody is
// answered before they give up.
type hangingUpstream struct {
	hangs func(path string) bool
}

func (h hangingUpstream) RoundTrip(r *http.Request) (*http.Response, error) {
	if h.hangs(r.URL.Path) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	return slowUpstream(func(string) time.Duration { return 10 * time.Millisecond }).RoundTrip(r)
}

// An upstream that takes connections and never answers is found out long before its
// callers' patience ends; one route that hangs, with nobody asking for others, is not it.
func TestTheBreakerOpensSoonForAnUpstreamThatHangs(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load[Config]([]string{"ENV=development"})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		hangs  func(path string) bool
		every  time.Duration // between two requests of fans
		within time.Duration // 0: never
	}{
		"everything hangs, in the rush":      {func(string) bool { return true }, 24 * time.Millisecond, 6 * time.Second},
		"everything hangs, in a quiet hour":  {func(string) bool { return true }, time.Hour, 12 * time.Second},
		"one route hangs, others are unused": {func(path string) bool { return path == "/v1/venues" }, 24 * time.Millisecond, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				settings := upstreamSettings(cfg)
				settings.Transport = hangingUpstream{c.hangs}
				p, err := proxy.New(settings, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				var asking sync.WaitGroup
				defer asking.Wait()
				defer cancel()
				asking.Go(func() { _ = p.Watch(ctx) })
				start, last := time.Now(), time.Time{}
				for ; time.Since(start) < 15*time.Second && p.Healthy(); time.Sleep(24 * time.Millisecond) {
					if time.Since(last) >= c.every {
						last = time.Now()
						asking.Go(func() { _, _ = p.Get(ctx, "/v1/venues") })
					}
				}
				if took := time.Since(start); p.Healthy() == (c.within > 0) || c.within > 0 && took > c.within {
					t.Errorf("healthy: %v after %s, want the breaker open within %s (0: never)", p.Healthy(), took, c.within)
				}
			})
		})
	}
}
