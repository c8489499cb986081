package queueredis

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fairgate/fairgate/shared/queue"
)

func replaceOnce(t *testing.T, text, guard, by string) string {
	t.Helper()
	if strings.Count(text, guard) != 1 {
		t.Fatalf("the guard %q is not there once", guard)
	}
	return strings.Replace(text, guard, by, 1)
}

// beatAtOnce lets many gateways beat at once and returns how many offers more were
// made than places offered.
func beatAtOnce(f *fixture) (twice int) {
	f.t.Helper()
	var all sync.WaitGroup
	total := make(chan int, 64)
	for range 32 {
		all.Go(func() {
			for range 5 {
				did, err := f.store.Tick(f.ctx, testSale)
				if err != nil {
					f.t.Error(err)
				}
				f.clock.Advance(10 * time.Millisecond)
				total <- did.Offered
			}
		})
	}
	go func() { all.Wait(); close(total) }()
	offers := 0
	for n := range total {
		offers += n
	}
	places := f.client.ZCard(f.ctx, f.store.keys.of(testSale, "offered")).Val()
	return offers - int(places)
}

func TestNobodyIsOfferedTwice(t *testing.T) {
	t.Parallel()
	f := newLine(t, func(p *queue.Policy) { p.RatePerMinute, p.Capacity = 3000, 10_000 })
	f.join(600)
	if twice := beatAtOnce(f); twice != 0 {
		t.Errorf("%d offers too many", twice)
	}
	offered := f.client.ZCard(f.ctx, f.store.keys.of(testSale, "offered")).Val()
	if offered == 0 || offered == 600 {
		t.Fatalf("%d of 600 were offered: the test shows nothing", offered)
	}
	for n := uint64(1); n <= 600; n++ {
		if got, want := f.state(f.ref(n)) == "offered", n <= uint64(offered); got != want {
			t.Fatalf("%d lowest were offered, but place %d: %v", offered, n, got)
		}
	}
}

// TestNobodyIsOfferedTwiceTwin: with an offer that leaves the place in the line the test above fails.
func TestNobodyIsOfferedTwiceTwin(t *testing.T) {
	t.Parallel()
	f := newLine(t, func(p *queue.Policy) { p.RatePerMinute, p.Capacity = 3000, 10_000 })
	unguarded := replaceOnce(t, tickText, "      out_of_waiting(n)\n", "")
	f.store.scripts.tick = redis.NewScript(headText + lineText + unguarded)
	f.join(600)
	if twice := beatAtOnce(f); twice == 0 {
		t.Error("nobody was offered twice although the guard is gone")
	}
}

// TestAfterARestart: a Redis that may have lost the last numbers gives none of
// them again, and offers nothing for five seconds.
func TestAfterARestart(t *testing.T) {
	t.Parallel()
	f := newLine(t, small)
	f.join(3)
	f.must(f.client.HSet(f.ctx, f.store.keys.policy(testSale), "run_id", "another", "tail", 1).Err()) // 2 and 3 are lost
	if did := f.tick(); did.Offered != 0 {
		t.Errorf("offered %d at once", did.Offered)
	}
	place, created, err := f.store.Join(f.ctx, testSale, "acc-new")
	f.must(err)
	if !created || place.N != 65_538 {
		t.Errorf("the next number is %d", place.N)
	}
	f.run(4 * time.Second)
	if got := f.client.ZCard(f.ctx, f.store.keys.of(testSale, "offered")).Val(); got != 0 {
		t.Errorf("%d offered within five seconds", got)
	}
	f.run(2 * time.Second)
	if got := f.client.ZCard(f.ctx, f.store.keys.of(testSale, "offered")).Val(); got == 0 {
		t.Error("nothing offered after five seconds")
	}
}

