package queuegateway

import (
	"cmp"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairgate/fairgate/shared/guard"
	"github.com/fairgate/fairgate/shared/queue"
	"github.com/fairgate/fairgate/shared/queue/queueredis"
)

// maxMeasuredLines bounds the number of time series: the lines with most fans are
// exported one by one.
const maxMeasuredLines = 50

// measured is one line at the moment of a scrape.
type measured struct {
	policy  queue.Policy
	figures queue.Figures
}

type lineMetric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(measured) float64
}

// lineMetrics exports the figures of the lines that a front knows. They come from
// its copies: a scrape asks nobody.
type lineMetrics struct {
	front   *queueredis.Front
	metrics []lineMetric
	age     *prometheus.Desc
	states  *prometheus.Desc
}

func newLineMetrics(front *queueredis.Front) lineMetrics {
	const now, counter = prometheus.GaugeValue, prometheus.CounterValue
	m := lineMetrics{
		front:  front,
		age:    lineDesc("copy_age_seconds", "Age of this gateway's copy of the line.", "sale"),
		states: lineDesc("state_lines", "Lines by state; sold_out instead of open for those.", "state"),
	}
	add := func(name, help string, kind prometheus.ValueType, value func(measured) float64) {
		m.metrics = append(m.metrics, lineMetric{lineDesc(name, help, "sale"), kind, value})
	}
	add("waiting_fans", "Fans who wait.", now, func(l measured) float64 { return float64(l.figures.Waiting) })
	add("offered_fans", "Fans whose turn it is.", now, func(l measured) float64 { return float64(l.figures.Offered) })
	add("ready_fans", "Fans about to enter.", now, func(l measured) float64 { return float64(l.figures.Ready) })
	add("active_sessions", "Booking sessions.", now, func(l measured) float64 { return float64(l.figures.Active) })
	add("capacity_sessions", "Booking sessions that there may be at once.", now, func(l measured) float64 { return float64(l.policy.Capacity) })
	add("rate_fans_per_minute", "Fans to be let in per minute, as set.", now, func(l measured) float64 { return float64(l.policy.RatePerMinute) })
	add("entering_fans_per_minute", "Fans who entered in the last minute.", now, func(l measured) float64 { return l.figures.EnteringPerMinute })
	add("admitting_lines", "1 while the line is to let fans in: open or draining, and not sold out.", now, func(l measured) float64 {
		if admits(l.policy) {
			return 1
		}
		return 0
	})
	add("no_show_ratio", "Share of recent offers that were not claimed.", now, func(l measured) float64 { return l.figures.NoShowShare })
	add("joined_fans_total", "Fans who joined.", counter, func(l measured) float64 { return float64(l.figures.Joined) })
	add("offers_total", "Offers made.", counter, func(l measured) float64 { return float64(l.figures.Offers) })
	add("claims_total", "Offers claimed.", counter, func(l measured) float64 { return float64(l.figures.Claims) })
	add("lapsed_offers_total", "Offers that were not claimed in time.", counter, func(l measured) float64 { return float64(l.figures.Lapsed) })
	add("entered_fans_total", "Fans who entered.", counter, func(l measured) float64 { return float64(l.figures.Entered) })
	add("abandoned_fans_total", "Fans removed because nobody looked at their place any more.", counter, func(l measured) float64 { return float64(l.figures.Abandoned) })
	add("ended_sessions_total", "Booking sessions that ended, for whatever reason.", counter, func(l measured) float64 { return float64(l.figures.Exited) })
	add("finished_sessions_total", "Booking sessions that ended with a confirmed booking.", counter, func(l measured) float64 { return float64(l.figures.Finished) })
	return m
}

func lineDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("fairgate_queue_"+name, help, labels, nil)
}

// Describe implements prometheus.Collector.
func (m lineMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, metric := range m.metrics {
		out <- metric.desc
	}
	out <- m.age
	out <- m.states
}

// Collect implements prometheus.Collector.
func (m lineMetrics) Collect(out chan<- prometheus.Metric) {
	defer guard.Recover("metrics") // Prometheus collects on goroutines of its own
	live, states := m.measure()
	for _, line := range live {
		sale := line.policy.SaleID
		for _, metric := range m.metrics {
			out <- prometheus.MustNewConstMetric(metric.desc, metric.kind, metric.value(line), sale)
		}
		if age, err := m.front.Age(sale); err == nil {
			out <- prometheus.MustNewConstMetric(m.age, prometheus.GaugeValue, age.Seconds(), sale)
		}
	}
	for state, count := range states {
		out <- prometheus.MustNewConstMetric(m.states, prometheus.GaugeValue, float64(count), string(state))
	}
}

// measure returns the lines that have begun and not ended, at most maxMeasuredLines,
// and how many lines there are by state.
func (m lineMetrics) measure() (live []measured, states map[queue.State]int) {
	states = map[queue.State]int{queue.Open: 0, queue.Paused: 0, queue.SoldOut: 0}
	for _, sale := range m.front.Lines() {
		policy, err := m.front.Policy(sale)
		if err != nil {
			continue
		}
		state := policy.State
		if policy.SoldOut && state != queue.Closed {
			state = queue.SoldOut
		}
		states[state]++
		if state == queue.Draft || state == queue.Scheduled || state == queue.Closed {
			continue
		}
		if figures, err := m.front.Figures(sale); err == nil {
			live = append(live, measured{policy, figures})
		}
	}
	fans := func(l measured) uint64 {
		return l.figures.Waiting + l.figures.Offered + l.figures.Ready + l.figures.Active
	}
	slices.SortStableFunc(live, func(a, b measured) int { return cmp.Compare(fans(b), fans(a)) })
	return live[:min(len(live), maxMeasuredLines)], states
}
