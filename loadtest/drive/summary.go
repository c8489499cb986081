package drive

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// summary is what k6 measured (lib/report.js writes it).
type summary struct {
	Seconds float64           `json:"seconds"`
	Metrics map[string]metric `json:"metrics"`
}

type metric struct {
	Values     map[string]float64 `json:"values"`
	Thresholds map[string]struct {
		OK bool `json:"ok"`
	} `json:"thresholds"`
}

func readSummary(file string) (*summary, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var s summary
	return &s, json.Unmarshal(raw, &s)
}

func (s *summary) count(name string) int { return int(s.Metrics[name].Values["count"]) }

const outcomePrefix = "outcome_"

// outcomes returns how many ways ended how.
func (s *summary) outcomes() map[string]int {
	all := map[string]int{}
	for name := range s.Metrics {
		if outcome, ok := strings.CutPrefix(name, outcomePrefix); ok && s.count(name) > 0 {
			all[outcome] = s.count(name)
		}
	}
	return all
}

func (s *summary) ended() int {
	ended := 0
	for _, n := range s.outcomes() {
		ended += n
	}
	return ended
}

// broke is how many ways did not come to a clear end; what those fans bought is
// not known to k6.
func (s *summary) broke() int {
	return s.count("ways_started") - s.ended() + s.count("outcome_gave_up") + s.count("outcome_unclear") + s.count("outcome_crashed")
}

// failedThresholds names them.
func (s *summary) failedThresholds() []string {
	var failed []string
	for _, name := range slices.Sorted(maps.Keys(s.Metrics)) {
		for _, rule := range slices.Sorted(maps.Keys(s.Metrics[name].Thresholds)) {
			if !s.Metrics[name].Thresholds[rule].OK {
				failed = append(failed, name+" "+rule)
			}
		}
	}
	return failed
}

// violations are the promises that only the fans can tell about.
func (s *summary) violations(of scenario, set Settings, fresh bool) []string {
	var all []string
	add := func(n int, what string) {
		if n > 0 {
			all = append(all, fmt.Sprintf("%d %s", n, what))
		}
	}
	started := s.count("ways_started")
	if !of.arrivals {
		add(set.Fans-started, "fans who never came")
	}
	add(started-s.ended(), "fans whose way did not end")
	add(s.count("outcome_gave_up"), "fans who gave up without an answer")
	add(s.count("outcome_crashed"), "fans whose way broke off")
	add(s.count("unclear_answers"), "answers that a fan cannot understand")
	add(s.count("server_errors"), "answers 5xx, or none")
	add(s.count("places_moved"), "places that changed")
	add(s.count("contradictions"), "pages that contradict each other")
	add(s.count("intruders_admitted"), "intruders without a pass who were not refused")
	if of.intruders > 0 && s.count("intruders_sent") == 0 {
		all = append(all, "no intruder tried: the run proves nothing about the pass")
	}
	if of.name == "seat_contention" && s.count("seats_won") != set.Seats {
		all = append(all, fmt.Sprintf("%d fans were told that they got one of %d seats", s.count("seats_won"), set.Seats))
	}
	if of.numbers && fresh {
		all = append(all, s.numbers(set.Fans+set.Streams)...)
	}
	return all
}

// numbers checks that every fan got a number of its own: in a new line they are 1
// to the number of fans.
func (s *summary) numbers(fans int) []string {
	n := s.Metrics["place_number"].Values
	if n["count"] == float64(fans) && n["min"] == 1 && n["max"] == float64(fans) && n["avg"] == float64(fans+1)/2 {
		return nil
	}
	return []string{fmt.Sprintf("%d fans got %.0f numbers from %.0f to %.0f, on average %.2f: not one each", fans, n["count"], n["min"], n["max"], n["avg"])}
}
