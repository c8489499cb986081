package run

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairgate/fairgate/shared/guard"
)

type panicMetrics struct{ total *prometheus.Desc }

// PanicMetrics exports how many panics each part of this process has had. None of them
// ended it; see package guard.
func PanicMetrics() prometheus.Collector {
	return panicMetrics{prometheus.NewDesc("fairgate_process_panics_total",
		"Panics that were recovered, by the part of the process that had them.", []string{"part"}, nil)}
}

// Describe implements prometheus.Collector.
func (m panicMetrics) Describe(out chan<- *prometheus.Desc) { out <- m.total }

// Collect implements prometheus.Collector.
func (m panicMetrics) Collect(out chan<- prometheus.Metric) {
	defer guard.Recover("metrics")
	for part, n := range guard.Counts() {
		out <- prometheus.MustNewConstMetric(m.total, prometheus.CounterValue, float64(n), part)
	}
}
