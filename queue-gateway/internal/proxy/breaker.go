package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/sony/gobreaker/v2"

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
	errCounted = errors.New("that this was not answered has been counted")
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

// breaker stops asking an upstream that keeps failing: all of it once it does not answer,
// and of one that answers the class of routes that it answers badly (late, or with 5xx).
// Requests are counted when they end: counted at their start, as gobreaker does it, those
// that take longer than the window would never meet their own failures in it. Those that
// nobody answers are counted sooner, see overdue.
type breaker struct {
	whole     *circuit // opens when requests go unanswered, whatever their class
	classes   map[routeClass]*class
	slow      time.Duration
	requests  *prometheus.CounterVec
	unreached atomic.Int64 // requests in a row without any answer
}

// class is the routes of one class.
type class struct {
	*circuit
	// Answers that were late, or spoke of overload, since the last good one.
	late, overloaded atomic.Int64
}

// struggling reports that too many answers in a row were late or spoke of overload.
func (c *class) struggling() bool { return c.late.Load()+c.overloaded.Load() >= maxStruggling }

func newBreaker(slow time.Duration, log *slog.Logger, metrics prometheus.Registerer) *breaker {
	factory := promauto.With(metrics)
	b := &breaker{slow: slow, classes: map[routeClass]*class{}, requests: factory.NewCounterVec(prometheus.CounterOpts{
		Name: "fairgate_upstream_requests_total",
		Help: "Requests handed to the booking API, by outcome: answered, slow, fault (5xx), unreached, refused (by the breaker), caller (its request could not be handed on).",
	}, []string{"outcome"})}
	for _, outcome := range []string{"answered", "slow", "fault", "unreached", "refused", "caller"} {
		b.requests.WithLabelValues(outcome)
	}
	gauges := newBreakerGauges(factory)
	b.whole = newCircuit("all", log, gauges, func(n gobreaker.Counts) bool {
		return b.unreached.Load() >= maxUnreached || mostFailed(n)
	})
	for _, name := range routeClasses() {
		c := &class{}
		c.circuit = newCircuit(string(name), log, gauges, func(n gobreaker.Counts) bool {
			return c.struggling() || mostFailed(n)
		})
		b.classes[name] = c
	}
	return b
}

// mostFailed reports that there were enough answers, and half of them bad.
func mostFailed(n gobreaker.Counts) bool {
	answers := n.TotalSuccesses + n.TotalFailures
	return answers >= enoughAnswers && n.TotalFailures*2 >= answers
}

// healthy reports whether fans can use the shop: nobody should be let in who cannot. That
// log-ins or the operators' pages fail is no reason to keep out those who wait.
func (b *breaker) healthy() bool {
	for _, name := range shopClasses() {
		if !b.classes[name].closed() {
			return false
		}
	}
	return b.whole.closed()
}

// closed reports whether everything is handed on.
func (b *breaker) closed() bool {
	for _, c := range b.classes {
		if !c.closed() {
			return false
		}
	}
	return b.whole.closed()
}

// quiet reports whether no answer has come for d.
func (b *breaker) quiet(d time.Duration) bool { return b.whole.silent() > d }

// do sends one request, or refuses it. What is counted is the time to the beginning of
// the answer, so the length of streams does not matter. The request's context must end
// when its caller has the answer.
func (b *breaker) do(request *http.Request, send func(*http.Request) (*http.Response, error)) (*http.Response, error) {
	var response *http.Response
	var verdict error
	c := b.classes[classOf(request)]
	ask := func() {
		hurried, overdue := b.watch(request, c)
		response, verdict = b.ask(hurried, c, send)
		if overdue.end() && response == nil { // its silence has been counted already
			verdict = fmt.Errorf("%w: %w", errCounted, verdict)
		}
	}
	// Refused by the class first: a request that is not sent says nothing of the whole.
	refusal := c.run(request, func() error {
		if err := b.whole.run(request, func() error { ask(); return ofWhole(response, verdict) }); err != nil {
			verdict = err
		}
		return ofClass(response, verdict)
	})
	if refusal != nil {
		verdict = refusal
	}
	b.requests.WithLabelValues(outcomeOf(response, verdict)).Inc()
	if response == nil {
		return nil, verdict
	}
	return response, nil
}

// probe asks whether the upstream is well, also while it is refused to others, and tells
// those circuits that want to know.
func (b *breaker) probe(request *http.Request, send func(*http.Request) (*http.Response, error)) *http.Response {
	response, verdict := b.ask(request, &class{circuit: b.whole}, send)
	b.whole.record(ofWhole(response, verdict))
	for _, c := range b.classes {
		if !c.closed() {
			c.record(ofClass(response, verdict))
		}
	}
	b.requests.WithLabelValues(outcomeOf(response, verdict)).Inc()
	return response
}

// ask sends a request and returns the answer, if there is one, with what it says about
// the upstream: nil for a good answer in time. What may take long is good whenever it
// comes, but a late one says only that there is no overload.
func (b *breaker) ask(request *http.Request, c *class, send func(*http.Request) (*http.Response, error)) (*http.Response, error) {
	start := time.Now()
	response, err := send(request)
	took := time.Since(start)
	if err != nil {
		return nil, b.unanswered(request, c, err, took)
	}
	if isFromInFront(response) {
		_ = response.Body.Close()
		if response.StatusCode == http.StatusServiceUnavailable { // else it reached one of several
			b.unreached.Add(1)
		}
		return nil, errInFront
	}
	b.unreached.Store(0)
	b.whole.answered()
	c.answered()
	late := took > b.slow
	switch {
	case response.StatusCode == http.StatusServiceUnavailable || response.StatusCode == http.StatusGatewayTimeout:
		c.overloaded.Add(1)
		return response, errFault
	case response.StatusCode >= http.StatusInternalServerError:
		return response, errFault
	case late && !mayTakeLong(request):
		c.late.Add(1)
		return response, errSlow
	case !late:
		c.late.Store(0)
	}
	c.overloaded.Store(0)
	return response, nil
}

// unanswered says whose fault it is that a request got no answer.
func (b *breaker) unanswered(request *http.Request, c *class, err error, took time.Duration) error {
	var network net.Error
	timedOut := errors.As(err, &network) && network.Timeout() && took > connectTimeout
	switch {
	case errors.Is(err, errCaller):
		return err
	case request.Context().Err() != nil && took < b.slow && !errors.Is(context.Cause(request.Context()), errNoPulse): // whoever asked did not wait for long
		return fmt.Errorf("%w: %w", errCaller, err)
	case timedOut && mayTakeLong(request):
		return fmt.Errorf("%w: %w", errPatient, err)
	case took >= b.slow && b.whole.silent() < b.slow: // others are answered: this route hangs, not the upstream
		c.late.Add(1)
		return fmt.Errorf("%w: %w", errSlow, err)
	}
	b.unreached.Add(1)
	return err
}

func outcomeOf(response *http.Response, err error) string {
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
