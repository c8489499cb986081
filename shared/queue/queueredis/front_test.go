package queueredis

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fairgate/fairgate/shared/clock"
	"github.com/fairgate/fairgate/shared/platform/backendtest"
	"github.com/fairgate/fairgate/shared/queue"
)

// eventually asks until done says so, for ten seconds.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if done() {
			return
		}
	}
	t.Fatalf("not within ten seconds: %s", what)
}

// TestFrontKeepsLinesGoing plays one fan from joining to leaving against a running
// front, by Redis's own clock.
func TestFrontKeepsLinesGoing(t *testing.T) {
	t.Parallel()
	client, prefix := backendtest.Redis(t)
	tokens, err := queue.NewPlaceTokens([]byte("a test key of at least thirty-two bytes"), clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	store := New(client, prefix, tokens)
	front := NewFront(store, slog.New(slog.DiscardHandler), clock.System{})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- front.Run(ctx) }()

	if _, err := front.Status(testSale); !errors.Is(err, queue.ErrUnavailable) && !errors.Is(err, queue.ErrLineNotFound) {
		t.Errorf("before there is a line: %v", err)
	}
	policy := queue.DefaultPolicy(testSale)
	policy.State = queue.Open
	if _, err := store.Ensure(ctx, policy); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the front knows the line", func() bool { return len(front.Lines()) == 1 })
	place, created, err := front.Join(ctx, testSale, "acc-1")
	if err != nil || !created {
		t.Fatalf("join: %v, %v", created, err)
	}
	eventually(t, "the turn comes", func() bool {
		place, err := front.Place(ctx, place.PlaceRef)
		return err == nil && place.State == queue.PlaceOffered
	})
	eventually(t, "the fan enters", func() bool {
		_, err := front.Enter(ctx, place.PlaceRef)
		return err == nil
	})
	if now, err := front.Place(ctx, place.PlaceRef); err != nil || now.State != queue.PlaceActive || now.SessionEndsAt.IsZero() {
		t.Errorf("inside: %s until %v, %v", now.State, now.SessionEndsAt, err)
	}
	if err := front.Leave(ctx, place.PlaceRef); err != nil {
		t.Error(err)
	}
	if now, err := front.Place(ctx, place.PlaceRef); err != nil || now.State != queue.PlaceLeft {
		t.Errorf("after leaving: %s, %v", now.State, err)
	}
	eventually(t, "the figures follow", func() bool {
		figures, err := front.Figures(testSale)
		return err == nil && figures.Entered == 1 && figures.Active == 0 && figures.Exited == 1
	})
	if _, err := front.Status("no-such-sale"); !errors.Is(err, queue.ErrLineNotFound) {
		t.Errorf("a sale without a line: %v", err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestFrontWithoutRedis: who waits is still told their place; what only Redis
// knows is said to be unavailable.
func TestFrontWithoutRedis(t *testing.T) {
	t.Parallel()
	f := newLine(t, small)
	f.join(200)
	f.tick()
	client := redis.NewUniversalClient(&redis.UniversalOptions{Addrs: []string{backendtest.RedisAddr(t)}})
	front := NewFront(New(client, f.prefix, f.tokens, WithClock(f.clock.Now)), f.front.log, f.clock)
	f.must(front.Refresh(f.ctx, testSale))
	f.must(client.Close())
	f.clock.Advance(time.Minute)

	if place, err := front.Place(f.ctx, f.ref(150)); err != nil || *place.Ahead != 147 {
		t.Errorf("a fan who waits: %+v, %v", place, err)
	}
	if _, err := front.Enter(f.ctx, f.ref(150)); !errors.Is(err, queue.ErrNotYourTurn) {
		t.Errorf("a fan who asks too early: %v", err)
	}
	if _, err := front.Place(f.ctx, f.ref(1)); !errors.Is(err, queue.ErrUnavailable) {
		t.Errorf("an offered fan: %v", err)
	}
	if _, _, err := front.Join(f.ctx, testSale, "acc-new"); !errors.Is(err, queue.ErrUnavailable) {
		t.Errorf("a new fan: %v", err)
	}
	if age, err := front.Age(testSale); err != nil || age != time.Minute {
		t.Errorf("the copy's age is %v, %v", age, err)
	}
	// Who polled meanwhile is reported once Redis is back.
	if err := front.ReportPresence(f.ctx, testSale); !errors.Is(err, queue.ErrUnavailable) {
		t.Errorf("reporting: %v", err)
	}
	if bits, count := front.lineOrNew(testSale).marks.take(); count != 1 || !NewLiveCopy(bits).Has(150) {
		t.Errorf("%d fans are still to be reported, want place 150", count)
	}
}

func TestExpectedPace(t *testing.T) {
	t.Parallel()
	p := queue.DefaultPolicy("s1")
	p.State, p.RatePerMinute, p.Capacity, p.SessionSeconds = queue.Open, 600, 100, 300
	tests := []struct {
		name     string
		state    queue.State
		measured float64
		trusted  bool
		want     float64
	}{
		{"paused", queue.Paused, 600, true, 0},
		{"just opened", queue.Open, 3, false, 600},
		{"as measured", queue.Open, 250, true, 250},
		{"a full house turns over", queue.Open, 0, true, 20},
		{"never above the rate", queue.Open, 700, true, 600},
	}
	for _, test := range tests {
		p.State = test.state
		if got := expectedPace(p, test.measured, test.trusted); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}
