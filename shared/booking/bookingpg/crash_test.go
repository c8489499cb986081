package bookingpg_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/event"
)

var errKilled = errors.New("killed")

// dyingStore is the store of a worker that dies before it can write down what the
// provider told it.
type dyingStore struct{ booking.Store }

func (dyingStore) Capture(context.Context, booking.Charge, booking.ProviderPayment, *booking.TicketKey) (booking.Settlement, error) {
	return booking.Settlement{}, errKilled
}

func (dyingStore) RefundDone(context.Context, booking.RefundOrder, booking.ProviderCancel) (booking.Settlement, error) {
	return booking.Settlement{}, errKilled
}

func TestKilledBetweenCaptureAndTransaction(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, _ := h.paying("fan", "A-1")
	dying := h.service(dyingStore{h.store}, h.provider)
	wantErr(t, dying.ExecuteConfirm(t.Context(), b.Payment.ID), errKilled)
	if h.provider.captures != 1 {
		t.Fatal("not captured")
	}
	h.want(b.ID, booking.Paying, booking.PaymentConfirming)
	h.sound()
	if err := h.ExecuteConfirm(t.Context(), b.Payment.ID); err != nil { // the message comes again
		t.Fatal(err)
	}
	h.want(b.ID, booking.Paying, booking.PaymentConfirming) // the dead worker's lease
	h.reconcile(b.ID, 31*time.Second)
	h.want(b.ID, booking.Confirmed, booking.PaymentDone)
	if h.provider.captures != 1 || h.events(event.TypeBookingConfirmed) != 1 {
		t.Errorf("%d captures, %d events", h.provider.captures, h.events(event.TypeBookingConfirmed))
	}
	h.sound()
}

func TestKilledBetweenRefundAndTransaction(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, _ := h.confirmed("fan", "A-1")
	if err := h.cancel(b); err != nil {
		t.Fatal(err)
	}
	dying := h.service(dyingStore{h.store}, h.provider)
	_, err := dying.SendDueRefunds(t.Context())
	wantErr(t, err, errKilled)
	h.want(b.ID, booking.Cancelling, booking.PaymentDone)
	h.sound()
	h.sendRefunds(b.ID, 31*time.Second)
	h.want(b.ID, booking.Cancelled, booking.PaymentCancelled)
	if h.provider.cancels != 1 {
		t.Errorf("refunded %d times", h.provider.cancels)
	}
	h.sound()
}

func TestTheMessageIsNeverHeard(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, _ := h.paying("fan", "A-1")
	h.reconcile(b.ID, 0)
	h.want(b.ID, booking.Paying, booking.PaymentConfirming) // the worker is given its time
	h.reconcile(b.ID, 21*time.Second)
	h.want(b.ID, booking.Confirmed, booking.PaymentDone)
	h.sound()
}

func TestTicketsAreIssuedLater(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	keyless := booking.NewService(booking.Options{Store: h.store, Provider: h.provider, Feed: h.feed})
	b, _ := h.paying("fan", "A-1", "A-2")
	if err := keyless.ExecuteConfirm(t.Context(), b.Payment.ID); err != nil {
		t.Fatal(err)
	}
	if b = h.want(b.ID, booking.Confirmed, booking.PaymentDone); len(b.Tickets) != 0 {
		t.Fatal("tickets without a key")
	}
	if n := h.events(event.TypeTicketsRequested); n != 1 {
		t.Errorf("%d events ask for the tickets; want 1", n)
	}
	other, _ := h.paying("other", "A-3")
	if err := h.ExecuteConfirm(t.Context(), other.Payment.ID); err != nil {
		t.Fatal(err)
	}
	if n := h.events(event.TypeTicketsRequested); n != 1 {
		t.Error("an event asks for tickets that are issued already")
	}
	h.exec(`UPDATE booking SET confirmed_at = now() - interval '2 minutes'`)
	if counts, err := h.violations(t.Context()); err != nil || counts["ticket_missing"] != 1 {
		t.Errorf("violations = %v, %v; want the missing tickets seen", counts, err)
	}
	parallel(4, func(int) {
		if err := h.IssueTickets(t.Context(), b.ID); err != nil {
			t.Error(err)
		}
	})
	if b = h.want(b.ID, booking.Confirmed, booking.PaymentDone); len(b.Tickets) != 2 {
		t.Errorf("tickets = %+v; want 2", b.Tickets)
	}
	h.sound()
}
