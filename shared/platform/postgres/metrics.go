package postgres

import (
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairgate/fairgate/shared/guard"
)

type poolMetrics struct {
	pool                                          *pgxpool.Pool
	connections, limit, acquires, cancelled, wait *prometheus.Desc
}

// PoolMetrics exports the state of a pool. Collecting asks the pool, never the
// server.
func PoolMetrics(pool *pgxpool.Pool) prometheus.Collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("fairgate_postgres_pool_"+name, help, labels, nil)
	}
	return poolMetrics{
		pool:        pool,
		connections: desc("connections", "Connections to Postgres, by state (used, idle, dialling).", "state"),
		limit:       desc("limit_connections", "The most connections there may be."),
		acquires:    desc("acquires_total", "Connections taken from the pool, by whether one had to be waited for (waited, at_once).", "how"),
		cancelled:   desc("cancelled_acquires_total", "Callers who gave up waiting for a connection."),
		wait:        desc("acquire_wait_seconds_total", "Time that callers have waited for a connection."),
	}
}

// Describe implements prometheus.Collector.
func (m poolMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.connections, m.limit, m.acquires, m.cancelled, m.wait} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (m poolMetrics) Collect(out chan<- prometheus.Metric) {
	defer guard.Recover("metrics") // Prometheus collects on goroutines of its own
	s := m.pool.Stat()
	const now, counter = prometheus.GaugeValue, prometheus.CounterValue
	waited := min(s.EmptyAcquireCount(), s.AcquireCount())
	out <- prometheus.MustNewConstMetric(m.connections, now, float64(s.AcquiredConns()), "used")
	out <- prometheus.MustNewConstMetric(m.connections, now, float64(s.IdleConns()), "idle")
	out <- prometheus.MustNewConstMetric(m.connections, now, float64(s.ConstructingConns()), "dialling")
	out <- prometheus.MustNewConstMetric(m.limit, now, float64(s.MaxConns()))
	out <- prometheus.MustNewConstMetric(m.acquires, counter, float64(waited), "waited")
	out <- prometheus.MustNewConstMetric(m.acquires, counter, float64(s.AcquireCount()-waited), "at_once")
	out <- prometheus.MustNewConstMetric(m.cancelled, counter, float64(s.CanceledAcquireCount()))
	out <- prometheus.MustNewConstMetric(m.wait, counter, s.AcquireDuration().Seconds())
}
