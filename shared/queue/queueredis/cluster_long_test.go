//go:build long

package queueredis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/clock"
	"github.com/fairgate/fairgate/shared/platform/backendtest"
	"github.com/fairgate/fairgate/shared/platform/redisx"
	"github.com/fairgate/fairgate/shared/queue"
)

// TestLongLineInACluster goes every way of a line on a Redis Cluster, for several
// lines, so that they lie on different nodes.
func TestLongLineInACluster(t *testing.T) {
	t.Parallel()
	client, err := redisx.Open(redisx.Settings{Addrs: backendtest.RedisCluster(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	f := &fixture{t: t, ctx: context.Background(), client: client, prefix: "c:", clock: clock.NewManual(testStart), asked: &atomic.Int64{}}
	f.tokens, err = queue.NewPlaceTokens([]byte("a test key of at least thirty-two bytes"), f.clock)
	f.must(err)
	f.store = New(client, f.prefix, f.tokens, WithClock(f.clock.Now))
	f.front = NewFront(f.store, slog.New(slog.DiscardHandler), f.clock)
	sales := make([]string, 8)
	for i := range sales {
		sales[i] = fmt.Sprintf("sale-%d", i)
		wayThroughCluster(f, sales[i])
	}
	if lines, err := f.store.Lines(f.ctx); err != nil || len(lines) != len(sales) {
		t.Errorf("lines %v, %v", lines, err)
	}
}

func wayThroughCluster(f *fixture, sale string) {
	f.t.Helper()
	policy := queue.DefaultPolicy(sale)
	policy.State, policy.Identity, policy.Capacity = queue.Open, queue.ByBrowser, 3
	created, err := f.store.Ensure(f.ctx, policy)
	f.must(err)
	if !created {
		f.t.Fatalf("%s was there already", sale)
	}
	f.must(f.front.Refresh(f.ctx, sale))
	var refs []queue.PlaceRef
	for i := range 100 {
		place, _, err := f.front.Join(f.ctx, sale, fmt.Sprintf("br-%d", i))
		f.must(err)
		refs = append(refs, place.PlaceRef)
	}
	beat := func() {
		f.clock.Advance(250 * time.Millisecond)
		_, err := f.store.Tick(f.ctx, sale)
		f.must(err)
	}
	beat()
	beat()
	f.must(f.front.Refresh(f.ctx, sale))
	var session queue.Session
	for range 40 {
		if session, err = f.front.Enter(f.ctx, refs[0]); err == nil {
			break
		}
		if !errors.Is(err, queue.ErrNotYourTurn) {
			f.t.Fatal(err)
		}
		beat()
	}
	f.must(err)
	if place, err := f.front.Place(f.ctx, refs[99]); err != nil || place.State != queue.PlaceWaiting {
		f.t.Errorf("the last of %s: %v, %v", sale, place.State, err)
	}
	f.must(f.front.ReportPresence(f.ctx, sale))
	if _, ok, err := f.store.SessionActive(f.ctx, session.Ref(), "acc-1"); err != nil || !ok {
		f.t.Errorf("session: %v, %v", ok, err)
	}
	if _, ok, err := f.store.SessionActive(f.ctx, session.Ref(), "acc-2"); err != nil || ok {
		f.t.Errorf("the session serves a second account: %v, %v", ok, err)
	}
	_, err = f.store.ExtendSession(f.ctx, session.Ref(), session.EndsAt.Add(time.Minute))
	f.must(err)
	if was, err := f.store.EndSession(f.ctx, session.Ref()); err != nil || !was {
		f.t.Errorf("ending: %v, %v", was, err)
	}
	f.must(f.front.Leave(f.ctx, refs[50]))
	sweepInCluster(f, sale, beat)
	operateInCluster(f, sale)
}

// sweepInCluster lets everybody fall silent and be removed.
func sweepInCluster(f *fixture, sale string, beat func()) {
	_, err := f.store.Act(f.ctx, sale, queue.VerbPause) // or they would be offered places first
	f.must(err)
	removed := 0
	for range 40 {
		f.clock.Advance(10 * time.Second)
		beat()
		f.must(f.store.ReportPresence(f.ctx, sale))
		n, err := f.store.Sweep(f.ctx, sale)
		f.must(err)
		removed += n
	}
	if removed == 0 {
		f.t.Errorf("%s: nobody was taken for absent", sale)
	}
}

func operateInCluster(f *fixture, sale string) {
	rate := 60
	_, err := f.store.Patch(f.ctx, sale, queue.Patch{RatePerMinute: &rate})
	f.must(err)
	f.must(f.store.SetSoldOut(f.ctx, sale, true))
	for _, verb := range []queue.Verb{queue.VerbPause, queue.VerbResume, queue.VerbDrain, queue.VerbClose, queue.VerbReset} {
		_, err := f.store.Act(f.ctx, sale, verb)
		f.must(err)
	}
	f.must(f.front.Refresh(f.ctx, sale))
	if status, err := f.front.Status(sale); err != nil || len(status.JSON) == 0 {
		f.t.Errorf("status: %s, %v", status.JSON, err)
	}
	if p, err := f.store.Policy(f.ctx, sale); err != nil || p.Epoch != 2 || p.RatePerMinute != rate {
		f.t.Errorf("after the reset: %+v, %v", p, err)
	}
}
