package bookingpg_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/ident"
)

// each invariant, and what a bug might do to a sound booking to break it
var planted = map[string]string{
	"seat_not_claimed":          `DELETE FROM seat_claim WHERE booking_id = $1`,
	"claim_without_booking":     `UPDATE booking SET state = 'cancelled' WHERE id = $1`,
	"seat_state_differs":        `UPDATE booking_seat SET state = 'released' WHERE booking_id = $1`,
	"money_without_booking":     `UPDATE booking SET state = 'expired' WHERE id = $1`,
	"booking_without_money":     `UPDATE payment SET state = 'ready' WHERE booking_id = $1`,
	"paying_without_payment":    `UPDATE payment SET state = 'unknown' WHERE booking_id = $1`,
	"pending_payment_unwatched": `UPDATE payment SET state = 'unknown', next_check_at = NULL WHERE booking_id = $1`,
	"refund_unwatched": `INSERT INTO refund (id, payment_id, booking_id, payment_key, kind, amount, reason, state)
		SELECT 'rfd-' || id, id, booking_id, payment_key, 'fan', 1, '', 'unknown' FROM payment WHERE booking_id = $1`,
	"cancelling_without_refund": `UPDATE booking SET state = 'cancelling' WHERE id = $1`,
	"two_live_attempts": `INSERT INTO payment_attempt (payment_key, payment_id, state)
		SELECT 'second-' || id, id, 'done' FROM payment WHERE booking_id = $1`,
	"session_not_spent":  `UPDATE booking SET session_n = 4711 WHERE id = $1`,
	"account_over_limit": `UPDATE booking SET seat_limit = 0 WHERE id = $1`,
	"ticket_missing":     `DELETE FROM ticket WHERE booking_id = $1`,
	"ledger_differs":     `UPDATE payment SET balance = balance + 1 WHERE booking_id = $1`,
	"balance_differs":    `UPDATE payment SET amount = amount + 1 WHERE booking_id = $1`,
}

// soldAt is a paid booking of one seat in a showtime of its own.
func (h *house) soldAt(showtimeID string) booking.Booking {
	h.t.Helper()
	account := ident.New("acc")
	b, err := h.Book(h.t.Context(), command(account, h.holdAt(account, showtimeID, "A-1")))
	if err != nil {
		h.t.Fatal(err)
	}
	c := booking.ConfirmCommand{AccountID: account, OrderID: b.OrderID, PaymentKey: ident.New("tk"), Amount: b.Amount}
	h.provider.approve(c.PaymentKey, b.OrderID, b.Amount)
	if _, err := h.Confirm(h.t.Context(), c); err != nil {
		h.t.Fatal(err)
	}
	if err := h.ExecuteConfirm(h.t.Context(), b.Payment.ID); err != nil {
		h.t.Fatal(err)
	}
	return h.want(b.ID, booking.Confirmed, booking.PaymentDone)
}

