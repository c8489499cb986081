//go:build long

package queuegateway

import (
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/queue"
)

// The promises of entering, over whole minutes: within max(1 fan, 1 %) of the
// rate in any 60 s after the first 30 s.
func TestLongThreeProcessesKeepTheRate(t *testing.T) {
	for _, c := range []struct {
		name    string
		rate    int
		crowd   int
		noShows float64
	}{
		{"600 a minute", 600, 1300, 0},
		{"600 a minute with 30 % no-shows", 600, 1900, 0.3},
		{"60 a minute", 60, 300, 0.3},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFleet(t, func(p *queue.Policy) { p.State, p.RatePerMinute, p.Capacity = queue.Paused, c.rate, 5000 })
			seen, samples, _ := f.run(c.crowd, c.noShows, 110*time.Second)
			if seen.twice > 0 {
				t.Errorf("%d had two turns", seen.twice)
			}
			start, end := samples[0].at.Add(30*time.Second), samples[len(samples)-1].at
			checked := 0
			for from := start; from.Add(time.Minute).Before(end); from = from.Add(time.Second) {
				entered, seconds := between(samples, from, from.Add(time.Minute))
				want := float64(c.rate) * seconds / 60
				checked++
				if tolerance := max(1, want/100) + 1; entered < want-tolerance || entered > want+tolerance { // + 1: samples cut at 100 ms
					t.Errorf("%.0f entered in the %.1f s from %v on, want %.0f", entered, seconds, from.Sub(samples[0].at), want)
				}
			}
			if checked < 10 {
				t.Errorf("only %d windows", checked)
			}
		})
	}
}
