package queuegateway

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairgate/fairgate/shared/queue"
	"github.com/fairgate/fairgate/shared/queue/queueredis"
)

type lineGauge struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(queue.Figures) float64
}

func gauge(name, help string, kind prometheus.ValueType, value func(queue.Figures) float64) lineGauge {
	return lineGauge{prometheus.NewDesc("fairgate_queue_"+name, help, []string{"sale"}, nil), kind, value}
}

// lineMetrics exports the figures of the lines that a front knows.
type lineMetrics struct {
	front  *queueredis.Front
	gauges []lineGauge
	age    *prometheus.Desc
}

func newLineMetrics(front *queueredis.Front) lineMetrics {
	const counter, now = prometheus.CounterValue, prometheus.GaugeValue
	return lineMetrics{front: front, gauges: []lineGauge{
		gauge("waiting_fans", "Fans who wait.", now, func(f queue.Figures) float64 { return float64(f.Waiting) }),
		gauge("offered_fans", "Fans whose turn it is.", now, func(f queue.Figures) float64 { return float64(f.Offered) }),
		gauge("ready_fans", "Fans about to enter.", now, func(f queue.Figures) float64 { return float64(f.Ready) }),
		gauge("active_sessions", "Booking sessions.", now, func(f queue.Figures) float64 { return float64(f.Active) }),
		gauge("no_show_ratio", "Share of recent offers that were not claimed.", now, func(f queue.Figures) float64 { return f.NoShowShare }),
		gauge("joined_fans_total", "Fans who joined.", counter, func(f queue.Figures) float64 { return float64(f.Joined) }),
		gauge("entered_fans_total", "Fans who entered.", counter, func(f queue.Figures) float64 { return float64(f.Entered) }),
		gauge("lapsed_offers_total", "Offers that were not claimed in time.", counter, func(f queue.Figures) float64 { return float64(f.Lapsed) }),
	}, age: prometheus.NewDesc("fairgate_queue_copy_age_seconds", "Age of this gateway's copy of the line.", []string{"sale"}, nil)}
}

// Describe implements prometheus.Collector.
func (m lineMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, g := range m.gauges {
		out <- g.desc
	}
	out <- m.age
}

// Collect implements prometheus.Collector.
func (m lineMetrics) Collect(out chan<- prometheus.Metric) {
	for _, sale := range m.front.Lines() {
		figures, err := m.front.Figures(sale)
		if err != nil {
			continue
		}
		for _, g := range m.gauges {
			out <- prometheus.MustNewConstMetric(g.desc, g.kind, g.value(figures), sale)
		}
		if age, err := m.front.Age(sale); err == nil {
			out <- prometheus.MustNewConstMetric(m.age, prometheus.GaugeValue, age.Seconds(), sale)
		}
	}
}