func TestEnsure(t *testing.T) {
	t.Parallel()
	f := newLine(t, nil)
	p, err := f.store.Policy(f.ctx, testSale)
	f.must(err)
	if p.Epoch != 1 || p.Version != 1 || p.State != queue.Open {
		t.Fatalf("made: %+v", p)
	}
	f.join(4)
	older := p
	older.Capacity = 7
	if created, err := f.store.Ensure(f.ctx, older); err != nil || created {
		t.Errorf("ensuring again: %v, %v", created, err)
	}
	newer := p
	newer.Capacity, newer.Version = 9, 2
	_, err = f.store.Ensure(f.ctx, newer)
	f.must(err)
	p, err = f.store.Policy(f.ctx, testSale)
	f.must(err)
	if p.Capacity != 9 || p.Version != 2 || p.Tail != 4 || p.Epoch != 1 {
		t.Errorf("the higher version: %+v", p)
	}
	f.must(f.client.Unlink(f.ctx, f.store.keys.policy(testSale)).Err())
	if _, err := f.store.Tick(f.ctx, testSale); !errors.Is(err, queue.ErrLineNotFound) {
		t.Errorf("a beat without a line: %v", err)
	}
	created, err := f.store.Ensure(f.ctx, p)
	f.must(err)
	p, err = f.store.Policy(f.ctx, testSale)
	f.must(err)
	if !created || p.Epoch != 2 || p.Tail != 4+65_536 || p.Capacity != 9 {
		t.Errorf("made again: %v, %+v", created, p)
	}
	if lines, err := f.store.Lines(f.ctx); err != nil || len(lines) != 1 || lines[0] != testSale {
		t.Errorf("Lines: %v, %v", lines, err)
	}
}