func (h *house) found(invariant string) int {
	h.t.Helper()
	counts, err := h.violations(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	n, known := counts[invariant]
	if !known {
		h.t.Errorf("nothing looks for %s", invariant)
	}
	return n
}

func TestPlantedViolationsAreFound(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.exec(`DROP INDEX payment_attempt_one_live, booking_seat_sold_once`)
	victims := map[string]booking.Booking{}
	for invariant := range planted {
		victims[invariant] = h.soldAt("st-" + invariant)
	}
	twice, again := h.soldAt("st-twice"), h.soldAt("st-again")
	h.sound()
	for invariant, plant := range planted {
		h.exec(plant, victims[invariant].ID)
		if h.found(invariant) == 0 {
			t.Errorf("%s is not found", invariant)
		}
	}
	h.exec(`UPDATE booking_seat SET showtime_id = $2 WHERE booking_id = $1`, again.ID, "st-twice")
	if n := h.found("seat_sold_twice"); n != 2 {
		t.Errorf("a seat sold twice is found %d times; want both bookings, %s among them", n, twice.ID)
	}
	h.exec(`INSERT INTO seat_claim (showtime_id, seat, booking_id, kind, until) VALUES ('st-nobody', 'A-1', 'bkg-nobody', 'sold', 'infinity')`)
	before := h.int(`SELECT count(*) FROM invariant_violation WHERE booking_id = 'bkg-nobody'`)
	if h.found("claim_without_booking"); h.int(`SELECT count(*) FROM invariant_violation WHERE booking_id = 'bkg-nobody'`) != before+1 {
		t.Error("the claim of a booking that does not exist is not found")
	}
	for invariant, victim := range victims {
		const q = `SELECT count(*) FROM invariant_violation WHERE invariant = $1 AND booking_id = $2`
		if h.int(q, invariant, victim.ID) != 1 {
			t.Errorf("%s is not found in the booking where it was planted", invariant)
		}
	}
	counts, err := h.Violations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for invariant := range counts {
		if planted[invariant] == "" && invariant != "seat_sold_twice" {
			t.Errorf("nothing is planted for %s", invariant)
		}
	}
}

func TestWhatHasHealedIsForgotten(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.soldAt("st-1")
	h.exec(`UPDATE payment SET balance = balance + 1 WHERE booking_id = $1`, b.ID)
	if n := h.found("ledger_differs"); n != 1 {
		t.Fatalf("found %d; want 1", n)
	}
	h.exec(`UPDATE payment SET balance = balance - 1 WHERE booking_id = $1`, b.ID)
	h.exec(`UPDATE invariant_sweep SET position = '{"zzz"}' WHERE name = 'booking'`) // its turn is far away
	h.sound()
}

// Of millions of bookings only a part is looked at in one go; what has just changed is
// looked at all the same.
func TestWhatHasChangedIsLookedAtBeforeItsTurn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.soldAt("st-1")
	out := func() {
		h.exec(`UPDATE invariant_sweep SET position = '{"zzz"}' WHERE name = 'booking'`)
	}
	h.exec(`UPDATE invariant_sweep SET position = ARRAY[(SELECT max(id)::text FROM ledger)] WHERE name = 'ledger'`)
	h.exec(`DELETE FROM ticket WHERE booking_id = $1`, b.ID)
	out()
	if n := h.found("ticket_missing"); n != 0 {
		t.Fatal("found: the sweep through everything looked at it, and this test proves nothing")
	}
	h.exec(`INSERT INTO ledger (at, booking_id, entry) VALUES (now() - interval '10 seconds', $1, 'touched')`, b.ID)
	out()
	if n := h.found("ticket_missing"); n != 1 {
		t.Error("a booking that changed was not looked at")
	}
}

// The sweep goes through everything in parts, whoever leads.
func TestASweepGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const many = 4_500 // more than two parts
	h.exec(`INSERT INTO booking (id, order_id, hold_id, account_id, email, name, locale, sale_id, performance_id, performance_title,
			venue_name, showtime_id, starts_at, seat_count, seat_limit, price, discount, amount, state, pay_before, expires_at)
		SELECT 'bkg-' || lpad(i::text, 6, '0'), 'ord-' || i, 'hold-' || i, 'acc-' || i, '', '', 'ko', 'sale-1', 'PF1', '', '', 'st-' || i, now(), 1, 4, 0, 0, 0,
			'expired', now(), now()
		FROM generate_series(1, $1) i`, many)
	last := fmt.Sprintf("bkg-%06d", many)
	h.exec(`INSERT INTO seat_claim (showtime_id, seat, booking_id, kind, until) VALUES ('st-1', 'A-1', $1, 'sold', 'infinity')`, last)
	checked := 0
	for range 3 {
		if h.int(`SELECT count(*) FROM invariant_violation`) != 0 {
			t.Fatalf("found after %d; want it at the end", checked)
		}
		swept, err := h.Sweep(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		checked += swept.Checked
	}
	if n := h.int(`SELECT count(*) FROM invariant_violation WHERE booking_id = $1`, last); n != 1 || checked != many {
		t.Errorf("checked %d, found %d; want all %d checked once and the last one found", checked, n, many)
	}
	if n := h.int(`SELECT count(*) FROM invariant_sweep WHERE name = 'booking' AND round_at > now() - $1::interval`, time.Minute); n != 1 {
		t.Error("the round is not recorded")
	}
}
