package queueredis

import (
	"errors"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/queue"
)

func TestSessionLife(t *testing.T) {
	t.Parallel()
	f := newLine(t, func(p *queue.Policy) { roomy(p); p.SessionSeconds = 100 })
	ref := f.join(1)
	f.run(time.Second)
	session := f.activate(ref)
	if want := f.clock.Now().Add(100 * time.Second); !session.EndsAt.Equal(want) {
		t.Errorf("the session ends at %v, want %v after the first pass", session.EndsAt, want)
	}
	f.run(10 * time.Second)
	again, err := f.store.Enter(f.ctx, ref)
	if err != nil || again != session {
		t.Errorf("entering again: %v, %v; want the same session", again, err)
	}
	until := session.EndsAt.Add(5 * time.Minute)
	for _, to := range []time.Time{until, session.EndsAt} {
		if active, err := f.store.ExtendSession(f.ctx, session.Ref(), to); err != nil || !active {
			t.Fatalf("extending: %v, %v", active, err)
		}
	}
	endsAt, active, err := f.store.SessionActive(f.ctx, session.Ref(), "")
	if err != nil || !active || !endsAt.Equal(until) {
		t.Errorf("extended: %v until %v, %v; an end never moves earlier than %v", active, endsAt, err, until)
	}
	f.must(f.store.Leave(f.ctx, ref))
	if _, active, err = f.store.SessionActive(f.ctx, session.Ref(), ""); err != nil || active {
		t.Errorf("after leaving the session is active: %v, %v", active, err)
	}
	if active, err := f.store.ExtendSession(f.ctx, session.Ref(), until.Add(time.Hour)); err != nil || active {
		t.Errorf("extending what is over: %v, %v", active, err)
	}
	if was, err := f.store.EndSession(f.ctx, session.Ref()); err != nil || was {
		t.Errorf("ending what is over: %v, %v", was, err)
	}
	old := queue.SessionRef{SaleID: testSale, Epoch: 77, N: ref.N}
	if was, err := f.store.EndSession(f.ctx, old); err != nil || was {
		t.Errorf("ending a session of another epoch: %v, %v", was, err)
	}
}

// TestSlotIsFreeAtOnce: the next fan enters at the beat after a session ends.
func TestSlotIsFreeAtOnce(t *testing.T) {
	t.Parallel()
	f := newLine(t, small)
	f.join(5)
	f.run(2 * time.Second)
	first := f.activate(f.ref(1))
	_, err := f.store.Enter(f.ctx, f.ref(2))
	if !errors.Is(err, queue.ErrNotYourTurn) {
		t.Fatalf("claiming: %v", err)
	}
	f.run(5 * time.Second)
	if _, err = f.store.Enter(f.ctx, f.ref(2)); !errors.Is(err, queue.ErrNotYourTurn) {
		t.Fatalf("entering a full house: %v", err)
	}
	_, err = f.store.EndSession(f.ctx, first.Ref())
	f.must(err)
	f.run(beat)
	if _, err = f.store.Enter(f.ctx, f.ref(2)); err != nil {
		t.Errorf("entering a free slot: %v", err)
	}
}

// TestUnfetchedPass: who claims but never fetches the pass gives the slot back
// after a claim window, and may come back once.
func TestUnfetchedPass(t *testing.T) {
	t.Parallel()
	f := newLine(t, small)
	f.join(2)
	f.run(time.Second)
	if _, err := f.store.Enter(f.ctx, f.ref(1)); !errors.Is(err, queue.ErrNotYourTurn) {
		t.Fatal(err)
	}
	f.run(2 * time.Second)
	if got := f.state(f.ref(1)); got != "active" {
		t.Fatalf("stands %s", got)
	}
	f.run(61 * time.Second)
	if got := f.state(f.ref(1)); got != "expired/lapsed" {
		t.Errorf("stands %s", got)
	}
	if _, err := f.store.Enter(f.ctx, f.ref(1)); !errors.Is(err, queue.ErrNotYourTurn) {
		t.Errorf("coming back: %v", err)
	}
}

// TestNothingLapsesOverAGap: when no gateway beats for a while, offers do not lapse
// for it.
func TestNothingLapsesOverAGap(t *testing.T) {
	t.Parallel()
	f := newLine(t, small)
	ref := offerFirst(f)
	f.clock.Advance(10 * time.Minute)
	f.tick()
	place := f.place(ref)
	if left := place.ClaimBefore.Sub(f.clock.Now()); place.State != queue.PlaceOffered || left != time.Minute {
		t.Errorf("after the gap: %s, %v left to claim", place.State, left)
	}
	f.run(61 * time.Second)
	if got := f.state(ref); got != "expired/lapsed" {
		t.Errorf("a window later: %s", got)
	}
}