func TestPatch(t *testing.T) {
	t.Parallel()
	f := newLine(t, nil)
	rate, old := 120, int64(1)
	opens := testStart.Add(time.Hour)
	p, err := f.store.Patch(f.ctx, testSale, queue.Patch{RatePerMinute: &rate, OpensAt: &opens, Message: map[string]string{"en": "Hello"}})
	f.must(err)
	stored, err := f.store.Policy(f.ctx, testSale)
	f.must(err)
	if fmt.Sprint(stored.RatePerMinute, stored.Version, stored.OpensAt, stored.Message) != fmt.Sprint(120, 2, &opens, p.Message) {
		t.Errorf("stored %+v", stored)
	}
	if _, err := f.store.Patch(f.ctx, testSale, queue.Patch{RatePerMinute: &rate, Version: &old}); !errors.Is(err, queue.ErrVersionConflict) {
		t.Errorf("an old version: %v", err)
	}
	if _, err := f.store.Patch(f.ctx, "no-such-sale", queue.Patch{}); !errors.Is(err, queue.ErrLineNotFound) {
		t.Errorf("without a line: %v", err)
	}
	var all sync.WaitGroup
	for n := range 4 {
		all.Go(func() {
			capacity := 100 + n
			if _, err := f.store.Patch(f.ctx, testSale, queue.Patch{Capacity: &capacity}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if stored, err = f.store.Policy(f.ctx, testSale); err != nil || stored.Version != 6 {
		t.Errorf("after four patches at once: version %d, %v", stored.Version, err)
	}
}

func TestTheIdentityIsFixedOnceFansHavePlaces(t *testing.T) {
	t.Parallel()
	f := newLine(t, nil)
	account, browser := queue.ByAccount, queue.ByBrowser
	change := func(to *queue.Identity) error {
		_, err := f.store.Patch(f.ctx, testSale, queue.Patch{Identity: to})
		return err
	}
	f.must(change(&browser))
	f.must(change(&account))
	stale, err := f.store.Policy(f.ctx, testSale)
	f.must(err)
	f.join(1)
	if err := change(&browser); !errors.Is(err, queue.ErrIdentityFixed) {
		t.Errorf("with a place: %v", err)
	}
	f.must(change(&account)) // no change
	// A fan who joined after the operator's settings were read: the script sees it.
	if _, err := f.store.run(f.ctx, f.store.scripts.patch, testSale, 0, stale.Version+1, "identity", "browser"); !errors.Is(err, queue.ErrVersionConflict) {
		t.Errorf("joined meanwhile: %v", err)
	}
	f.act(queue.VerbReset)
	f.must(change(&browser))
}

func TestVerbsNotAllowed(t *testing.T) {
	t.Parallel()
	f := newLine(t, func(p *queue.Policy) { p.State = queue.Draft })
	for _, verb := range []queue.Verb{queue.VerbPause, queue.VerbResume, queue.VerbDrain, "explode"} {
		if _, err := f.store.Act(f.ctx, testSale, verb); !errors.Is(err, queue.ErrVerbNotAllowed) {
			t.Errorf("%s a draft: %v", verb, err)
		}
	}
	if p := f.act(queue.VerbOpen); p.State != queue.Open || p.Version != 2 {
		t.Errorf("opened: %s, version %d", p.State, p.Version)
	}
}

func TestForeignPlaces(t *testing.T) {
	t.Parallel()
	f := newLine(t, nil)
	ref := f.join(1)
	for name, change := range map[string]func(*queue.PlaceRef){
		"of another epoch": func(r *queue.PlaceRef) { r.Epoch = 9 },
		"never given":      func(r *queue.PlaceRef) { r.N = 999 },
	} {
		foreign := ref
		change(&foreign)
		if _, err := f.store.Place(f.ctx, foreign); !errors.Is(err, queue.ErrPlaceInvalid) {
			t.Errorf("place %s: %v", name, err)
		}
		if _, err := f.store.Enter(f.ctx, foreign); !errors.Is(err, queue.ErrPlaceInvalid) {
			t.Errorf("enter %s: %v", name, err)
		}
		if err := f.store.Leave(f.ctx, foreign); !errors.Is(err, queue.ErrPlaceInvalid) {
			t.Errorf("leave %s: %v", name, err)
		}
	}
}

// TestStatusIsShared: two gateways serve the same bytes, whose as_of and ETag move
// only with the line, and whose anchors are ranks of live places.
func TestStatusIsShared(t *testing.T) {
	t.Parallel()
	f := newLine(t, func(p *queue.Policy) { p.State = queue.Paused })
	f.join(200)
	f.must(f.store.Leave(f.ctx, f.ref(3)))
	second := NewFront(f.store, f.front.log, f.clock)
	status := func(front *Front) StatusBody {
		t.Helper()
		f.must(front.Refresh(f.ctx, testSale))
		body, err := front.Status(testSale)
		f.must(err)
		return body
	}
	unlock := func() { f.must(f.client.Unlink(f.ctx, f.store.keys.statusLock(testSale, 1)).Err()) }
	unlock()
	first := status(f.front)
	if other := status(second); string(other.JSON) != string(first.JSON) || other.ETag != first.ETag {
		t.Errorf("two gateways differ: %s and %s", first.JSON, other.JSON)
	}
	var body queue.Status
	f.must(json.Unmarshal(first.JSON, &body))
	if body.Waiting != 199 || body.State != queue.Paused || body.Serving != "0" {
		t.Errorf("status: %+v", body)
	}
	for _, anchor := range body.Anchors {
		rank, key := anchor[0].(float64), anchor[1].(string)
		n := uint64(rank) + 1
		if n >= 3 {
			n++ // place 3 has left
		}
		if key != queue.LateKey(n) {
			t.Errorf("anchor of rank %v is %s, want %s", rank, key, queue.LateKey(n))
		}
	}
	unlock()
	f.clock.Advance(time.Second)
	if same := status(f.front); string(same.JSON) != string(first.JSON) || same.ETag != first.ETag {
		t.Errorf("nothing changed, yet %s became %s", first.ETag, same.ETag)
	}
	unlock()
	f.join(1)
	if changed := status(second); changed.ETag == first.ETag {
		t.Error("a fan joined, yet the status is the same")
	}
}

// TestAnchorsOfAMillion: about 380 of them.
func TestAnchorsOfAMillion(t *testing.T) {
	t.Parallel()
	bitmap := make([]byte, 125_001)
	for i := range bitmap {
		bitmap[i] = 0xff
	}
	list := anchors(Snapshot{Live: NewLiveCopy(bitmap)})
	if len(list) < 300 || len(list) > 420 {
		t.Errorf("%d anchors", len(list))
	}
}
