package worker

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// alarms counts what code cannot put right.
type alarms struct{ rung *prometheus.CounterVec }

func newAlarms(registerer prometheus.Registerer) alarms {
	a := alarms{promauto.With(registerer).NewCounterVec(prometheus.CounterOpts{
		Name: "fairgate_booking_alarms_total", Help: "What an operator must look at, by kind (payment_mismatch, payment_unknown, refund_rejected, refund_unknown).",
	}, []string{"kind"})}
	for _, kind := range []string{"payment_mismatch", "payment_unknown", "refund_rejected", "refund_unknown"} {
		a.rung.WithLabelValues(kind)
	}
	return a
}

func (a alarms) ring(kind string) { a.rung.WithLabelValues(kind).Inc() }

// newDeliveries times what is sent to people, by channel and outcome.
func newDeliveries(registerer prometheus.Registerer) *prometheus.HistogramVec {
	sent := promauto.With(registerer).NewHistogramVec(prometheus.HistogramOpts{
		Name:    "fairgate_notify_delivery_duration_seconds",
		Help:    "Time to hand over a mail, a Slack post or a push notification (channel), by outcome (sent, failed). One that failed is tried again.",
		Buckets: []float64{.001, .005, .01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
	}, []string{"channel", "outcome"})
	for _, channel := range []string{"mail", "slack", "push"} {
		for _, outcome := range []string{"sent", "failed"} {
			sent.WithLabelValues(channel, outcome)
		}
	}
	return sent
}

// counted times send.
func counted[T any](deliveries *prometheus.HistogramVec, channel string, send func(context.Context, T) error) func(context.Context, T) error {
	return func(ctx context.Context, what T) error {
		started := time.Now()
		err := send(ctx, what)
		outcome := "sent"
		if err != nil {
			outcome = "failed"
		}
		deliveries.WithLabelValues(channel, outcome).Observe(time.Since(started).Seconds())
		return err
	}
}
