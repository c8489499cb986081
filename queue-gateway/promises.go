package queuegateway

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/fairgate/fairgate/shared/clock"
	"github.com/fairgate/fairgate/shared/queue"
)

const (
	promiseEvery = time.Second // of one line: a sample tells as much as all of them
	promiseLimit = 2048        // open ones of one line
	promiseGrace = 2 * time.Second
)

// promise is the waiting time that a fan was told on joining.
type promise struct {
	epoch uint32
	key   uint64
	at    time.Time
	eta   queue.ETA
}

// promises compares the waiting times that were told with those that came true, for
// one fan a second. A line that is stopped cannot keep its promises; those open then
// are forgotten. Safe for concurrent use.
type promises struct {
	clock     clock.Clock
	outcomes  *prometheus.CounterVec
	deviation prometheus.Histogram

	mu   sync.Mutex
	open map[string][]promise // by sale, in the order of joining, which is that of the keys
}

func newPromises(clk clock.Clock, registerer prometheus.Registerer) *promises {
	factory := promauto.With(registerer)
	p := &promises{clock: clk, open: map[string][]promise{},
		outcomes: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "fairgate_queue_eta_promises_total",
			Help: "Waiting times told to joining fans (one a second and line) whose turn has come: kept within what nine in ten were promised, or late.",
		}, []string{"outcome"}),
		deviation: factory.NewHistogram(prometheus.HistogramOpts{
			Name:    "fairgate_queue_eta_deviation_ratio",
			Help:    "Actual waiting time divided by the one told; 1 is exact. Only of waits of 10 s and more.",
			Buckets: []float64{.25, .5, .75, .9, 1, 1.1, 1.25, 1.5, 2, 4},
		}),
	}
	p.outcomes.WithLabelValues("kept")
	p.outcomes.WithLabelValues("late")
	return p
}

// note remembers what a fan who joined was told.
func (p *promises) note(place queue.Place) {
	if place.State != queue.PlaceWaiting || place.ETA == nil {
		return
	}
	now := p.clock.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	open := p.open[place.SaleID]
	if n := len(open); n >= promiseLimit || n > 0 && now.Sub(open[n-1].at) < promiseEvery {
		return
	}
	key, err := strconv.ParseUint(place.Key, 10, 64)
	if err != nil {
		return
	}
	p.open[place.SaleID] = append(open, promise{place.Epoch, key, now, *place.ETA})
}

// standing is how far a line has come.
type standing struct {
	epoch   uint32
	serving uint64
	moving  bool
}

// settle judges the promises to those whose turn has come.
func (p *promises) settle(stand func(sale string) (standing, bool)) {
	now := p.clock.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	for sale, open := range p.open {
		line, known := stand(sale)
		if !known || !line.moving {
			delete(p.open, sale)
			continue
		}
		for len(open) > 0 && (open[0].epoch != line.epoch || open[0].key <= line.serving) {
			if open[0].epoch == line.epoch {
				p.judge(open[0], now.Sub(open[0].at))
			}
			open = open[1:]
		}
		if p.open[sale] = open; len(open) == 0 {
			delete(p.open, sale)
		}
	}
}

func (p *promises) judge(told promise, waited time.Duration) {
	outcome := "kept"
	if waited > told.eta.P90+promiseGrace {
		outcome = "late"
	}
	p.outcomes.WithLabelValues(outcome).Inc()
	if told.eta.P50 >= 10*time.Second {
		p.deviation.Observe(waited.Seconds() / told.eta.P50.Seconds())
	}
}

// run settles once a second until ctx ends.
func (p *promises) run(ctx context.Context, stand func(sale string) (standing, bool)) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			p.settle(stand)
		}
	}
}

// stand says how far a line has come, as of the last second.
func (l *lines) stand(sale string) (standing, bool) {
	policy, err := l.Policy(sale)
	if err != nil {
		return standing{}, false
	}
	figures, err := l.Figures(sale)
	if err != nil {
		return standing{}, false
	}
	serving, err := strconv.ParseUint(figures.Serving, 10, 64)
	return standing{policy.Epoch, serving, admits(policy) && !l.held()}, err == nil
}

// Join implements api.Lines and notes what the fan is told.
func (l *lines) Join(ctx context.Context, sale, subject string) (queue.Place, bool, error) {
	place, created, err := l.Front.Join(ctx, sale, subject)
	if err == nil && created {
		l.told.note(place)
	}
	return place, created, err
}

// admits reports whether a line is to let fans in.
func admits(p queue.Policy) bool {
	return (p.State == queue.Open || p.State == queue.Draining) && !p.SoldOut
}
