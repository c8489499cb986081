package worker_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/account"
	"github.com/fairgate/fairgate/shared/account/accountredis"
	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/booking/bookingpg"
	"github.com/fairgate/fairgate/shared/booking/bookingredis"
	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/catalogue/cataloguepg"
	"github.com/fairgate/fairgate/shared/clock"
	"github.com/fairgate/fairgate/shared/event"
	"github.com/fairgate/fairgate/shared/queue"
	"github.com/fairgate/fairgate/shared/queue/queueredis"
)

// heldSale is a sale with both stores of its holds.
type heldSale struct {
	t      *testing.T
	sale   catalogue.Sale
	redis  *bookingredis.Store
	claims *bookingpg.Claims
	key    booking.HoldKey
}

func (w *world) heldSale() *heldSale {
	w.t.Helper()
	sale, err := cataloguepg.New(w.pool).CreateTestSale(context.Background(), catalogue.TestSale{Seats: 20, Price: 10_000, Queued: true, MaxSeatsPerAccount: 4, HoldSeconds: 300})
	if err != nil {
		w.t.Fatal(err)
	}
	key, err := booking.NewHoldKey(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		w.t.Fatal(err)
	}
	return &heldSale{w.t, sale, bookingredis.New(w.redis, w.prefix), bookingpg.NewClaims(w.pool), key}
}

// hold lets an account hold a seat in a store, in a session or without one.
func (s *heldSale) hold(store booking.HoldStore, account, seat string, session *event.Session) booking.Hold {
	s.t.Helper()
	nonce := s.key.Nonce(account, s.sale.ShowtimeIDs[0], seat, []string{seat})
	order := booking.HoldOrder{
		Hold: booking.Hold{
			Nonce: nonce, SaleID: s.sale.ID, PerformanceID: s.sale.PerformanceID, ShowtimeID: s.sale.ShowtimeIDs[0],
			AccountID: account, Seats: []string{seat}, Session: session,
		},
		TTL: 10 * time.Minute, MaxSeats: 4, Showtimes: s.sale.ShowtimeIDs, Request: "seats " + nonce[booking.RequestLength:], Exact: true,
	}
	if _, err := store.Place(context.Background(), order); err != nil {
		s.t.Fatal(err)
	}
	return order.Hold
}

func (s *heldSale) live(store booking.HoldStore, hold booking.Hold) bool {
	s.t.Helper()
	live, err := store.Live(context.Background(), hold)
	if err != nil {
		s.t.Fatal(err)
	}
	return live
}

// A fan leaves while holding seats and no worker runs; the next one that starts releases
// them, in both stores, and nobody else's.
func TestHoldsOfASessionThatEndedAreReleasedAlsoAfterTheWorkerWasAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	s := w.heldSale()
	tokens, err := queue.NewPlaceTokens([]byte("a test key of at least thirty-two bytes"), clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	lines := queueredis.New(w.redis, w.prefix, tokens)
	policy := queue.DefaultPolicy(s.sale.ID)
	policy.State = queue.Open
	if _, err := lines.Ensure(ctx, policy); err != nil {
		t.Fatal(err)
	}
	leaving, staying := enter(t, lines, s.sale.ID, "acc-1"), enter(t, lines, s.sale.ID, "acc-2")
	of := func(session queue.Session) *event.Session {
		return &event.Session{SaleID: session.SaleID, Epoch: session.Epoch, N: session.N}
	}
	fast, slow := s.hold(s.redis, "acc-1", "a", of(leaving)), s.hold(s.claims, "acc-1", "b", of(leaving))
	keptFast, keptSlow := s.hold(s.redis, "acc-2", "c", of(staying)), s.hold(s.claims, "acc-2", "d", of(staying))
	if err := lines.Leave(ctx, queue.PlaceRef{SaleID: s.sale.ID, Epoch: leaving.Epoch, N: leaving.N}); err != nil {
		t.Fatal(err)
	}
	if !s.live(s.redis, fast) || !s.live(s.claims, slow) {
		t.Fatal("released without a worker: this test shows nothing")
	}

	w.start()
	eventually(t, "the holds are released", func() bool { return !s.live(s.redis, fast) && !s.live(s.claims, slow) })
	eventually(t, "the note is forgotten", func() bool {
		left, err := lines.Endings(ctx, s.sale.ID, 10)
		return err == nil && len(left) == 0
	})
	if !s.live(s.redis, keptFast) || !s.live(s.claims, keptSlow) {
		t.Error("the holds of somebody else's session were released")
	}
}

func TestHoldsOfADeletedAccountAreReleased(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.heldSale()
	fast, slow := s.hold(s.redis, "acc-gone", "a", nil), s.hold(s.claims, "acc-gone", "b", nil)
	kept := s.hold(s.redis, "acc-other", "c", nil)
	if err := accountredis.NewRevoked(w.redis, w.prefix, account.AccessLifetime).Gone(context.Background(), "acc-gone"); err != nil {
		t.Fatal(err)
	}
	w.start() // later than the deletion
	eventually(t, "the holds are released", func() bool { return !s.live(s.redis, fast) && !s.live(s.claims, slow) })
	late := s.hold(s.redis, "acc-gone", "d", nil) // a request that was on its way
	eventually(t, "a late hold is released", func() bool { return !s.live(s.redis, late) })
	if !s.live(s.redis, kept) {
		t.Error("the hold of another account was released")
	}
}
