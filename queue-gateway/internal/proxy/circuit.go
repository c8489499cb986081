package proxy

import (
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/sony/gobreaker/v2"
)

// circuit is closed, open, or half open: it lets a few short requests try.
type circuit struct {
	gate       *gobreaker.CircuitBreaker[struct{}]
	tripped    atomic.Bool  // open or half open; asking the gate takes a lock, and each poll asks
	lastAnswer atomic.Int64 // Unix nanoseconds
}

// breakerGauges show the circuits.
type breakerGauges struct {
	state *prometheus.GaugeVec
	trips *prometheus.CounterVec
}

func newBreakerGauges(factory promauto.Factory) breakerGauges {
	return breakerGauges{
		state: factory.NewGaugeVec(prometheus.GaugeOpts{
			Name: "fairgate_upstream_breaker_state",
			Help: "The breaker in front of the booking API, by class of routes, and all for the API as a whole: 0 closed, 1 half open, 2 open.",
		}, []string{"class"}),
		trips: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "fairgate_upstream_breaker_trips_total", Help: "Times that the breaker has opened, by class of routes.",
		}, []string{"class"}),
	}
}

func newCircuit(name string, log *slog.Logger, gauges breakerGauges, trips func(gobreaker.Counts) bool) *circuit {
	c := &circuit{}
	gauges.state.WithLabelValues(name).Set(0)
	gauges.trips.WithLabelValues(name).Add(0)
	c.gate = gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		Name: name, MaxRequests: 3, Interval: window, BucketPeriod: time.Second, Timeout: 2 * time.Second,
		ReadyToTrip: trips,
		IsExcluded:  func(err error) bool { return errors.Is(err, errNoSign) },
		OnStateChange: func(_ string, from, to gobreaker.State) {
			gauges.state.WithLabelValues(name).Set(float64(to))
			c.tripped.Store(to != gobreaker.StateClosed)
			if to == gobreaker.StateOpen {
				gauges.trips.WithLabelValues(name).Inc()
			}
			log.Warn("upstream breaker", "class", name, "from", from.String(), "to", to.String())
		},
	})
	return c
}

func (c *circuit) closed() bool { return !c.tripped.Load() }

func (c *circuit) answered() { c.lastAnswer.Store(time.Now().UnixNano()) }

// silent is how long nobody has been answered.
func (c *circuit) silent() time.Duration { return time.Since(time.Unix(0, c.lastAnswer.Load())) }

// run carries out ask, which sends request and whose error is what that says about the
// upstream, or refuses to. While the circuit is not closed it refuses what may take long:
// that would hold one of the few tries for as long as its caller likes, and keep out
// everybody else and the probe.
func (c *circuit) run(request *http.Request, ask func() error) (refusal error) {
	if c.closed() {
		verdict := ask()
		if c.closed() { // else it was sent before the circuit opened, and says nothing new
			c.record(verdict)
		}
		return nil
	}
	if mayTakeLong(request) {
		return gobreaker.ErrOpenState
	}
	asked := false
	_, err := c.gate.Execute(func() (struct{}, error) {
		asked = true
		return struct{}{}, ask()
	})
	if !asked {
		return err
	}
	return nil
}

// record counts a verdict, unless the circuit is open.
func (c *circuit) record(verdict error) {
	_, _ = c.gate.Execute(func() (struct{}, error) { return struct{}{}, verdict })
}

// errNoSign says that a request tells a circuit nothing.
var errNoSign = errors.New("no sign of how the upstream is")

// ofWhole is what a request says about the upstream as a whole: any answer of its own is a
// good sign.
func ofWhole(response *http.Response, verdict error) error {
	switch {
	case response != nil:
		return nil
	case isOneOf(verdict, errCaller, errPatient, errSlow, errCounted, gobreaker.ErrOpenState, gobreaker.ErrTooManyRequests):
		return errNoSign
	}
	return verdict
}

// ofClass is what a request says about its class of routes: one that was not answered says
// it of the upstream instead, unless others were answered meanwhile (errSlow).
func ofClass(response *http.Response, verdict error) error {
	if response == nil && !isOneOf(verdict, errSlow) {
		return errNoSign
	}
	return verdict
}

func isOneOf(err error, those ...error) bool {
	for _, one := range those {
		if errors.Is(err, one) {
			return true
		}
	}
	return false
}
