package schedule

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/fairgate/fairgate/shared/platform/run"
)

// invariants counts breaches into a metric. Its items are the invariants that were
// checked; those that are broken failed.
func invariants(count func(ctx context.Context) (map[string]int, error), metrics prometheus.Registerer) func(context.Context) (run.Tally, error) {
	violations := promauto.With(metrics).NewGaugeVec(prometheus.GaugeOpts{
		Name: "fairgate_invariant_violations", Help: "Breaches of an invariant of bookings and money, at the last check of this worker. 0, or something is broken.",
	}, []string{"invariant"})
	return func(ctx context.Context) (run.Tally, error) {
		found, err := count(ctx)
		if err != nil {
			return run.Tally{}, err
		}
		tally := run.Tally{Selected: len(found)}
		for name, n := range found {
			violations.WithLabelValues(name).Set(float64(n))
			if n == 0 {
				tally.Done++
			} else {
				tally.Failed++
			}
		}
		return tally, nil
	}
}

func outboxLag(lag func(ctx context.Context) (int, time.Duration, error), metrics prometheus.Registerer) func(context.Context) (run.Tally, error) {
	factory := promauto.With(metrics)
	waiting := factory.NewGauge(prometheus.GaugeOpts{
		Name: "fairgate_outbox_waiting_events", Help: "Events that are stored and not yet published.",
	})
	age := factory.NewGauge(prometheus.GaugeOpts{
		Name: "fairgate_outbox_oldest_age_seconds", Help: "How long the oldest of them has waited.",
	})
	return func(ctx context.Context) (run.Tally, error) {
		events, oldest, err := lag(ctx)
		if err != nil {
			return run.Tally{}, err
		}
		waiting.Set(float64(events))
		age.Set(oldest.Seconds())
		return run.Tally{}, nil
	}
}
