package httpd

import "github.com/prometheus/client_golang/prometheus"

// Metrics exports how many streams are open and how many may be.
func (s *Streams) Metrics() []prometheus.Collector {
	return []prometheus.Collector{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "fairgate_http_open_streams", Help: "Open event streams.",
		}, func() float64 { return float64(s.Open()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "fairgate_http_limit_streams", Help: "The most event streams that may be open; above it callers poll.",
		}, func() float64 { return float64(s.limit) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "fairgate_http_refused_streams_total", Help: "Event streams refused above the limit or while stopping.",
		}, func() float64 { return float64(s.refused.Load()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "fairgate_http_crowded_streams_total", Help: "Event streams refused because too many are open from the caller's network.",
		}, func() float64 { return float64(s.crowded.Load()) }),
	}
}
