package proxy

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/sony/gobreaker/v2"

	"github.com/fairgate/fairgate/shared/platform/httpd"
)

// The outcomes that are not failures of the transport.
var (
	errSlow    = errors.New("the upstream took too long")
	errFault   = errors.New("the upstream failed")
	errInFront = errors.New("a load balancer in front of the upstream answered in its place")
)

// errCaller marks a failure as the caller's, not the upstream's.
var errCaller = errors.New("the caller's body cannot be read")

// breaker stops asking an upstream that keeps failing.
type breaker struct {
	circuit    *gobreaker.CircuitBreaker[*http.Response]
	slow       time.Duration
	requests   *prometheus.CounterVec
	lastAnswer atomic.Int64 // Unix nanoseconds
	unreached  atomic.Int64 // requests in a row without any answer
	tripped    atomic.Bool  // open or half open; asking the circuit takes a lock, and each poll asks
}

func newBreaker(slow time.Duration, log *slog.Logger, metrics prometheus.Registerer) *breaker {
	factory := promauto.With(metrics)
	state := factory.NewGauge(prometheus.GaugeOpts{
		Name: "fairgate_upstream_breaker_state",
		Help: "The breaker in front of the booking API: 0 closed, 1 half open, 2 open.",
	})
	trips := factory.NewCounter(prometheus.CounterOpts{
		Name: "fairgate_upstream_breaker_trips_total", Help: "Times that the breaker has opened.",
	})
	b := &breaker{slow: slow, requests: factory.NewCounterVec(prometheus.CounterOpts{
		Name: "fairgate_upstream_requests_total",
		Help: "Requests handed to the booking API, by outcome: answered, slow, fault (5xx), unreached, refused (by the breaker), caller (its body could not be read).",
	}, []string{"outcome"})}
	for _, outcome := range []string{"answered", "slow", "fault", "unreached", "refused", "caller"} {
		b.requests.WithLabelValues(outcome)
	}
	b.circuit = gobreaker.NewCircuitBreaker[*http.Response](gobreaker.Settings{
		Name:         "booking-api",
		MaxRequests:  3,
		Interval:     10 * time.Second,
		BucketPeriod: time.Second,
		Timeout:      2 * time.Second,
		ReadyToTrip: func(n gobreaker.Counts) bool {
			return b.unreached.Load() >= 3 || n.Requests >= 20 && n.TotalFailures*2 >= n.Requests
		},
		IsExcluded: func(err error) bool { return errors.Is(err, errCaller) },
		OnStateChange: func(_ string, from, to gobreaker.State) {
			state.Set(float64(to))
			b.tripped.Store(to != gobreaker.StateClosed)
			if to == gobreaker.StateOpen {
				trips.Inc()
			}
			log.Warn("upstream breaker", "from", from.String(), "to", to.String())
		},
	})
	return b
}

func (b *breaker) closed() bool { return !b.tripped.Load() }

// quiet reports whether no answer has come for d.
func (b *breaker) quiet(d time.Duration) bool {
	return time.Since(time.Unix(0, b.lastAnswer.Load())) > d
}

// do sends one request. What is counted is the time to the beginning of the
// answer, so the length of streams does not matter; a confirmation and whatever
// else was asked to wait may take long.
func (b *breaker) do(request *http.Request, send func(*http.Request) (*http.Response, error)) (*http.Response, error) {
	start := time.Now()
	response, err := b.circuit.Execute(func() (*http.Response, error) {
		response, err := send(request)
		if err != nil && !errors.Is(err, errCaller) {
			b.unreached.Add(1)
			return nil, err
		}
		if err == nil && isFromInFront(response) {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusServiceUnavailable { // else it reached one of several
				b.unreached.Add(1)
			}
			return nil, errInFront
		}
		b.unreached.Store(0)
		switch {
		case err != nil:
			return nil, err
		case response.StatusCode >= http.StatusInternalServerError:
			return response, errFault
		case time.Since(start) > b.slow && !mayTakeLong(request):
			return response, errSlow
		}
		return response, nil
	})
	b.requests.WithLabelValues(outcomeOf(err)).Inc()
	if response != nil {
		b.lastAnswer.Store(time.Now().UnixNano())
		return response, nil
	}
	return nil, err
}

func outcomeOf(err error) string {
	switch {
	case err == nil:
		return "answered"
	case errors.Is(err, errSlow):
		return "slow"
	case errors.Is(err, errFault):
		return "fault"
	case errors.Is(err, errCaller):
		return "caller"
	case errors.Is(err, gobreaker.ErrOpenState), errors.Is(err, gobreaker.ErrTooManyRequests):
		return "refused"
	}
	return "unreached"
}

// isFromInFront reports whether a load balancer answered in place of the upstream,
// because it has no server, or the server's connection broke: its answers lack the
// request id that the upstream always sends.
func isFromInFront(r *http.Response) bool {
	switch r.StatusCode {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return r.Header.Get(httpd.HeaderRequestID) == ""
	}
	return false
}

// mayTakeLong reports whether a late answer is no sign of trouble: what was asked
// to wait, and bodies that arrive as slowly as their callers send them.
func mayTakeLong(r *http.Request) bool {
	streamed := r.ContentLength < 0 || r.ContentLength > smallBody
	return streamed || r.URL.Path == "/v1/payments/confirm" || strings.Contains(r.Header.Get("Prefer"), "wait")
}
