package redisx

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/fairgate/fairgate/shared/guard"
)

type poolMetrics struct {
	client                      redis.UniversalClient
	connections, gets, timeouts *prometheus.Desc
}

// PoolMetrics exports the state of a client's connections. Collecting asks the pool,
// never the server.
func PoolMetrics(client redis.UniversalClient) prometheus.Collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("fairgate_redis_pool_"+name, help, labels, nil)
	}
	return poolMetrics{
		client:      client,
		connections: desc("connections", "Connections to Redis, by state (used, idle).", "state"),
		gets:        desc("gets_total", "Connections taken from the pool, by source (pool, dialled).", "source"),
		timeouts:    desc("timeouts_total", "Times that no connection became free in time."),
	}
}

// Describe implements prometheus.Collector.
func (m poolMetrics) Describe(out chan<- *prometheus.Desc) {
	out <- m.connections
	out <- m.gets
	out <- m.timeouts
}

// Collect implements prometheus.Collector.
func (m poolMetrics) Collect(out chan<- prometheus.Metric) {
	defer guard.Recover("metrics") // Prometheus collects on goroutines of its own
	s := m.client.PoolStats()
	const now, counter = prometheus.GaugeValue, prometheus.CounterValue
	idle := min(s.IdleConns, s.TotalConns) // both are read one after the other
	out <- prometheus.MustNewConstMetric(m.connections, now, float64(s.TotalConns-idle), "used")
	out <- prometheus.MustNewConstMetric(m.connections, now, float64(idle), "idle")
	out <- prometheus.MustNewConstMetric(m.gets, counter, float64(s.Hits), "pool")
	out <- prometheus.MustNewConstMetric(m.gets, counter, float64(s.Misses), "dialled")
	out <- prometheus.MustNewConstMetric(m.timeouts, counter, float64(s.Timeouts))
}
