package queueredis

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fairgate/fairgate/shared/clock"
	"github.com/fairgate/fairgate/shared/platform/backendtest"
	"github.com/fairgate/fairgate/shared/queue"
)

const testSale = "concert-1"

var testStart = time.Date(2026, 5, 1, 11, 0, 0, 0, time.UTC)

// fixture is one line on the real Redis with a clock of its own.
type fixture struct {
	t      testing.TB
	ctx    context.Context
	client redis.UniversalClient
	prefix string
	clock  *clock.Manual
	tokens *queue.PlaceTokens
	store  *Store
	front  *Front
	asked  *atomic.Int64 // Redis commands sent by the store
	joined int
}

// newLine makes an open line, with settings as change leaves them.
func newLine(t testing.TB, change func(*queue.Policy)) *fixture {
	t.Helper()
	client, prefix := backendtest.Redis(t)
	f := &fixture{
		t: t, ctx: context.Background(), client: client, prefix: prefix,
		clock: clock.NewManual(testStart), asked: &atomic.Int64{},
	}
	client.AddHook(countingHook{f.asked})
	var err error
	f.tokens, err = queue.NewPlaceTokens([]byte("a test key of at least thirty-two bytes"), f.clock)
	f.must(err)
	f.store = New(client, prefix, f.tokens, WithClock(f.clock.Now))
	f.front = NewFront(f.store, slog.New(slog.NewTextHandler(io.Discard, nil)), f.clock)
	policy := queue.DefaultPolicy(testSale)
	policy.State = queue.Open
	if change != nil {
		change(&policy)
	}
	created, err := f.store.Ensure(f.ctx, policy)
	f.must(err)
	if !created {
		t.Fatal("the line was there already")
	}
	f.refresh()
	return f
}

func (f *fixture) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) refresh() {
	f.t.Helper()
	f.must(f.front.Refresh(f.ctx, testSale))
}

// join lets count new fans join and returns the last one's place.
func (f *fixture) join(count int) queue.PlaceRef {
	f.t.Helper()
	var place queue.Place
	for range count {
		f.joined++
		var created bool
		var err error
		place, created, err = f.store.Join(f.ctx, testSale, fmt.Sprintf("acc-%d", f.joined))
		f.must(err)
		if !created {
			f.t.Fatalf("acc-%d had a place already", f.joined)
		}
	}
	return place.PlaceRef
}

func (f *fixture) ref(n uint64) queue.PlaceRef {
	return queue.PlaceRef{SaleID: testSale, Epoch: 1, N: n, Subject: fmt.Sprintf("acc-%d", n)}
}

func (f *fixture) tick() Ticked {
	f.t.Helper()
	did, err := f.store.Tick(f.ctx, testSale)
	f.must(err)
	return did
}

// run lets d pass with four beats a second.
func (f *fixture) run(d time.Duration) {
	f.t.Helper()
	for passed := time.Duration(0); passed < d; passed += beat {
		f.clock.Advance(beat)
		f.tick()
	}
}

// activate brings an offered place to its session.
func (f *fixture) activate(ref queue.PlaceRef) queue.Session {
	f.t.Helper()
	for range 400 {
		session, err := f.store.Enter(f.ctx, ref)
		if err == nil {
			return session
		}
		if !errors.Is(err, queue.ErrNotYourTurn) {
			f.t.Fatal(err)
		}
		f.run(beat)
	}
	f.t.Fatalf("place %d did not enter", ref.N)
	return queue.Session{}
}

func (f *fixture) place(ref queue.PlaceRef) queue.Place {
	f.t.Helper()
	place, err := f.store.Place(f.ctx, ref)
	f.must(err)
	return place
}

func (f *fixture) state(ref queue.PlaceRef) string {
	f.t.Helper()
	place := f.place(ref)
	if place.Reason != "" {
		return string(place.State) + "/" + place.Reason
	}
	return string(place.State)
}

// countingHook counts the commands that are sent to Redis.
type countingHook struct{ sent *atomic.Int64 }

func (h countingHook) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (h countingHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if !redis.HasErrorPrefix(err, "NOSCRIPT") { // asked again with the text
			h.sent.Add(1)
		}
		return err
	}
}

func (h countingHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		h.sent.Add(int64(len(cmds)))
		return next(ctx, cmds)
	}
}
