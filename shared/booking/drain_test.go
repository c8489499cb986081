package booking

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// backlog hands out the numbers 1 … n once.
type backlog struct {
	mu         sync.Mutex
	next, n    int
	mostLeased int
}

func (b *backlog) lease(_ context.Context, limit int) ([]int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var batch []int
	for ; b.next < b.n && len(batch) < limit; b.next++ {
		batch = append(batch, b.next+1)
	}
	b.mostLeased = max(b.mostLeased, len(batch))
	return batch, nil
}

func (b *backlog) taken() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.next
}

func always(n int) func() int { return func() int { return n } }

func TestASlowLookHoldsUpNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &backlog{n: 100}
		others := make(chan struct{})
		var done atomic.Int64
		looked, err := drain(t.Context(), always(reconcilers), b.lease, func(_ context.Context, i int) error {
			if i == 1 {
				<-others // as long as there is one other left
				return nil
			}
			if done.Add(1) == int64(b.n-1) {
				close(others)
			}
			return nil
		})
		if err != nil || looked.Taken != b.n || looked.Failed != 0 {
			t.Errorf("looked = %+v, %v; want all", looked, err)
		}
		if b.mostLeased > reconcilers {
			t.Errorf("leased %d at once; want at most %d", b.mostLeased, reconcilers)
		}
	})
}

func TestWhatBecomesDueMeanwhileIsTaken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &backlog{n: 1}
		looked, err := drain(t.Context(), always(reconcilers), b.lease, func(_ context.Context, i int) error {
			if i == 1 {
				b.mu.Lock()
				b.n = 2
				b.mu.Unlock()
				time.Sleep(10 * emptyPause)
				if b.taken() != 2 {
					t.Error("a second one became due, and nobody took it while the first was slow")
				}
			}
			return nil
		})
		if err != nil || looked.Taken != 2 {
			t.Errorf("looked = %+v, %v", looked, err)
		}
	})
}

func TestADrainAddsUp(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	b := &backlog{n: 20}
	looked, err := drain(t.Context(), always(3), b.lease, func(_ context.Context, i int) error {
		if i%4 == 0 {
			return boom
		}
		return nil
	})
	if !errors.Is(err, boom) || looked != (Looked{Taken: 20, Failed: 5}) {
		t.Errorf("looked = %+v, %v; want 20, 5 failed", looked, err)
	}
}

func TestADrainTakesNothingThatItCannotFinish(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), lookTime+time.Minute)
		defer cancel()
		b := &backlog{n: 1_000}
		looked, err := drain(ctx, always(1), b.lease, func(ctx context.Context, _ int) error {
			time.Sleep(10 * time.Second)
			return ctx.Err()
		})
		if err != nil || looked.Taken < 6 || looked.Taken > 7 {
			t.Errorf("looked = %+v, %v; want those that fit into a minute, none cut off", looked, err)
		}
	})
}

// mute is a provider that answers only when it is well.
type mute struct {
	Provider
	well bool
}

func (m *mute) Get(context.Context, string) (ProviderPayment, error) {
	if m.well {
		return ProviderPayment{}, &ProviderError{Kind: NotFound}
	}
	return ProviderPayment{}, &ProviderError{Kind: NoAnswer}
}

func TestPulse(t *testing.T) {
	t.Parallel()
	provider, recoveries := &mute{}, 0
	p := &pulse{Provider: provider, recovered: func(context.Context) { recoveries++ }}
	s := &Service{provider: p}
	var widths []int
	ask := func(times int) {
		for range times {
			_, _ = p.Get(t.Context(), "tk")
		}
		widths = append(widths, s.width())
	}
	ask(illAfter - 1)
	ask(1)
	ask(10)
	provider.well = true
	ask(1)
	ask(1)
	if want := []int{reconcilers, 1, 1, reconcilers, reconcilers}; !slices.Equal(widths, want) {
		t.Errorf("widths = %v; want %v", widths, want)
	}
	if recoveries != 1 {
		t.Errorf("recovered %d times; want once: by any answer, a refusal too", recoveries)
	}
}

// The cancels of a payment come in no order that we know.
func TestForeignCancel(t *testing.T) {
	t.Parallel()
	ours := ProviderCancel{TransactionKey: "t-ours", Amount: 40_000, Reason: "by us [rfd-other]"}
	booked := ProviderCancel{TransactionKey: "t-booked", Amount: 40_000, Reason: "by hand"}
	exact := ProviderCancel{TransactionKey: "t-exact", Amount: 40_000, Reason: "by hand"}
	large := ProviderCancel{TransactionKey: "t-large", Amount: 30_000, Reason: "by hand"}
	small := ProviderCancel{TransactionKey: "t-small", Amount: 10_000, Reason: "by hand"}
	order := RefundOrder{Refund: Refund{ID: "rfd-1", Amount: 40_000}, Booked: []string{"t-booked"}}
	for name, c := range map[string]struct {
		cancels []ProviderCancel
		want    string
	}{
		"the same amount":              {[]ProviderCancel{small, exact, large}, "t-exact"},
		"in parts, the largest":        {[]ProviderCancel{small, large}, "t-large"},
		"none that is another refund":  {[]ProviderCancel{booked, ours, small}, "t-small"},
		"all are others' refunds":      {[]ProviderCancel{ours, booked}, ""},
		"nothing was cancelled at all": {nil, ""},
	} {
		for range 2 {
			if got, found := foreignCancel(c.cancels, order); got.TransactionKey != c.want || found != (c.want != "") {
				t.Errorf("%s: %+v, %v; want %q", name, got, found, c.want)
			}
			slices.Reverse(c.cancels)
		}
	}
}