// Who was let in and could not fetch the pass, because nothing answered, keeps it.
func TestUnfetchedPassOutlivesAGap(t *testing.T) {
	t.Parallel()
	f := newLine(t, nil)
	ref := f.join(1)
	f.run(time.Second)
	if _, err := f.store.Enter(f.ctx, ref); !errors.Is(err, queue.ErrNotYourTurn) {
		t.Fatal(err)
	}
	f.run(time.Second)
	if state := f.state(ref); state != "active" {
		t.Fatalf("state %s before the gap", state)
	}
	f.clock.Advance(90 * time.Second) // more than a claim window
	if state := f.state(ref); state != "active" {
		t.Errorf("state %s before the first beat after the gap", state)
	}
	f.tick()
	if state := f.state(ref); state != "active" {
		t.Errorf("state %s after the first beat", state)
	}
	if _, err := f.store.Enter(f.ctx, ref); err != nil {
		t.Error(err)
	}
}

// The first request after a gap may come before the first beat.
func TestClaimBeforeTheFirstBeatAfterAGap(t *testing.T) {
	t.Parallel()
	f := newLine(t, nil)
	ref := f.join(1)
	f.run(time.Second)
	f.clock.Advance(90 * time.Second)
	if state := f.state(ref); state != "offered" {
		t.Errorf("state %s", state)
	}
	_, _ = f.store.Enter(f.ctx, ref)
	if lapsed := f.client.GetBit(f.ctx, f.store.keys.of(testSale, "lapsed"), int64(ref.N)).Val(); lapsed != 0 {
		t.Error("the claim counts as a second chance")
	}
	f.activate(ref)
}

// A fan who books again and again must not keep the slot for ever.
func TestSessionIsExtendedOnce(t *testing.T) {
	t.Parallel()
	f := newLine(t, nil)
	ref := f.join(1)
	f.run(time.Second)
	session := f.activate(ref)
	first := session.EndsAt.Add(5 * time.Minute)
	for _, until := range []time.Time{session.EndsAt.Add(-time.Minute), first, first.Add(5 * time.Minute), first} {
		if active, err := f.store.ExtendSession(f.ctx, session.Ref(), until); err != nil || !active {
			t.Fatal(active, err)
		}
	}
	if endsAt, active, err := f.store.SessionActive(f.ctx, session.Ref(), ""); err != nil || !active || !endsAt.Equal(first) {
		t.Errorf("the session ends at %v (%v, %v), not at %v", endsAt, active, err, first)
	}
}

func TestPauseKeepsOffers(t *testing.T) {
	t.Parallel()
	f := newLine(t, small)
	ref := offerFirst(f)
	f.act(queue.VerbPause)
	f.run(5 * time.Minute)
	if got := f.state(ref); got != "offered" {
		t.Errorf("in the pause: %s", got)
	}
	if did := f.tick(); did.Offered+did.Entered > 0 {
		t.Errorf("a paused line did %+v", did)
	}
	f.act(queue.VerbResume)
	f.run(59 * time.Second)
	if got := f.state(ref); got != "offered" {
		t.Errorf("59 s after the pause: %s", got)
	}
	f.run(2 * time.Second)
	if got := f.state(ref); got != "expired/lapsed" {
		t.Errorf("61 s after the pause: %s", got)
	}
}

func TestSoldOut(t *testing.T) {
	t.Parallel()
	f := newLine(t, small)
	f.join(30)
	f.run(time.Second)
	session := f.activate(f.ref(1))
	f.run(5 * time.Second)
	f.must(f.store.SetSoldOut(f.ctx, testSale, true))
	f.refresh()
	for n, want := range map[uint64]string{1: "active", 2: "expired/sold_out", 30: "expired/sold_out"} {
		if got := f.state(f.ref(n)); got != want {
			t.Errorf("sold out: place %d stands %s, want %s", n, got, want)
		}
	}
	if place, err := f.front.Place(f.ctx, f.ref(30)); err != nil || place.State != queue.PlaceExpired || place.Reason != queue.ReasonSoldOut {
		t.Errorf("from memory: %v %s", place.State, place.Reason)
	}
	if _, err := f.front.Enter(f.ctx, f.ref(2)); !errors.Is(err, queue.ErrSoldOutGone) || errs.KindOf(err) != errs.Gone {
		t.Errorf("entry: %v", err)
	}
	if _, _, err := f.store.Join(f.ctx, testSale, "acc-2"); !errors.Is(err, queue.ErrSoldOut) || errs.KindOf(err) != errs.Conflict {
		t.Errorf("joining: %v", err)
	}
	if _, active, err := f.store.SessionActive(f.ctx, session.Ref(), ""); err != nil || !active {
		t.Errorf("the session inside: %v, %v", active, err)
	}
	f.run(3 * time.Minute)
	f.must(f.store.SetSoldOut(f.ctx, testSale, false))
	for n, want := range map[uint64]string{2: "offered", 30: "waiting"} {
		place := f.place(f.ref(n))
		if string(place.State) != want || place.Key != queue.LateKey(n) {
			t.Errorf("seats returned: place %d stands %s at %s, want %s", n, place.State, place.Key, want)
		}
	}
}

