package cataloguepg

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/catalogue"
)

// failing is a cache whose source can be made to fail, with a clock of its own.
type failing struct {
	*cache[int]
	now    time.Time
	err    error
	loads  int
	served int // after its ttl
}

func newFailing() *failing {
	f := &failing{now: time.Date(2026, 11, 27, 20, 0, 0, 0, time.UTC)}
	f.cache = newCache(time.Second, func(context.Context, string) (int, error) {
		f.loads++
		return f.loads, f.err
	})
	f.stale, f.aged = staleFor, func() { f.served++ }
	f.cache.now = func() time.Time { return f.now }
	return f
}

func TestWhatCannotBeReadAnewIsServedForFiveMinutesAndNoLonger(t *testing.T) {
	t.Parallel()
	down := errors.New("the database is down")
	f := newFailing()
	if v, err := f.get(t.Context(), "sale"); v != 1 || err != nil {
		t.Fatal(v, err)
	}
	f.err = down
	for _, after := range []time.Duration{time.Second, time.Minute, time.Second + staleFor - time.Nanosecond} {
		f.now = f.now.Truncate(time.Hour).Add(after)
		if v, err := f.get(t.Context(), "sale"); v != 1 || err != nil {
			t.Errorf("after %s: %d, %v", after, v, err)
		}
	}
	if f.served != 3 {
		t.Errorf("%d counted, want each of 3", f.served)
	}
	f.now = f.now.Truncate(time.Hour).Add(time.Second + staleFor)
	if v, err := f.get(t.Context(), "sale"); !errors.Is(err, down) || v != 0 {
		t.Errorf("past the bound: %d, %v", v, err)
	}
	f.err = nil
	if v, err := f.get(t.Context(), "sale"); err != nil || v == 1 {
		t.Errorf("once the database is back: %d, %v", v, err)
	}
}

func TestWhatIsNoLongerThereIsServedToNobody(t *testing.T) {
	t.Parallel()
	f := newFailing()
	if _, err := f.get(t.Context(), "sale"); err != nil {
		t.Fatal(err)
	}
	f.now, f.err = f.now.Add(2*time.Second), catalogue.ErrSaleNotFound
	if _, err := f.get(t.Context(), "sale"); !errors.Is(err, catalogue.ErrSaleNotFound) {
		t.Errorf("the answer that it is gone: %v", err)
	}
	f.err = errors.New("the database is down")
	if v, err := f.get(t.Context(), "sale"); err == nil {
		t.Errorf("what was gone is served again: %d", v)
	}
}

func TestAFailedReadIsNotTriedAnewByEverybody(t *testing.T) {
	t.Parallel()
	f := newFailing()
	if _, err := f.get(t.Context(), "sale"); err != nil {
		t.Fatal(err)
	}
	f.now, f.err = f.now.Add(2*time.Second), errors.New("the database is down")
	for range 50 {
		if v, err := f.get(t.Context(), "sale"); v != 1 || err != nil {
			t.Fatal(v, err)
		}
	}
	if f.loads != 2 {
		t.Errorf("%d loads, want one more than the first", f.loads)
	}
}
