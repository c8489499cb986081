package drive

import (
	"fmt"
	"html/template"
	"math"
	"strings"
	"time"
)

// chart is lines over time. Its labels are HTML around a stretched drawing, so
// that they can be read on a phone.
type chart struct {
	Title, About string
	Lines        []line
	Y, X         []string // labels, from the top and from the left
}

type line struct {
	Name  string
	Last  string // its last value, in words
	Class string // a, b or c: its colour
	Path  template.HTMLAttr
}

// curve is values at moments; a negative one is a gap.
type curve struct {
	name   string
	at     []time.Duration
	values []float64
}

const (
	chartWidth, chartHeight = 1000.0, 200.0
	chartPoints             = 120 // at most, along the time
	chartSteps              = 4   // between labels
)

// draw makes a chart of curves; it has no lines when there is nothing to show.
func draw(title, about string, unit func(float64) string, curves ...curve) chart {
	c := chart{Title: title, About: about}
	var end time.Duration
	top := 0.0
	for _, curve := range curves {
		for i, v := range curve.values {
			end, top = max(end, curve.at[i]), max(top, v)
		}
	}
	if end == 0 {
		return c
	}
	top = niceAbove(top)
	for i, curve := range curves {
		if len(curve.values) < 2 {
			continue
		}
		c.Lines = append(c.Lines, line{Name: curve.name, Last: unit(lastOf(curve.values)), Class: string("abc"[i%3]),
			Path: template.HTMLAttr(`d="` + path(curve, end, top) + `"`)}) //nolint:gosec // only numbers
	}
	for i := range chartSteps + 1 {
		c.Y = append(c.Y, unit(top*float64(chartSteps-i)/chartSteps))
		c.X = append(c.X, clockOf(end*time.Duration(i)/chartSteps))
	}
	return c
}

func path(c curve, end time.Duration, top float64) string {
	var d strings.Builder
	pen := "M"
	for i, v := range c.values {
		if v < 0 {
			pen = "M"
			continue
		}
		fmt.Fprintf(&d, "%s%.1f %.1f", pen, chartWidth*float64(c.at[i])/float64(end), chartHeight*(1-v/top))
		pen = "L"
	}
	return d.String()
}

func lastOf(values []float64) float64 {
	for i := len(values) - 1; i >= 0; i-- {
		if values[i] >= 0 {
			return values[i]
		}
	}
	return 0
}

// niceAbove rounds up to 1, 2, 4 or 8 times a power of ten: a number whose
// quarters are short.
func niceAbove(v float64) float64 {
	if v <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, factor := range []float64{1, 2, 4, 8, 10} {
		if v <= factor*power {
			return factor * power
		}
	}
	return 20 * power
}

func clockOf(d time.Duration) string {
	d = d.Round(time.Second)
	if d < time.Minute {
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	if d < time.Hour {
		return fmt.Sprintf("%d:%02d", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60)
}

// intervals returns every so many points that a chart has few enough.
func (s series) intervals() []point {
	step := len(s.Points)/chartPoints + 1
	picked := []point{{}}
	for i := step - 1; i < len(s.Points); i += step {
		picked = append(picked, s.Points[i])
	}
	return picked
}

func (s series) charts() []chart {
	points := s.intervals()
	requests, waiting, ended := curve{name: "requests/s"}, curve{name: "on their way"}, curve{name: "at an end"}
	median, p95, p99 := curve{name: "median"}, curve{name: "95 %"}, curve{name: "99 %"}
	for i := 1; i < len(points); i++ {
		before, p := points[i-1], points[i]
		counts := before.between(p)
		requests.add(p.At, float64(p.Requests-before.Requests)/(p.At-before.At).Seconds())
		waiting.add(p.At, float64(p.Started-p.Ended))
		ended.add(p.At, float64(p.Ended))
		median.add(p.At, quantile(counts, 0.5))
		p95.add(p.At, quantile(counts, 0.95))
		p99.add(p.At, quantile(counts, 0.99))
	}
	return []chart{
		draw("Time to answer", "All requests but payments, which wait by design.", milliseconds, median, p95, p99),
		draw("Requests", "A second, as k6 sent them.", whole, requests),
		draw("Fans", "How many were on their way, and how many had come to an end.", whole, waiting, ended),
		draw("Memory", "Resident, of each service.", megabytes, s.memory()...),
	}
}

func (s series) memory() []curve {
	var curves []curve
	for _, name := range s.serviceNames() {
		c := curve{name: name}
		for _, u := range s.Services[name] {
			c.add(u.At, u.Memory)
		}
		curves = append(curves, c)
	}
	return curves
}

func (c *curve) add(at time.Duration, v float64) {
	c.at, c.values = append(c.at, at), append(c.values, v)
}

func milliseconds(v float64) string {
	if v >= 10_000 {
		return fmt.Sprintf("%.0f s", v/1000)
	}
	if v > 0 && v < 10 {
		return fmt.Sprintf("%.2g ms", v)
	}
	return fmt.Sprintf("%.0f ms", v)
}

func megabytes(v float64) string { return fmt.Sprintf("%.0f MB", v/1e6) }

func whole(v float64) string {
	text := fmt.Sprintf("%.0f", v)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	if v > 0 && v < 5 && v != math.Trunc(v) {
		return fmt.Sprintf("%.2g", v)
	}
	return text
}
