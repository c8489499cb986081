package bookingapi

import "github.com/prometheus/client_golang/prometheus"

// holdMetrics implements booking.HoldObserver.
type holdMetrics struct{ asked *prometheus.CounterVec }

func newHoldMetrics(registry prometheus.Registerer) holdMetrics {
	m := holdMetrics{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fairgate_booking_holds_total",
		Help: "Holds asked for, by the store that decided (redis, postgres) and the outcome: placed, replayed or the code of the error; undone: one whose answer was lost was taken back.",
	}, []string{"store", "outcome"})}
	m.asked.WithLabelValues("redis", "placed")
	m.asked.WithLabelValues("postgres", "placed")
	registry.MustRegister(m.asked)
	return m
}

func (m holdMetrics) HoldAsked(store, result string) { m.asked.WithLabelValues(store, result).Inc() }
