package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/sony/gobreaker/v2"
	"github.com/valyala/fasthttp"

	"github.com/fairgate/fairgate/shared/guard"
	"github.com/fairgate/fairgate/shared/platform/httpd"
)

// The outcomes that are not failures of the transport.
var (
	errPatient = errors.New("how long this takes says nothing about the upstream")
	errSlow    = errors.New("the upstream took too long")
	errFault   = errors.New("the upstream failed")
	errInFront = errors.New("a load balancer in front of the upstream answered in its place")
	errOverdue = errors.New("the upstream has not answered anybody for long")
	errNoPulse = errors.New("the upstream did not answer the probe")
)

// errCaller marks a failure as the caller's, not the upstream's: a body that cannot be
// read, a request that cannot be sent, or one that its caller does not wait for.
var errCaller = errors.New("the caller's request cannot be handed on")

// When the breaker opens.
const (
	window        = 10 * time.Second
	enoughAnswers = 20 // in the window, before a share of them means anything
	// maxUnreached is how many requests in a row may go without any answer.
	maxUnreached = 3
	// maxStruggling is how many answers in a row may be late, or say that the upstream is
	// overloaded: with few callers there are never enoughAnswers.
	maxStruggling = 10
)

// breaker stops asking an upstream that keeps failing. Requests are counted when they
// end: counted at their start, as gobreaker does it, those that take longer than the
// window would never meet their own failures in it. Those that nobody answers are counted
// sooner, see overdue.
type breaker struct {
	circuit    *gobreaker.CircuitBreaker[*http.Response]
	slow       time.Duration
	requests   *prometheus.CounterVec
	lastAnswer atomic.Int64 // Unix nanoseconds
	unreached  atomic.Int64 // requests in a row without any answer
	struggling atomic.Int64 // answers in a row that were late or spoke of overload
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
		Help: "Requests handed to the booking API, by outcome: answered, slow, fault (5xx), unreached, refused (by the breaker), caller (its request could not be handed on).",
	}, []string{"outcome"})}
	for _, outcome := range []string{"answered", "slow", "fault", "unreached", "refused", "caller"} {
		b.requests.WithLabelValues(outcome)
	}
	b.circuit = gobreaker.NewCircuitBreaker[*http.Response](gobreaker.Settings{
		Name:         "booking-api",
		MaxRequests:  3,
		Interval:     window,
		BucketPeriod: time.Second,
		Timeout:      2 * time.Second,
		ReadyToTrip: func(n gobreaker.Counts) bool {
			answers := n.TotalSuccesses + n.TotalFailures
			return b.unreached.Load() >= maxUnreached || b.struggling.Load() >= maxStruggling ||
				answers >= enoughAnswers && n.TotalFailures*2 >= answers
		},
		IsExcluded: func(err error) bool { return errors.Is(err, errCaller) || errors.Is(err, errPatient) },
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

// do sends one request, or refuses it. What is counted is the time to the beginning of
// the answer, so the length of streams does not matter.
func (b *breaker) do(request *http.Request, send func(*http.Request) (*http.Response, error)) (*http.Response, error) {
	var response *http.Response
	var verdict error
	ask := func() (*http.Response, error) {
		response, verdict = b.ask(request, send)
		return response, verdict
	}
	if b.closed() {
		overdue := b.watch(request)
		_, _ = ask()
		counted := overdue.end()
		if b.closed() && !counted { // else it was sent before the breaker opened, and says nothing new
			_, _ = b.circuit.Execute(func() (*http.Response, error) { return response, verdict })
		}
	} else if _, err := b.circuit.Execute(ask); response == nil && verdict == nil {
		verdict = err
	}
	b.requests.WithLabelValues(outcomeOf(response, verdict)).Inc()
	if response != nil {
		b.lastAnswer.Store(time.Now().UnixNano())
		return response, nil
	}
	return nil, verdict
}

// ask sends a request and returns the answer, if there is one, with what it says about
// the upstream: nil for an answer in time.
func (b *breaker) ask(request *http.Request, send func(*http.Request) (*http.Response, error)) (*http.Response, error) {
	start, patient := time.Now(), mayTakeLong(request)
	response, err := send(request)
	took := time.Since(start)
	if err != nil {
		return nil, b.unanswered(request, err, took, patient)
	}
	if isFromInFront(response) {
		_ = response.Body.Close()
		if response.StatusCode == http.StatusServiceUnavailable { // else it reached one of several
			b.unreached.Add(1)
		}
		return nil, errInFront
	}
	b.unreached.Store(0)
	switch {
	case response.StatusCode == http.StatusServiceUnavailable || response.StatusCode == http.StatusGatewayTimeout:
		b.struggling.Add(1)
		return response, errFault
	case response.StatusCode >= http.StatusInternalServerError:
		return response, errFault
	case patient:
		return response, errPatient
	case took > b.slow:
		b.struggling.Add(1)
		return response, errSlow
	}
	b.struggling.Store(0)
	return response, nil
}

// overdue counts a request that still waits for its answer.
type overdue struct {
	mu             sync.Mutex
	timer          *time.Timer
	ended, counted bool
}

// watch counts the request as unreached, while it waits, once it has waited for slow and
// nobody else has had an answer for as long, the probe included: one slow route does not
// count. What may take long is not watched.
func (b *breaker) watch(request *http.Request) *overdue {
	o := &overdue{}
	if mayTakeLong(request) {
		return o
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.timer = time.AfterFunc(b.slow, guard.Func("proxy", func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		silent := time.Since(time.Unix(0, b.lastAnswer.Load()))
		switch {
		case o.ended || !b.closed():
		case silent < b.slow:
			o.timer.Reset(b.slow - silent)
		default:
			o.counted = true
			b.unreached.Add(1)
			_, _ = b.circuit.Execute(func() (*http.Response, error) { return nil, errOverdue })
		}
	}))
	return o
}

// end is called when the request has ended; it reports whether it is already counted.
func (o *overdue) end() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true
	if o.timer != nil {
		o.timer.Stop()
	}
	return o.counted
}

// unanswered says whose fault it is that a request got no answer.
func (b *breaker) unanswered(request *http.Request, err error, took time.Duration, patient bool) error {
	var network net.Error
	switch {
	case errors.Is(err, errCaller):
		return err
	case request.Context().Err() != nil && took < b.slow && !errors.Is(context.Cause(request.Context()), errNoPulse): // whoever asked did not wait for long
		return fmt.Errorf("%w: %w", errCaller, err)
	case patient && errors.As(err, &network) && network.Timeout() && took > connectTimeout:
		return fmt.Errorf("%w: %w", errPatient, err)
	}
	b.unreached.Add(1)
	return err
}

func outcomeOf(response *http.Response, err error) string {
	switch {
	case err == nil, response != nil && errors.Is(err, errPatient):
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

// mayTakeLong reports whether a late answer is no sign of trouble: what was asked to
// wait, bodies that arrive as slowly as their callers send them, and what hashes a
// password, which takes as long as the machine is busy with others' passwords.
func mayTakeLong(r *http.Request) bool {
	streamed, path := r.ContentLength < 0 || r.ContentLength > smallBody, routedPath(r)
	return streamed || hashesPassword(r.Method, path) || path == "/v1/payments/confirm" || strings.Contains(strings.ToLower(r.Header.Get("Prefer")), "wait")
}

// routedPath is the path as the upstream's server routes by it: without doubled slashes
// and dot segments.
func routedPath(r *http.Request) string {
	uri := fasthttp.AcquireURI()
	defer fasthttp.ReleaseURI(uri)
	uri.SetPath(r.URL.EscapedPath())
	return string(uri.Path())
}

func hashesPassword(method, path string) bool {
	switch path {
	case "/login", "/signup":
		return method == http.MethodPost
	case "/v1/me":
		return method == http.MethodDelete || method == http.MethodPatch
	default:
		return strings.HasPrefix(path, "/v1/auth/")
	}
}