func TestBrowserSessionServesOneAccount(t *testing.T) {
	t.Parallel()
	f := newLine(t, func(p *queue.Policy) { roomy(p); p.Identity = queue.ByBrowser })
	ref := f.join(1)
	f.run(time.Second)
	session := f.activate(ref)
	for _, use := range []struct {
		account string
		want    bool
	}{{"acc-a", true}, {"acc-b", false}, {"acc-a", true}} {
		if _, ok, err := f.store.SessionActive(f.ctx, session.Ref(), use.account); err != nil || ok != use.want {
			t.Errorf("%s: %v, %v, want %v", use.account, ok, err, use.want)
		}
	}
}

func TestSessionsAskedTogetherAreAnsweredApart(t *testing.T) {
	t.Parallel()
	f := newLine(t, func(p *queue.Policy) { roomy(p); p.Identity = queue.ByBrowser })
	f.join(3)
	f.run(time.Second)
	first, second, left := f.activate(f.ref(1)), f.activate(f.ref(2)), f.activate(f.ref(3))
	f.must(f.store.Leave(f.ctx, f.ref(3)))
	ref := func(epoch uint32, n uint64) queue.SessionRef {
		return queue.SessionRef{SaleID: testSale, Epoch: epoch, N: n}
	}
	asked := []sessionAsked{
		{ref(1, 1), "acc-a"}, {ref(1, 1), "acc-b"}, {ref(1, 2), ""}, {ref(2, 2), ""}, {left.Ref(), ""}, {ref(1, 99), "acc-a"}, {ref(0, 2), ""}, {ref(1, 1), "acc-a"},
	}
	want := []time.Time{first.EndsAt, {}, second.EndsAt, {}, {}, {}, {}, first.EndsAt}
	f.store.sessionEnds(f.ctx, testSale, asked[:1]) // Redis knows the script from now on
	before := f.asked.Load()
	for i, end := range f.store.sessionEnds(f.ctx, testSale, asked) {
		if end.err != nil || !end.at.Equal(want[i]) {
			t.Errorf("%+v ends at %s, %v; want %s", asked[i], end.at, end.err, want[i])
		}
	}
	if commands := f.asked.Load() - before; commands != 1 {
		t.Errorf("%d commands for all of them", commands)
	}
}

// TestModeAuto: while the house is not full nobody waits; once it is, the line is on.
func TestModeAuto(t *testing.T) {
	t.Parallel()
	f := newLine(t, func(p *queue.Policy) { p.Mode, p.Capacity, p.RatePerMinute = queue.ModeAuto, 3, 60 })
	for n := range uint64(3) {
		ref := f.join(1)
		if _, err := f.store.Enter(f.ctx, ref); err != nil {
			t.Fatalf("fan %d: %v", n+1, err)
		}
	}
	ref := f.join(1)
	if got := f.state(ref); got != "waiting" {
		t.Errorf("with a full house: %s", got)
	}
	f.run(10 * time.Second)
	if active := f.client.ZCard(f.ctx, f.store.keys.of(testSale, "active")).Val(); active != 3 {
		t.Errorf("%d active", active)
	}
}

func TestOpensInTime(t *testing.T) {
	t.Parallel()
	lobby, open := testStart.Add(time.Minute), testStart.Add(2*time.Minute)
	f := newLine(t, func(p *queue.Policy) { p.State, p.LobbyOpensAt, p.OpensAt = queue.Scheduled, &lobby, &open })
	for _, step := range []struct {
		after time.Duration
		want  queue.State
	}{{59 * time.Second, queue.Scheduled}, {2 * time.Second, queue.Lobby}, {58 * time.Second, queue.Lobby}, {2 * time.Second, queue.Open}} {
		f.run(step.after)
		p, err := f.store.Policy(f.ctx, testSale)
		f.must(err)
		if p.State != step.want {
			t.Errorf("at %v: %s, want %s", f.clock.Now().Sub(testStart), p.State, step.want)
		}
		if step.want == queue.Lobby {
			if ref := f.join(1); f.state(ref) != "waiting" {
				t.Errorf("in the lobby of a fifo line: %s", f.state(ref))
			}
		}
	}
}

func TestDrainCloses(t *testing.T) {
	t.Parallel()
	f := newLine(t, func(p *queue.Policy) { roomy(p); p.SessionSeconds = 10 })
	f.join(2)
	f.act(queue.VerbDrain)
	f.run(time.Second)
	f.activate(f.ref(1))
	f.activate(f.ref(2))
	f.run(12 * time.Second)
	p, err := f.store.Policy(f.ctx, testSale)
	f.must(err)
	if p.State != queue.Closed {
		t.Errorf("an empty draining line is %s", p.State)
	}
}
