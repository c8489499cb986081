package bookingpg_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/event"
)

const sharers = 8 // accounts with one pass

// raceForASession lets accounts book in one session at the same time, as when Redis bound
// its pass to one of them and forgot, and returns how many could.
func raceForASession(t *testing.T, h *house) int64 {
	t.Helper()
	shared := &event.Session{SaleID: "sale-1", Epoch: 1, N: 9}
	var booked atomic.Int64
	var all sync.WaitGroup
	for i := range sharers {
		account := fmt.Sprintf("acc-%d", i)
		try := command(account, h.hold(account, fmt.Sprintf("A-%d", i+1)))
		try.Session = shared
		all.Go(func() {
			switch _, err := h.Book(context.Background(), try); {
			case err == nil:
				booked.Add(1)
			case !errors.Is(err, booking.ErrSessionTaken):
				t.Errorf("%s: %v, want %v", account, err, booking.ErrSessionTaken)
			}
		})
	}
	all.Wait()
	return booked.Load()
}

func TestOneSessionBooksForOneAccount(t *testing.T) {
	t.Parallel()
	if booked := raceForASession(t, newHouse(t)); booked != 1 {
		t.Errorf("%d accounts booked in one session, want 1", booked)
	}
}

// The twin: where every row is of another session, all of them book.
func TestOneSessionBooksForOneAccountTwin(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, q := range []string{
		`CREATE SEQUENCE anybodys START 1000`,
		`CREATE FUNCTION anybodys() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.n := nextval(''anybodys''); RETURN NEW; END'`,
		`CREATE TRIGGER anybodys BEFORE INSERT ON session_account FOR EACH ROW EXECUTE FUNCTION anybodys()`,
	} {
		if _, err := h.pool.Exec(context.Background(), q); err != nil {
			t.Fatal(err)
		}
	}
	if booked := raceForASession(t, h); booked != sharers {
		t.Errorf("%d accounts booked in one session without the guard, want all %d", booked, sharers)
	}
}

// Who books in a session has it: while Redis is down its pass is refused to others, and
// what was bound then holds when bookings are made.
func TestABookingAndAPassBindASessionAlike(t *testing.T) {
	t.Parallel()
	ctx, h := context.Background(), newHouse(t)
	h.book("acc-a", "A-1")
	bind := func(session event.Session, account string, want bool) {
		t.Helper()
		if bound, err := h.store.BindSession(ctx, session, account); err != nil || bound != want {
			t.Errorf("bind to %s: %v, %v, want %v", account, bound, err, want)
		}
	}
	bind(*sessionOf("acc-a"), "acc-b", false)
	bind(*sessionOf("acc-a"), "acc-a", true)
	bind(*sessionOf("acc-c"), "acc-d", true)
	if _, err := h.Book(ctx, command("acc-c", h.hold("acc-c", "A-2"))); !errors.Is(err, booking.ErrSessionTaken) {
		t.Errorf("a booking in another's session: %v, want %v", err, booking.ErrSessionTaken)
	}
}
