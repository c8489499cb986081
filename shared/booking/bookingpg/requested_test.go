package bookingpg_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/event"
)

// request reads the request to capture that a confirm has left.
func (h *house) request(b booking.Booking) (event.PaymentConfirmRequested, time.Time) {
	h.t.Helper()
	const q = `SELECT payload FROM outbox WHERE type = $1 AND payload->>'entity' = $2 ORDER BY id DESC LIMIT 1`
	var payload []byte
	if err := h.pool.QueryRow(h.t.Context(), q, event.TypePaymentConfirmRequested, b.Payment.ID).Scan(&payload); err != nil {
		h.t.Fatal(err)
	}
	var envelope event.Envelope
	var request event.PaymentConfirmRequested
	if err := json.Unmarshal(payload, &envelope); err != nil {
		h.t.Fatal(err)
	}
	if err := json.Unmarshal(envelope.Data, &request); err != nil {
		h.t.Fatal(err)
	}
	return request, envelope.OccurredAt
}

func TestAFreshRequestIsCarriedOutUnderItsConfirmsLease(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, _ := h.paying("fan", "A-1")
	request, _ := h.request(b)
	if n := h.int(`SELECT count(*) FROM payment WHERE lease_until > now() AND asked_at IS NULL`); n != 1 {
		t.Fatal("the confirm has taken no lease")
	}
	h.reconcile(b.ID, 0)
	if h.provider.count("confirm") != 0 {
		t.Fatal("the reconciler did not wait for the message to be heard")
	}
	if err := h.ExecuteRequested(t.Context(), request, time.Now()); err != nil {
		t.Fatal(err)
	}
	h.want(b.ID, booking.Confirmed, booking.PaymentDone)
	h.sound()
}

// A message may come twice, and at the same time.
func TestARequestHeardManyTimesCapturesOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, _ := h.paying("fan", "A-1")
	request, _ := h.request(b)
	parallel(racers, func(i int) {
		at := time.Now()
		if i%2 == 1 {
			at = at.Add(-time.Minute) // it has waited long
		}
		if err := h.ExecuteRequested(t.Context(), request, at); err != nil {
			t.Error(err)
		}
	})
	h.want(b.ID, booking.Confirmed, booking.PaymentDone)
	if h.provider.captures != 1 || h.events(event.TypeBookingConfirmed) != 1 {
		t.Errorf("%d captures, %d events; want 1 and 1", h.provider.captures, h.events(event.TypeBookingConfirmed))
	}
	h.sound()
}

// Whoever hears an old request takes a lease of their own, and only one does.
func TestAnOldRequestNeedsALease(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, _ := h.paying("fan", "A-1")
	request, at := h.request(b)
	at = at.Add(-5 * time.Second)
	dying := h.service(dyingStore{h.store}, h.provider)
	wantErr(t, dying.ExecuteRequested(t.Context(), request, at), errKilled)
	if err := h.ExecuteRequested(t.Context(), request, at); err != nil {
		t.Fatal(err)
	}
	h.want(b.ID, booking.Paying, booking.PaymentConfirming) // the dead worker's lease
	if n := h.provider.count("confirm"); n != 1 {
		t.Errorf("asked %d times; want once", n)
	}
	h.reconcile(b.ID, 31*time.Second)
	h.want(b.ID, booking.Confirmed, booking.PaymentDone)
	h.sound()
}

// The request of an attempt that was refused, heard again after the fan has tried
// another card, changes nothing.
func TestARequestOfAnEarlierAttemptChangesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.provider.fail("confirm", refused)
	b, confirm := h.paying("fan", "A-1")
	first, _ := h.request(b)
	if err := h.ExecuteRequested(t.Context(), first, time.Now()); err != nil {
		t.Fatal(err)
	}
	h.want(b.ID, booking.PendingPayment, booking.PaymentReady)
	confirm.PaymentKey = "tk-second"
	h.provider.approve(confirm.PaymentKey, b.OrderID, b.Amount)
	if _, err := h.Confirm(t.Context(), confirm); err != nil {
		t.Fatal(err)
	}
	if err := h.ExecuteRequested(t.Context(), first, time.Now()); err != nil {
		t.Fatal(err)
	}
	h.want(b.ID, booking.Paying, booking.PaymentConfirming)
	second, _ := h.request(b)
	if err := h.ExecuteRequested(t.Context(), second, time.Now()); err != nil {
		t.Fatal(err)
	}
	h.want(b.ID, booking.Confirmed, booking.PaymentDone)
	h.sound()
}
