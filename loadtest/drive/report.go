package drive

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

//go:embed report.html
var reportPage string

// page is what the report page shows.
type page struct {
	ID, Scenario, About string
	Begin               time.Time
	Good                bool
	Verdict             Verdict
	Summed              string // the verdict in a line
	Settings            []entry
	Figures             []entry
	Outcomes            []outcome
	Charts              []chart
	Steps               []step
	Streams             []entry
	Drift               []drift
}

type entry struct{ Name, Value, Note string }

type outcome struct {
	Name   string
	Fans   int
	Count  string
	Share  float64 // percent
	Broken bool
}

type step struct {
	Name, Count, Median, P95, P99, Max string
}

// drift compares the first quarter of a run with its last.
type drift struct{ What, First, Last, Change string }

// report writes the page and, beside it, all figures as JSON; it returns the page's file.
func (r *run) report(v Verdict) (string, error) {
	t, err := template.New("report").Parse(reportPage)
	if err != nil {
		return "", err
	}
	name, err := filepath.Abs(r.path(".html"))
	if err != nil {
		return "", err
	}
	file, err := os.Create(name)
	if err != nil {
		return "", err
	}
	if err := t.Execute(file, r.page(v)); err != nil {
		_ = file.Close()
		return "", err
	}
	if err := file.Close(); err != nil {
		return "", err
	}
	raw, err := json.MarshalIndent(map[string]any{"run": r.id, "verdict": v, "k6": r.summary, "course": r.series, "streams": r.streams}, "", " ")
	if err != nil {
		return "", err
	}
	return name, os.WriteFile(r.path(".json"), raw, 0o644)
}

func (r *run) page(v Verdict) page {
	return page{
		ID: r.id, Scenario: strings.ReplaceAll(r.of.name, "_", " "), About: r.of.about, Begin: r.begin.UTC(),
		Good: v.ExitCode() == 0, Verdict: v, Summed: v.String(),
		Settings: r.settings(), Figures: r.figures(), Outcomes: r.outcomes(), Charts: r.series.charts(), Steps: r.steps(), Streams: r.streamFigures(),
		Drift: r.series.drift(),
	}
}

func (r *run) settings() []entry {
	s := r.set
	all := []entry{{Name: "system", Value: s.BaseURL}, {Name: "FANS", Value: whole(float64(s.Fans))}}
	add := func(show bool, name string, value any) {
		if show {
			all = append(all, entry{Name: name, Value: fmt.Sprint(value)})
		}
	}
	add(r.fresh, "SEATS", whole(float64(s.Seats)))
	add(s.Streams > 0, "STREAMS", s.Streams)
	add(r.of.timed, "DURATION", s.Duration)
	add(s.Rate > 0, "RATE", s.Rate)
	add(!r.of.arrivals, "ARRIVE", s.Arrive)
	add(s.Cancel > 0, "CANCEL", s.Cancel)
	add(r.fresh && r.of.queued, "CAPACITY", s.Capacity)
	add(r.fresh && r.of.queued, "ENTER_RATE", s.EnterRate)
	add(true, "P99", s.P99)
	add(r.sale.SaleID != "", "sale", r.sale.SaleID)
	add(true, "prepared in", fmt.Sprintf("%.1f s", r.prepared.Seconds()))
	return all
}

