package queueredis

import (
	"errors"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/queue"
)

// small offers two places at a time and has one slot.
func small(p *queue.Policy) { p.Capacity, p.RatePerMinute = 1, 60 }

// roomy lets everybody of a test in.
func roomy(p *queue.Policy) { p.Capacity, p.RatePerMinute = 100, 6000 }

// offerFirst returns the first place, just offered.
func offerFirst(f *fixture) queue.PlaceRef {
	f.join(20)
	f.run(time.Second)
	return f.ref(1)
}

func lapseFirst(f *fixture) queue.PlaceRef {
	ref := offerFirst(f)
	f.run(62 * time.Second)
	return ref
}

func reviveFirst(f *fixture) queue.PlaceRef {
	ref := lapseFirst(f)
	if _, err := f.store.Enter(f.ctx, ref); !errors.Is(err, queue.ErrNotYourTurn) {
		f.t.Fatalf("claiming a lapsed offer: %v", err)
	}
	return ref
}

// keepSeeing lets d pass while gateways report everybody but absent.
func keepSeeing(f *fixture, d time.Duration, absent uint64) {
	for passed := time.Duration(0); passed < d; passed += time.Second {
		seen := []uint64{}
		for n := uint64(1); n <= uint64(f.joined); n++ {
			if n != absent {
				seen = append(seen, n)
			}
		}
		f.must(f.store.ReportPresence(f.ctx, testSale, seen...))
		f.run(time.Second)
		_, err := f.store.Sweep(f.ctx, testSale)
		f.must(err)
	}
}

func abandonLast(f *fixture) queue.PlaceRef {
	f.must(f.store.ReportPresence(f.ctx, testSale))
	ref := f.join(200)
	_, err := f.store.Act(f.ctx, testSale, queue.VerbPause) // nobody else's turn comes meanwhile
	f.must(err)
	keepSeeing(f, 3*time.Minute, ref.N)
	_, err = f.store.Act(f.ctx, testSale, queue.VerbResume)
	f.must(err)
	return ref
}

func activateFirst(f *fixture) queue.PlaceRef {
	ref := offerFirst(f)
	f.activate(ref)
	return ref
}

