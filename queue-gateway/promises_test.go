package queuegateway

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairgate/fairgate/shared/queue"
)

// handClock is moved by the test.
type handClock struct{ now time.Time }

func (c *handClock) Now() time.Time { return c.now }

func waitingPlace(n uint64, p50, p90 time.Duration) queue.Place {
	return queue.Place{
		PlaceRef: queue.PlaceRef{SaleID: "sale", Epoch: 1, N: n}, State: queue.PlaceWaiting,
		Key: queue.LateKey(n), ETA: &queue.ETA{P50: p50, P90: p90},
	}
}

func TestPromisesAreJudgedWhenTheTurnComes(t *testing.T) {
	t.Parallel()
	clock, registry := &handClock{now: time.Unix(1000, 0)}, prometheus.NewRegistry()
	p := newPromises(clock, registry)
	line := standing{epoch: 1, moving: true}
	settle := func() { p.settle(func(string) (standing, bool) { return line, true }) }

	p.note(waitingPlace(1, 20*time.Second, 30*time.Second))
	p.note(waitingPlace(2, 20*time.Second, 30*time.Second)) // within the same second: no sample
	clock.now = clock.now.Add(2 * time.Second)
	p.note(waitingPlace(3, 20*time.Second, 30*time.Second))
	settle()
	if kept, late, sum := judged(t, registry); kept+late != 0 || sum != 0 {
		t.Fatalf("nobody's turn has come, but %v were kept and %v late", kept, late)
	}
	clock.now = clock.now.Add(20 * time.Second)
	line.serving = queue.LateKeyBase + 2
	settle()
	clock.now = clock.now.Add(20 * time.Second)
	line.serving = queue.LateKeyBase + 3
	settle()
	kept, late, sum := judged(t, registry)
	if kept != 1 || late != 1 {
		t.Errorf("%v kept and %v late, want one each: 22 s were in time, 40 s were not", kept, late)
	}
	if want := 22.0/20 + 40.0/20; sum != want {
		t.Errorf("the ratios sum to %v, want %v", sum, want)
	}
}

func TestAStoppedOrResetLineHasNoPromises(t *testing.T) {
	t.Parallel()
	for name, line := range map[string]standing{
		"paused": {epoch: 1, serving: queue.LateKeyBase + 9},
		"reset":  {epoch: 2, serving: queue.LateKeyBase + 9, moving: true},
	} {
		clock, registry := &handClock{now: time.Unix(1000, 0)}, prometheus.NewRegistry()
		p := newPromises(clock, registry)
		p.note(waitingPlace(1, 20*time.Second, 30*time.Second))
		clock.now = clock.now.Add(time.Hour)
		p.settle(func(string) (standing, bool) { return line, true })
		if kept, late, _ := judged(t, registry); kept+late != 0 {
			t.Errorf("%s: %v kept, %v late", name, kept, late)
		}
		if len(p.open) != 0 {
			t.Errorf("%s: %d are still open", name, len(p.open))
		}
	}
}

func judged(t *testing.T, registry *prometheus.Registry) (kept, late, ratios float64) {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			switch {
			case m.GetHistogram() != nil:
				ratios = m.GetHistogram().GetSampleSum()
			case m.GetLabel()[0].GetValue() == "kept":
				kept = m.GetCounter().GetValue()
			default:
				late = m.GetCounter().GetValue()
			}
		}
	}
	return kept, late, ratios
}
