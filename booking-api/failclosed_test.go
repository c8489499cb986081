package bookingapi

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// lockTable keeps everybody from reading a table until the returned function is called.
func (w *world) lockTable(name string) (unlock func()) {
	w.t.Helper()
	ctx := context.Background()
	tx, err := w.pool.Begin(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := tx.Exec(ctx, `LOCK TABLE `+pgx.Identifier{name}.Sanitize()+` IN ACCESS EXCLUSIVE MODE`); err != nil {
		w.t.Fatal(err)
	}
	return func() { _ = tx.Rollback(ctx) }
}

// tryWithoutPass asks for seats[i] in the three ways that lead to a booking, without a
// pass, and returns how many of the answers were 201.
func (w *world) tryWithoutPass(f fan, showtime, holdID string, seats []string) (let int) {
	w.t.Helper()
	for i, no := range seats {
		var a answer
		switch i % 3 {
		case 0:
			a = w.call("POST", holdsOf(showtime), seatsBody(no), with(f.auth, key())...)
		case 1:
			a = w.call("POST", holdsOf(showtime), seatsBody(no)+" ", with(f.auth, key())...)
		default:
			a = w.book(f, holdID)
		}
		switch a.status {
		case http.StatusCreated:
			let++
		case http.StatusForbidden, http.StatusServiceUnavailable:
		default:
			w.t.Errorf("%d: %d %s", i, a.status, cut(a.text))
		}
	}
	return let
}

// TestNobodyGetsInWithoutAPassWhileTheSaleCannotBeRead locks the table sale, as a
// migration or a backup may: whoever has no pass stays outside, whether the sale was
// read moments ago or never.
func TestNobodyGetsInWithoutAPassWhileTheSaleCannotBeRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	fans := w.fans(2)
	f, through := fans[0], fans[1]
	saleID, showtime := w.sale(map[string]any{"seats": 30, "max_seats_per_account": 4})
	_, unread := w.sale(map[string]any{"seats": 30})
	seats := w.seats(showtime, 14)
	session := w.session(saleID, f)
	pass := []string{"Entry-Pass", w.pass(w.passes, session, f.id)}
	held := w.call("POST", holdsOf(showtime), seatsBody(seats[12]), with(f.auth, key(), pass)...).is(201)
	passed := []string{"Entry-Pass", w.pass(w.passes, w.session(saleID, through), through.id)}

	for _, table := range []string{"sale", "showtime"} {
		unlock := w.lockTable(table)
		time.Sleep(saleRemembered) // nothing that was read before the lock is fresh any more
		if let := w.tryWithoutPass(f, showtime, held.str("hold_id"), seats[:6]); let != 0 {
			t.Errorf("%s locked: %d of 6 got in without a pass", table, let)
		}
		if a := w.call("POST", holdsOf(unread), seatsBody("1F-A-1-1"), with(f.auth, key())...); a.status == http.StatusCreated {
			t.Errorf("%s locked, sale never read: %d %s", table, a.status, cut(a.text))
		}
		// Holds with a pass go on with the sale as it was known.
		w.call("POST", holdsOf(showtime), seatsBody(seats[13]), with(through.auth, key(), passed)...).is(201)
		unlock()
	}
}

// saleRemembered is longer than the catalogue is kept without asking Postgres.
const saleRemembered = 5100 * time.Millisecond

// The twin: the same requests get in where the sale asks for no pass, so it is the pass
// that kept them out.
func TestNobodyGetsInWithoutAPassWhileTheSaleCannotBeReadTwin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.fans(1)[0]
	_, showtime := w.sale(map[string]any{"seats": 30, "max_seats_per_account": 20, "queued": false})
	seats := w.seats(showtime, 6)
	held := w.hold(f, showtime, w.seats(showtime, 7)[6]).is(201)
	unlock := w.lockTable("sale")
	defer unlock()
	time.Sleep(saleRemembered)
	if let := w.tryWithoutPass(f, showtime, held.str("hold_id"), seats[:2]); let != 2 {
		t.Errorf("only %d of 2 got in though no pass is needed: the test above shows nothing", let)
	}
}
