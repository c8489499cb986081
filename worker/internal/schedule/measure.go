package schedule

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/platform/rabbit"
	"github.com/fairgate/fairgate/shared/platform/run"
)

// sweep's items are the bookings that were checked; those that are broken failed.
func sweep(check func(ctx context.Context) (booking.Swept, error)) func(context.Context) (run.Tally, error) {
	return func(ctx context.Context) (run.Tally, error) {
		swept, err := check(ctx)
		return run.Tally{Selected: swept.Checked, Done: swept.Checked - swept.Broken, Failed: swept.Broken}, err
	}
}

// invariants shows what the leader's sweeps have found, on every worker: a leader of
// the past would go on showing what it found.
func invariants(count func(ctx context.Context) (map[string]int, error), metrics prometheus.Registerer) func(context.Context) (run.Tally, error) {
	violations := promauto.With(metrics).NewGaugeVec(prometheus.GaugeOpts{
		Name: "fairgate_booking_invariant_violations", Help: "Bookings in breach of an invariant that were found and have not healed. 0, or something is broken.",
	}, []string{"invariant"})
	return func(ctx context.Context) (run.Tally, error) {
		found, err := count(ctx)
		for name, n := range found {
			violations.WithLabelValues(name).Set(float64(n))
		}
		return run.Tally{}, err
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

// queueDepths forgets what it knew while there is no broker: an old figure would look
// like a new one.
func queueDepths(depths func(ctx context.Context) ([]rabbit.Depth, error), metrics prometheus.Registerer) func(context.Context) (run.Tally, error) {
	factory := promauto.With(metrics)
	messages := factory.NewGaugeVec(prometheus.GaugeOpts{
		Name: "fairgate_message_queue_messages", Help: "Messages that wait in a queue of the broker: work queues, the rungs of the retry ladder, fairgate.parked.",
	}, []string{"queue"})
	consumers := factory.NewGaugeVec(prometheus.GaugeOpts{
		Name: "fairgate_message_queue_consumers", Help: "Consumers of a queue, of all workers.",
	}, []string{"queue"})
	return func(ctx context.Context) (run.Tally, error) {
		found, err := depths(ctx)
		if err != nil {
			messages.Reset()
			consumers.Reset()
			if errors.Is(err, rabbit.ErrDown) {
				return run.Tally{}, nil // readiness says so, and the connection's own metric
			}
			return run.Tally{}, err
		}
		for _, queue := range found {
			messages.WithLabelValues(queue.Queue).Set(float64(queue.Messages))
			consumers.WithLabelValues(queue.Queue).Set(float64(queue.Consumers))
		}
		return run.Tally{}, nil
	}
}

func pendingMoney(pending func(ctx context.Context) ([]booking.Pending, error), metrics prometheus.Registerer) func(context.Context) (run.Tally, error) {
	factory, labels := promauto.With(metrics), []string{"kind", "state"}
	items := factory.NewGaugeVec(prometheus.GaugeOpts{
		Name: "fairgate_booking_pending_items", Help: "Payments and refunds (kind) that are not settled, by state.",
	}, labels)
	age := factory.NewGaugeVec(prometheus.GaugeOpts{
		Name: "fairgate_booking_pending_age_seconds", Help: "How long the oldest of them has waited, by kind and state.",
	}, labels)
	return func(ctx context.Context) (run.Tally, error) {
		found, err := pending(ctx)
		if err != nil {
			return run.Tally{}, err
		}
		for _, p := range found {
			items.WithLabelValues(p.Kind, p.State).Set(float64(p.Count))
			age.WithLabelValues(p.Kind, p.State).Set(p.Oldest.Seconds())
		}
		return run.Tally{}, nil
	}
}
