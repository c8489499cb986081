package bookingpg_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/booking"
)

// An outage of the provider of any length: with its first answer everything that had
// been put off is looked at, payments and refunds.
func TestRecoveryOfTheProviderMakesEverythingDue(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	refunded, _ := h.confirmed("canceller", "A-9")
	if err := h.cancel(refunded); err != nil {
		t.Fatal(err)
	}
	var open []booking.Booking
	for i := range 5 {
		b, _ := h.paying(fmt.Sprintf("fan-%d", i), fmt.Sprintf("A-%d", i+1))
		open = append(open, b)
		h.provider.fail("confirm", silence)
		h.provider.fail("get", silence)
		if err := h.ExecuteConfirm(t.Context(), b.Payment.ID); err != nil {
			t.Fatal(err)
		}
		h.want(b.ID, booking.Paying, booking.PaymentUnknown)
	}
	h.provider.fail("cancel", silence)
	h.sendRefunds(refunded.ID, 0)
	h.exec(`UPDATE payment SET next_check_at = now() + interval '59 seconds' WHERE state = 'unknown'`)
	h.exec(`UPDATE refund SET next_check_at = now() + interval '59 seconds' WHERE state = 'unknown'`)
	h.reconcile(open[0].ID, 0) // nothing is due while nothing answers
	for _, b := range open {
		h.want(b.ID, booking.Paying, booking.PaymentUnknown)
	}

	h.reconcile(open[0].ID, time.Minute) // one is due, and answered
	for _, b := range open {
		h.want(b.ID, booking.Confirmed, booking.PaymentDone)
	}
	h.sendRefunds(refunded.ID, 0)
	h.want(refunded.ID, booking.Cancelled, booking.PaymentCancelled)
	h.sound()
}

// After 12 minutes an operator is told, and looks go on every minute: a payment must
// be final within 2 minutes of the provider's recovery.
func TestALongOutageRingsAndLooksGoOn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, _ := h.paying("fan", "A-1")
	h.provider.fail("confirm", silence, silence)
	h.provider.fail("get", silence, silence)
	if err := h.ExecuteConfirm(t.Context(), b.Payment.ID); err != nil {
		t.Fatal(err)
	}
	h.reconcile(b.ID, 3*time.Hour)
	h.want(b.ID, booking.Paying, booking.PaymentUnknown)
	if h.alarms.count("payment_unknown") != 1 {
		t.Errorf("alarms = %v; want an operator told", h.alarms.rung)
	}
	if n := h.int(`SELECT extract(epoch FROM next_check_at - now())::int FROM payment WHERE id = $1`, b.Payment.ID); n > 60 {
		t.Errorf("next look in %d s; want at most 60", n)
	}
}
