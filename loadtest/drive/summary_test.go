package drive

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fairgate/fairgate/loadtest/verify"
)

// counts makes a summary of counters.
func counts(of map[string]float64) *summary {
	s := &summary{Seconds: 10, Metrics: map[string]metric{}}
	for name, n := range of {
		s.Metrics[name] = metric{Values: map[string]float64{"count": n}}
	}
	return s
}

func TestBrokenPromisesOfTheFans(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, scenario string
		change         map[string]float64
		says           string // "" when nothing is broken
	}{
		{"a good sale", "flash_sale", nil, ""},
		{"lapsed and declined are clear ends", "flash_sale", map[string]float64{"outcome_bought": 90, "outcome_lapsed": 5, "outcome_declined": 5}, ""},
		{"somebody stayed away", "flash_sale", map[string]float64{"ways_started": 99, "outcome_bought": 99}, "1 fans who never came"},
		{"somebody never came back", "flash_sale", map[string]float64{"outcome_bought": 98}, "2 fans whose way did not end"},
		{"gave up", "flash_sale", map[string]float64{"outcome_bought": 97, "outcome_gave_up": 3}, "3 fans who gave up"},
		{"crashed", "flash_sale", map[string]float64{"outcome_bought": 99, "outcome_crashed": 1}, "1 fans whose way broke off"},
		{"5xx", "flash_sale", map[string]float64{"server_errors": 4}, "4 answers 5xx"},
		{"unclear", "flash_sale", map[string]float64{"unclear_answers": 5}, "5 answers that a fan cannot understand"},
		{"moved", "flash_sale", map[string]float64{"places_moved": 1}, "1 places that changed"},
		{"intruder", "flash_sale", map[string]float64{"intruders_admitted": 1}, "1 intruders"},
		{"no intruder", "flash_sale", map[string]float64{"intruders_sent": 0}, "no intruder tried"},
		{"contradiction", "browse", map[string]float64{"contradictions": 2}, "2 pages that contradict"},
		{"two winners", "seat_contention", map[string]float64{"seats_won": 2}, "2 fans were told"},
		{"one winner", "seat_contention", map[string]float64{"seats_won": 1}, ""},
		{"soak counts who came", "soak", map[string]float64{"ways_started": 50, "outcome_bought": 50}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			all := map[string]float64{"ways_started": 100, "outcome_bought": 100, "intruders_sent": 5}
			for name, n := range test.change {
				all[name] = n
			}
			set := Settings{Fans: 100, Seats: 1}
			of := known()[test.scenario]
			of.name = test.scenario
			got := strings.Join(counts(all).violations(of, set, true), "\n")
			if (test.says == "") != (got == "") || !strings.Contains(got, test.says) {
				t.Errorf("%q, want %q", got, test.says)
			}
		})
	}
}

func TestNumbersMustBeOneEach(t *testing.T) {
	t.Parallel()
	with := func(count, low, high, mean float64) *summary {
		return &summary{Metrics: map[string]metric{"place_number": {Values: map[string]float64{"count": count, "min": low, "max": high, "avg": mean}}}}
	}
	if got := with(100, 1, 100, 50.5).numbers(100); got != nil {
		t.Errorf("good numbers: %q", got)
	}
	for _, bad := range []*summary{with(100, 1, 99, 50.5), with(100, 1, 100, 50.49), with(99, 1, 100, 50.5), with(100, 2, 100, 50.5)} {
		if got := bad.numbers(100); len(got) != 1 {
			t.Errorf("%+v passes", bad)
		}
	}
}

func TestWhatFansWereToldMustBeStored(t *testing.T) {
	t.Parallel()
	r := &run{fresh: true, summary: counts(map[string]float64{"ways_started": 10, "outcome_bought": 10, "seats_bought": 12, "seats_returned": 2})}
	for sold, right := range map[int]bool{10: true, 9: false, 11: false} {
		if got := r.toldButNotSold(verify.Report{SeatsSold: sold}); (got == nil) != right {
			t.Errorf("10 told, %d sold: %q", sold, got)
		}
	}
	r.summary = counts(map[string]float64{"ways_started": 10, "outcome_bought": 9, "outcome_gave_up": 1, "seats_bought": 10})
	if got := r.toldButNotSold(verify.Report{SeatsSold: 11}); got != nil {
		t.Errorf("one gave up and may have bought: %q", got)
	}
	if got := r.toldButNotSold(verify.Report{SeatsSold: 9}); got == nil {
		t.Error("a seat that was told and is not sold passes")
	}
}

func TestQuantilesOfCounts(t *testing.T) {
	t.Parallel()
	tests := []struct {
		counts []int
		q      float64
		want   float64
	}{
		{[]int{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, .5, -1},
		{[]int{100, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, .5, 2.5},
		{[]int{90, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, .95, 7.5},
		{[]int{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3}, .99, 10_000}, // longer than all bounds
	}
	for _, test := range tests {
		if got := quantile(test.counts, test.q); math.Abs(got-test.want) > 1e-9 {
			t.Errorf("quantile(%v, %v) = %v, want %v", test.counts, test.q, got, test.want)
		}
	}
	before, after := point{}, point{Within: []int{5, 1}}
	if got := before.between(after); !slices.Equal(got, []int{5, 1}) {
		t.Errorf("between nothing and %v: %v", after, got)
	}
}

func TestDriftComparesTheFirstQuarterWithTheLast(t *testing.T) {
	t.Parallel()
	s := series{Services: map[string][]usage{}}
	within := make([]int, len(bounds())+1)
	for i := range 20 {
		if i < 10 {
			within[0] += 100 // 0 to 5 ms
		} else {
			within[3] += 100 // 25 to 50 ms
		}
		s.Points = append(s.Points, point{At: time.Duration(i+1) * time.Second, Within: slices.Clone(within)})
		s.Services["api"] = append(s.Services["api"], usage{Memory: float64(10+i) * 1e6})
	}
	got := s.drift()
	if want := (drift{"time to answer, 50 %", "2.5 ms", "38 ms", "+1400 %"}); len(got) != 4 || got[0] != want {
		t.Errorf("%+v, want first %+v", got, want)
	}
	if want := (drift{"memory of api", "12 MB", "27 MB", "+125 %"}); got[len(got)-1] != want {
		t.Errorf("%+v, want %+v", got[len(got)-1], want)
	}
}

func TestLabelsAreShort(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", 2.5: "2.5"} {
		if got := whole(v); got != want {
			t.Errorf("whole(%v) = %s, want %s", v, got, want)
		}
	}
	for v, want := range map[float64]float64{0: 1, 3: 4, 226: 400, 1000: 1000, 8001: 10000} {
		if got := niceAbove(v); got != want {
			t.Errorf("niceAbove(%v) = %v, want %v", v, got, want)
		}
	}
	for d, want := range map[time.Duration]string{5 * time.Second: "5 s", 90 * time.Second: "1:30", 3700 * time.Second: "1:01:40"} {
		if got := clockOf(d); got != want {
			t.Errorf("clockOf(%v) = %s, want %s", d, got, want)
		}
	}
	if got := fmt.Sprint(counted(1, "violation"), ", ", counted(2, "violation")); got != "1 violation, 2 violations" {
		t.Error(got)
	}
}
