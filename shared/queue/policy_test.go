package queue_test

import (
	"errors"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/queue"
)

func TestApplyChangesOnlyWhatIsGiven(t *testing.T) {
	t.Parallel()
	old := queue.DefaultPolicy("s1")
	rate, version := 60, int64(1)
	next, err := old.Apply(queue.Patch{RatePerMinute: &rate, Version: &version})
	if err != nil {
		t.Fatal(err)
	}
	if next.RatePerMinute != 60 || next.Version != 2 || next.Capacity != old.Capacity {
		t.Errorf("applied: %+v", next)
	}
	if _, err := next.Apply(queue.Patch{RatePerMinute: &rate, Version: &version}); !errors.Is(err, queue.ErrVersionConflict) {
		t.Errorf("an old version: %v", err)
	}
}

func TestValidateNamesEveryFault(t *testing.T) {
	t.Parallel()
	p := queue.DefaultPolicy("s1")
	if err := p.Validate(); err != nil {
		t.Fatalf("the default policy: %v", err)
	}
	before, after := start, start.Add(time.Hour)
	p.SaleID, p.Mode, p.Identity, p.Method = "No Good", "maybe", "", queue.Draw
	p.Challenge = "captcha" // nobody could answer it, so nobody could join
	p.Capacity, p.RatePerMinute, p.SessionSeconds, p.ClaimSeconds, p.AbandonSeconds, p.GraceSeconds = 0, 0, 0, 49, 1, -1
	p.OpensAt, p.LobbyOpensAt = &before, &after
	if got := len(errs.From(p.Validate()).Fields); got != 12 {
		t.Errorf("%d faults, want 12: %v", got, errs.From(p.Validate()).Fields)
	}
}

func TestPollAfterSpreads(t *testing.T) {
	t.Parallel()
	tests := []struct {
		eta       *queue.ETA
		low, high time.Duration
	}{
		{nil, 20 * time.Second, 30 * time.Second},
		{&queue.ETA{P50: time.Second}, 1600 * time.Millisecond, 2400 * time.Millisecond},
		{&queue.ETA{P50: 100 * time.Second}, 8 * time.Second, 12 * time.Second},
		{&queue.ETA{P50: time.Hour}, 20 * time.Second, 30 * time.Second},
	}
	for _, test := range tests {
		least, most := time.Hour, time.Duration(0)
		for range 1000 {
			wait := queue.PollAfter(test.eta)
			least, most = min(least, wait), max(most, wait)
		}
		if least < test.low || most > test.high || most-least < (test.high-test.low)/2 {
			t.Errorf("%v: %v … %v, want within and across %v … %v", test.eta, least, most, test.low, test.high)
		}
	}
}

func TestEstimate(t *testing.T) {
	t.Parallel()
	if eta := queue.Estimate(100, 0, 0); eta != nil {
		t.Errorf("nobody enters, yet %v", eta)
	}
	eta := queue.Estimate(1000, 100, 0.5) // 500 come, 100 a minute
	if eta.P50 != 5*time.Minute || eta.P90 <= eta.P50 || eta.P90 > 8*time.Minute {
		t.Errorf("%v … %v", eta.P50, eta.P90)
	}
}