func (r *run) figures() []entry {
	s := r.summary
	requests := s.count("http_reqs")
	all := []entry{
		{"requests", whole(float64(requests)), fmt.Sprintf("%s a second for %s", whole(float64(requests)/s.Seconds), clockOf(time.Duration(s.Seconds*1e9)))},
		{"server errors", whole(float64(s.count("server_errors"))), "answers 5xx, or none"},
	}
	trend := func(name, title, quantile, note string) {
		if values := s.Metrics[name].Values; values["count"] > 0 {
			all = append(all, entry{title, milliseconds(values[quantile]), note + ", median " + milliseconds(values["med"])})
		}
	}
	trend("step_join", "join", "p(99)", "99th percentile")
	trend("step_status", "status poll", "p(99)", "99th percentile")
	trend("step_hold", "hold", "p(99)", "99th percentile")
	trend("fan_wait", "wait in line", "max", "the longest")
	trend("confirm_to_confirmed", "confirm → confirmed", "p(99)", "99th percentile")
	if n := s.count("hold_conflicts"); n > 0 {
		all = append(all, entry{"lost races", whole(float64(n)), "holds for seats that somebody else had just taken"})
	}
	if n := s.count("told_to_wait"); n > 0 {
		all = append(all, entry{"told to wait", whole(float64(n)), "429: a limit of the system was met"})
	}
	return all
}

func (r *run) outcomes() []outcome {
	broken := []string{"gave_up", "unclear", "crashed"}
	all, ended := r.summary.outcomes(), r.summary.ended()
	var list []outcome
	for name, n := range all {
		list = append(list, outcome{strings.ReplaceAll(name, "_", " "), n, whole(float64(n)), 100 * float64(n) / float64(ended), slices.Contains(broken, name)})
	}
	slices.SortFunc(list, func(a, b outcome) int { return b.Fans - a.Fans })
	return list
}

func (r *run) steps() []step {
	var list []step
	for _, name := range slices.Sorted(maps.Keys(r.summary.Metrics)) {
		title, isStep := strings.CutPrefix(name, "step_")
		values := r.summary.Metrics[name].Values
		if !isStep || values["count"] == 0 {
			continue
		}
		list = append(list, step{title, whole(values["count"]), milliseconds(values["med"]), milliseconds(values["p(95)"]), milliseconds(values["p(99)"]), milliseconds(values["max"])})
	}
	return list
}

func (r *run) streamFigures() []entry {
	if r.streams == nil {
		return nil
	}
	s := r.streams
	return []entry{
		{"open to the end", fmt.Sprintf("%s of %s", whole(float64(s.Opened-s.Broken)), whole(float64(s.Fans))), fmt.Sprintf("%d refused as too many", s.Full)},
		{"first event", milliseconds(float64(s.FirstP99.Milliseconds())), "99th percentile"},
		{"events", whole(float64(s.Events)), ""},
		{"data", fmt.Sprintf("%.0f bytes", s.BytesPerFanMinute()), "a fan and minute"},
		{"longest silence", fmt.Sprintf("%.1f s", s.Silence.Seconds()), "between two lines"},
	}
}

// serviceNames are in the order of their names.
func (s series) serviceNames() []string { return slices.Sorted(maps.Keys(s.Services)) }

const enoughForDrift = 12 // samples

func (s series) drift() []drift {
	var all []drift
	if n := len(s.Points); n >= enoughForDrift {
		first, last := s.Points[0].between(s.Points[n/4]), s.Points[n-1-n/4].between(s.Points[n-1])
		for _, q := range []float64{0.5, 0.95, 0.99} {
			all = append(all, driftOf(fmt.Sprintf("time to answer, %.0f %%", q*100), milliseconds, quantile(first, q), quantile(last, q)))
		}
	}
	for _, name := range s.serviceNames() {
		if n := len(s.Services[name]); n >= enoughForDrift {
			all = append(all, driftOf("memory of "+name, megabytes, meanMemory(s.Services[name][:n/4]), meanMemory(s.Services[name][n-n/4:])))
		}
	}
	return all
}

func driftOf(what string, unit func(float64) string, first, last float64) drift {
	if first <= 0 || last < 0 {
		return drift{what, "–", "–", "–"} // nothing was asked then
	}
	return drift{what, unit(first), unit(last), fmt.Sprintf("%+.0f %%", 100*(last-first)/first)}
}

func meanMemory(samples []usage) float64 {
	sum := 0.0
	for _, u := range samples {
		sum += u.Memory
	}
	return sum / float64(len(samples))
}
