package bookingpg

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/event"
)

var demoSale = catalogue.Sale{ID: "demo", PerformanceID: "PF1", ShowtimeIDs: []string{tonight, tomorrow}}

func inSession(o booking.HoldOrder, n uint64) booking.HoldOrder {
	o.Hold.Session = &event.Session{SaleID: "demo", Epoch: 1, N: n}
	return o
}

func endSession(t *testing.T, c *Claims, n uint64) []booking.Hold {
	t.Helper()
	released, err := c.EndSessions(context.Background(), demoSale, []event.Session{{SaleID: "demo", Epoch: 1, N: n}})
	if err != nil {
		t.Fatal(err)
	}
	return released
}

func liveSeats(t *testing.T, c *Claims) (n int) {
	t.Helper()
	if err := c.pool.QueryRow(context.Background(), `SELECT count(*) FROM seat_claim`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestASessionThatEndsReleasesItsHoldsInPostgres(t *testing.T) {
	t.Parallel()
	c := newTestClaims(t)
	mustHold(t, c, inSession(holdOrder("acc", tonight, "k", "A-1", "A-2"), 7))
	mustHold(t, c, inSession(holdOrder("acc", tomorrow, "l", "A-1"), 7))
	mustHold(t, c, inSession(holdOrder("other", tonight, "m", "A-3"), 8))
	mustHold(t, c, holdOrder("third", tonight, "n", "A-4"))
	mustHold(t, c, inSession(holdOrder("acc", tonight, "o", "A-5"), 7))
	execute(t, c, `UPDATE seat_claim SET kind = 'reserved', booking_id = 'bkg-1' WHERE seat = 'A-5'`) // as a booking does

	if released := endSession(t, c, 7); len(released) != 2 {
		t.Errorf("released %+v; want the two that are held", released)
	}
	if again := endSession(t, c, 7); len(again) != 0 || liveSeats(t, c) != 3 {
		t.Errorf("the second time released %+v, %d claims are left; want none and 3", again, liveSeats(t, c))
	}
	if _, err := c.Place(context.Background(), inSession(holdOrder("acc", tonight, "p", "A-6"), 7)); !errors.Is(err, booking.ErrSessionOver) {
		t.Errorf("holding in a session that has ended: %v", err)
	}
	spent, err := New(c.pool).IsSpent(context.Background(), event.Session{SaleID: "demo", Epoch: 1, N: 7})
	if err != nil || !spent {
		t.Errorf("the pass of an ended session is good while Redis is down: %v, %v", spent, err)
	}
	mustHold(t, c, inSession(holdOrder("acc", tonight, "q", "A-6"), 10)) // the same fan in a new session
}

// heldByTheEnded lets a hold be in the middle of its transaction while its session ends,
// and returns how many seats are held after both.
func heldByTheEnded(t *testing.T, c *Claims) int {
	t.Helper()
	ctx := context.Background()
	execute(t, c, `
		CREATE FUNCTION wait_at_the_gate() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN PERFORM pg_catalog.pg_advisory_xact_lock_shared(42::bigint); RETURN NEW; END $$`)
	execute(t, c, `CREATE TRIGGER gate BEFORE INSERT ON seat_claim FOR EACH ROW EXECUTE FUNCTION wait_at_the_gate()`)
	gate, err := c.pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gate.Exec(ctx, `SELECT pg_catalog.pg_advisory_xact_lock(42::bigint)`); err != nil {
		t.Fatal(err)
	}
	placed, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(placed)
		if _, err := c.Place(ctx, inSession(holdOrder("acc", tonight, "k", "A-1"), 7)); err != nil {
			t.Error(err)
		}
	}()
	waitForWaiters(t, c, 1, nil)
	go func() {
		defer close(ended)
		endSession(t, c, 7)
	}()
	waitForWaiters(t, c, 2, ended) // or the end has not waited at all
	if err := gate.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
	<-placed
	<-ended
	return liveSeats(t, c)
}

// waitForWaiters waits until n transactions of this database wait for advisory locks, or
// done is closed.
func waitForWaiters(t *testing.T, c *Claims, n int, done <-chan struct{}) {
	t.Helper()
	const q = `
		SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		var waiting int
		if err := c.pool.QueryRow(context.Background(), q).Scan(&waiting); err != nil {
			t.Fatal(err)
		}
		select {
		case <-done:
			return
		default:
		}
		if waiting >= n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d transactions wait, not %d", waiting, n)
		}
	}
}

func TestTheEndOfASessionWaitsForItsHolds(t *testing.T) {
	t.Parallel()
	if held := heldByTheEnded(t, newTestClaims(t)); held != 0 {
		t.Errorf("%d seats stay held by a session that has ended", held)
	}
}

func TestTheEndOfASessionWaitsForItsHoldsTwin(t *testing.T) {
	t.Parallel()
	c := newTestClaims(t)
	c.lock = lockAccount
	if held := heldByTheEnded(t, c); held != 1 {
		t.Errorf("%d seats are held without the lock of the sale; the test sees nothing", held)
	}
}