// TestStandings is the table "Where a fan stands" of the design, row by row: what
// both calls answer, and how often a poll asks Redis.
func TestStandings(t *testing.T) {
	t.Parallel()
	ahead := func(n int64) *int64 { return &n }
	tests := []struct {
		name     string
		policy   func(*queue.Policy)
		arrange  func(*fixture) queue.PlaceRef
		state    queue.PlaceState
		reason   string
		ahead    *int64
		deadline bool // claim_before is told
		session  bool // session_ends_at is told
		asks     int64
		entry    string
		entryNow *int64 // ahead of a not_your_turn
		after    queue.PlaceState
	}{
		{
			name: "lobby", policy: func(p *queue.Policy) { p.Method, p.State = queue.Draw, queue.Lobby },
			arrange: func(f *fixture) queue.PlaceRef { return f.join(3) },
			state:   queue.PlaceLobby, asks: 0, entry: "not_your_turn", entryNow: ahead(0), after: queue.PlaceLobby,
		},
		{
			name: "drawing", policy: func(p *queue.Policy) { p.Method, p.State = queue.Draw, queue.Drawing },
			arrange: func(f *fixture) queue.PlaceRef { return f.join(3) },
			state:   queue.PlaceLobby, asks: 0, entry: "not_your_turn", entryNow: ahead(0), after: queue.PlaceLobby,
		},
		{
			name: "waiting", policy: small,
			arrange: func(f *fixture) queue.PlaceRef { ref := f.join(20); f.tick(); return ref },
			state:   queue.PlaceWaiting, ahead: ahead(17), asks: 0, entry: "not_your_turn", entryNow: ahead(17), after: queue.PlaceWaiting,
		},
		{
			name: "waiting, far from the turn", policy: small,
			arrange: func(f *fixture) queue.PlaceRef { ref := f.join(300); f.tick(); return ref },
			state:   queue.PlaceWaiting, ahead: ahead(297), asks: 0, entry: "not_your_turn", entryNow: ahead(297), after: queue.PlaceWaiting,
		},
		{
			name: "waiting, returned", policy: small, arrange: reviveFirst,
			state: queue.PlaceWaiting, ahead: ahead(0), asks: 0, entry: "not_your_turn", entryNow: ahead(0), after: queue.PlaceWaiting,
		},
		{
			name: "offered, in time", policy: small, arrange: offerFirst,
			state: queue.PlaceOffered, ahead: ahead(0), deadline: true, asks: 1,
			entry: "not_your_turn", entryNow: ahead(0), after: queue.PlaceOffered,
		},
		{
			name: "ready", policy: small,
			arrange: func(f *fixture) queue.PlaceRef {
				offerFirst(f)
				_, _ = f.store.Enter(f.ctx, f.ref(1))
				_, _ = f.store.Enter(f.ctx, f.ref(2))
				return f.ref(2)
			},
			state: queue.PlaceOffered, ahead: ahead(0), asks: 1, entry: "not_your_turn", entryNow: ahead(1), after: queue.PlaceOffered,
		},
		{
			name: "active", policy: small, arrange: activateFirst,
			state: queue.PlaceActive, ahead: ahead(0), session: true, asks: 1, entry: "pass", after: queue.PlaceActive,
		},
		{
			name: "offer lapsed, first time", policy: small, arrange: lapseFirst,
			state: queue.PlaceExpired, reason: queue.ReasonLapsed, asks: 1,
			entry: "not_your_turn", entryNow: ahead(0), after: queue.PlaceWaiting,
		},
		{
			name: "offer lapsed, too late", policy: func(p *queue.Policy) { small(p); p.GraceSeconds = 10 },
			arrange: func(f *fixture) queue.PlaceRef { ref := lapseFirst(f); f.run(12 * time.Second); return ref },
			state:   queue.PlaceExpired, reason: queue.ReasonMissed, asks: 1, entry: "offer_lapsed", after: queue.PlaceExpired,
		},
		{
			name: "lapsed again", policy: small,
			arrange: func(f *fixture) queue.PlaceRef { ref := reviveFirst(f); f.run(65 * time.Second); return ref },
			state:   queue.PlaceExpired, reason: queue.ReasonMissed, asks: 1, entry: "offer_lapsed", after: queue.PlaceExpired,
		},
		{
			name: "abandoned, within grace, polls", policy: func(p *queue.Policy) { small(p); p.AbandonSeconds = 60 },
			arrange: abandonLast, state: queue.PlaceWaiting, asks: 1, entry: "not_your_turn", after: queue.PlaceWaiting,
		},
		{
			name: "abandoned, later", policy: func(p *queue.Policy) { small(p); p.AbandonSeconds, p.GraceSeconds = 60, 20 },
			arrange: abandonLast, state: queue.PlaceExpired, reason: queue.ReasonAbandoned, asks: 1,
			entry: "offer_lapsed", after: queue.PlaceExpired,
		},
		{
			name: "left", policy: small,
			arrange: func(f *fixture) queue.PlaceRef { ref := f.join(5); f.must(f.store.Leave(f.ctx, ref)); return ref },
			state:   queue.PlaceLeft, asks: 1, entry: "offer_lapsed", after: queue.PlaceLeft,
		},
		{
			name: "finished", policy: small,
			arrange: func(f *fixture) queue.PlaceRef {
				ref := activateFirst(f)
				active, err := f.store.EndSession(f.ctx, queue.SessionRef{SaleID: testSale, Epoch: 1, N: ref.N})
				if err != nil || !active {
					f.t.Fatalf("EndSession: %v, %v", active, err)
				}
				return ref
			},
			state: queue.PlaceFinished, asks: 1, entry: "offer_lapsed", after: queue.PlaceFinished,
		},
		{
			name: "session over", policy: func(p *queue.Policy) { small(p); p.SessionSeconds = 8 },
			arrange: func(f *fixture) queue.PlaceRef { ref := activateFirst(f); f.run(9 * time.Second); return ref },
			state:   queue.PlaceExpired, reason: queue.ReasonSession, asks: 1, entry: "offer_lapsed", after: queue.PlaceExpired,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newLine(t, test.policy)
			ref := test.arrange(f)
			f.refresh()

			before := f.asked.Load()
			place, err := f.front.Place(f.ctx, ref)
			f.must(err)
			if asked := f.asked.Load() - before; asked != test.asks {
				t.Errorf("a poll sent %d commands, want %d", asked, test.asks)
			}
			if place.State != test.state || place.Reason != test.reason {
				t.Errorf("stands %s %q, want %s %q", place.State, place.Reason, test.state, test.reason)
			}
			if test.ahead != nil && (place.Ahead == nil || int64(*place.Ahead) != *test.ahead) {
				t.Errorf("ahead %v, want %d", place.Ahead, *test.ahead)
			}
			if (place.State.Over() || place.State == queue.PlaceLobby) != (place.Ahead == nil) {
				t.Errorf("ahead is %v in state %s", place.Ahead, place.State)
			}
			if got := !place.ClaimBefore.IsZero(); got != test.deadline {
				t.Errorf("claim_before %v", place.ClaimBefore)
			}
			if got := !place.SessionEndsAt.IsZero(); got != test.session {
				t.Errorf("session_ends_at %v", place.SessionEndsAt)
			}
			before = f.asked.Load()
			if again, err := f.front.Place(f.ctx, ref); err != nil || again.State != place.State {
				t.Errorf("a second poll: %v, %v", again.State, err)
			}
			if asked := f.asked.Load() - before; asked != 0 {
				t.Errorf("a second poll in the same second sent %d commands", asked)
			}

			session, err := f.front.Enter(f.ctx, ref)
			switch {
			case test.entry == "pass":
				if err != nil || !session.EndsAt.Equal(place.SessionEndsAt) {
					t.Errorf("entry: %v, %v; want the session until %v", session, err, place.SessionEndsAt)
				}
			case err == nil || errs.From(err).Code != test.entry:
				t.Errorf("entry: %v, want %s", err, test.entry)
			case test.entryNow != nil && errs.From(err).Extra["ahead"] != *test.entryNow:
				t.Errorf("entry: ahead %v, want %d", errs.From(err).Extra["ahead"], *test.entryNow)
			}
			if got := f.place(ref).State; got != test.after {
				t.Errorf("after the entry %s, want %s", got, test.after)
			}
		})
	}
}
