package schedule

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/platform/run"
)

// backlog is bookings of which many are due at once.
type backlog struct {
	keys, expired int
	broken        error
}

func take(from *int, limit int) (int, error) {
	n := min(*from, limit)
	*from -= n
	return n, nil
}

func (b *backlog) ForgetKeys(_ context.Context, limit int) (int, error) {
	if b.broken != nil && b.keys < 2*limit {
		return 0, b.broken
	}
	return take(&b.keys, limit)
}
func (b *backlog) ExpireDue(_ context.Context, limit int) (int, error) {
	return take(&b.expired, limit)
}
func (b *backlog) ReconcileDue(context.Context) (booking.Looked, error) { return booking.Looked{}, nil }
func (b *backlog) SendDueRefunds(context.Context) (booking.Looked, error) {
	return booking.Looked{}, nil
}
func (b *backlog) Sweep(context.Context) (booking.Swept, error)       { return booking.Swept{}, nil }
func (b *backlog) Violations(context.Context) (map[string]int, error) { return map[string]int{}, nil }

type noAudit struct{}

func (noAudit) Write(context.Context) (run.Tally, error)  { return run.Tally{}, nil }
func (noAudit) Forget(context.Context) (run.Tally, error) { return run.Tally{}, nil }

func jobNamed(t *testing.T, name string, b *backlog) run.Job {
	t.Helper()
	for _, job := range Table(Deps{
		Bookings: b, Metrics: prometheus.NewRegistry(), Audit: noAudit{},
		SweepHolds: func(context.Context, int) (int, error) { return 0, nil },
		OutboxLag:  func(context.Context) (int, time.Duration, error) { return 0, 0, nil },
	}) {
		if job.Name == name {
			return job
		}
	}
	t.Fatalf("there is no job %q", name)
	return run.Job{}
}

// What one minute brings must be gone in one run: a job that takes less falls behind
// for ever.
func TestARunWorksOffTheWholeBacklog(t *testing.T) {
	t.Parallel()
	b := &backlog{keys: 40_000, expired: 5_000}
	for name, want := range map[string]int{"forget_idempotency_keys": 40_000, "expire_bookings": 5_000} {
		tally, err := jobNamed(t, name, b).Do(context.Background())
		if err != nil || tally.Selected != want || tally.Done != want {
			t.Errorf("%s: %+v, %v; want %d done", name, tally, err, want)
		}
	}
}

// An account of which something is left for now keeps none of the others waiting.
func TestARunLooksAtEveryErasedAccountOnce(t *testing.T) {
	t.Parallel()
	const erased = 3*limit + 7
	var looks int
	var first time.Time
	tally, err := forgetNames(func(_ context.Context, round time.Time, most int) (looked, done int, err error) {
		if first.IsZero() {
			first = round
		}
		if !round.Equal(first) {
			t.Errorf("another round in the same run: it would never end")
		}
		looked = min(most, erased-looks)
		looks += looked
		return looked, 1, nil
	})(context.Background())
	if err != nil || looks != erased || tally != (run.Tally{Selected: erased, Done: erased}) {
		t.Errorf("%+v, %v, %d looked at", tally, err, looks)
	}
}

func TestARunThatFailsTellsWhatItDid(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	tally, err := jobNamed(t, "forget_idempotency_keys", &backlog{keys: 3 * limit, broken: boom}).Do(context.Background())
	if !errors.Is(err, boom) || tally.Done != 2*limit {
		t.Errorf("%+v, %v; want %d done and the error", tally, err, 2*limit)
	}
}

func TestEveryTableIsPrunedThoughOneFails(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	left := 3 * limit
	tables := []Prune{
		func(context.Context, int) (int, error) { return 0, boom },
		func(_ context.Context, limit int) (int, error) { return take(&left, limit) },
	}
	tally, err := prune(tables)(context.Background())
	if !errors.Is(err, boom) || left != 0 || tally != (run.Tally{Selected: 3 * limit, Done: 3 * limit}) {
		t.Errorf("%+v, %v, %d left; want the other table pruned and the error told", tally, err, left)
	}
}

func TestARunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if tally, _ := jobNamed(t, "expire_bookings", &backlog{expired: 5_000}).Do(ctx); tally.Done > limit {
		t.Errorf("did %d after its context had ended", tally.Done)
	}
}
