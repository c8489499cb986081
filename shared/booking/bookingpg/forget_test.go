package bookingpg_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/event"
)

// However many accounts cannot be forgotten yet, the turn of the others comes.
func TestAccountsThatCannotBeForgottenYetKeepNobodyWaiting(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for i := range 5 {
		account := fmt.Sprintf("stuck-%d", i)
		h.paying(account, fmt.Sprintf("A-%d", i+1))
		h.exec(`INSERT INTO forgotten_account (account_id, asked_at) VALUES ($1, now() - interval '2 hours')`, account)
	}
	last, _ := h.confirmed("last", "A-9")
	h.exec(`INSERT INTO forgotten_account (account_id, asked_at) VALUES ('last', now() - interval '90 minutes')`)

	const limit = 2
	for round, want := range []int{1, 0} { // accounts that are done
		at, done, all := time.Now(), 0, 0
		for turn := 0; ; turn++ {
			if turn > 10 {
				t.Fatalf("round %d does not end", round+1)
			}
			looked, finished, err := h.store.ForgetDue(t.Context(), at, limit)
			if err != nil {
				t.Fatal(err)
			}
			done, all = done+finished, all+looked
			if looked < limit {
				break
			}
		}
		if done != want || all != 5+want {
			t.Errorf("round %d: %d of %d are done, want %d of %d", round+1, done, all, want, 5+want)
		}
	}
	if n := h.int(`SELECT count(*) FROM booking WHERE id = $1 AND email = '' AND name = ''`, last.ID); n != 1 {
		t.Error("the last one's booking still names its owner")
	}
	if n := h.int(`SELECT count(*) FROM booking WHERE email <> ''`); n != 5 {
		t.Errorf("%d bookings that are being paid have their contact, want 5", n)
	}
}

// What an account that is no more has not begun to pay is anybody's at once; what is being
// paid goes on.
// A webhook told of money, and nobody has asked the provider yet: whoever ends the
// booking meanwhile does not end the question.
func TestMoneyToldOfBeforeABookingEndsIsFound(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(h *house, b booking.Booking) error{
		"abandoned": func(h *house, _ booking.Booking) error {
			_, err := h.Abandon(h.t.Context(), "fan")
			return err
		},
		"expired": func(h *house, b booking.Booking) error {
			h.age(b.ID, 13*time.Minute)
			_, err := h.ExpireDue(h.t.Context(), 10)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			b, confirm := h.approved("fan", "A-1")
			h.provider.change(confirm.PaymentKey, func(p *booking.ProviderPayment) { p.Status, p.Balance = booking.StatusDone, p.Total })
			hint := booking.Hint{TransmissionID: "tx-1", OrderID: b.OrderID, PaymentKey: confirm.PaymentKey, Status: booking.StatusDone}
			if err := h.WebhookHint(t.Context(), hint); err != nil {
				t.Fatal(err)
			}
			if err := end(h, b); err != nil {
				t.Fatal(err)
			}
			if n := h.int(`SELECT count(*) FROM payment WHERE booking_id = $1 AND next_check_at IS NOT NULL`, b.ID); n != 1 {
				t.Fatal("nobody will ask for the money that the webhook told of")
			}
			h.reconcile(b.ID, 6*time.Second)
			h.sendRefunds(b.ID, 0)
			if h.int(`SELECT count(*) FROM payment WHERE booking_id = $1 AND state = 'expired'`, b.ID) != 0 {
				t.Error("the money was not found")
			}
			h.sound()
		})
	}
}

func TestAnAbandonedBookingGivesItsSeatsBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	unpaid, other := h.book("fan", "A-1", "F-1"), h.book("other", "A-2")
	paying, _ := h.paying("fan", "A-3")
	confirmed, _ := h.confirmed("fan", "A-4")
	cancelled := h.events(event.TypeBookingCancelled)
	for _, want := range []int{1, 0} {
		if n, err := h.Abandon(ctx, "fan"); n != want || err != nil {
			t.Fatalf("%d abandoned, %v; want %d", n, err, want)
		}
	}
	b := h.want(unpaid.ID, booking.Cancelled, booking.PaymentExpired)
	if b.Contact.Email != "" || b.Contact.Name != "" {
		t.Errorf("it still names its owner: %+v", b.Contact)
	}
	h.want(other.ID, booking.PendingPayment, booking.PaymentReady)
	h.want(paying.ID, booking.Paying, booking.PaymentConfirming)
	h.want(confirmed.ID, booking.Confirmed, booking.PaymentDone)
	if n := h.events(event.TypeBookingCancelled) - cancelled; n != 1 {
		t.Errorf("%d events, want 1", n)
	}
	if n := h.int(`SELECT count(*) FROM outbox WHERE type = $1 AND payload->'data'->>'email' <> ''`, event.TypeBookingCancelled); n != 0 {
		t.Error("the event still names its owner")
	}
	for _, seat := range []string{"A-1", "F-1"} {
		if state := h.feed.state(showtime, seat); state != booking.Free {
			t.Errorf("%s is told to be %v", seat, state)
		}
	}
	h.book("next", "A-1", "F-1")
	h.sound()

	// What waits for a deposit may be paid already.
	deposit := h.book("fan", "A-5")
	h.exec(`UPDATE payment SET state = 'waiting_for_deposit' WHERE booking_id = $1`, deposit.ID)
	if n, err := h.Abandon(ctx, "fan"); n != 0 || err != nil {
		t.Errorf("%d abandoned that wait for a deposit, %v", n, err)
	}
	h.want(deposit.ID, booking.PendingPayment, booking.PaymentWaitingForDeposit)
}

// A confirm that comes at the same time either wins, and the booking is paid, or comes too
// late, and the provider is not asked.
func TestAConfirmBesideAnErasureIsNotHarmed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for i := range 9 {
		account := fmt.Sprintf("fan-%d", i)
		b, c := h.approved(account, fmt.Sprintf("A-%d", i+1))
		var confirmErr, abandonErr error
		parallel(2, func(i int) {
			if i == 0 {
				_, confirmErr = h.Confirm(t.Context(), c)
			} else {
				_, abandonErr = h.Abandon(t.Context(), account)
			}
		})
		switch {
		case abandonErr != nil:
			t.Error(abandonErr)
		case errors.Is(confirmErr, booking.ErrNotPayable):
			h.want(b.ID, booking.Cancelled, booking.PaymentExpired)
		case confirmErr != nil:
			t.Error(confirmErr)
		default:
			if err := h.ExecuteConfirm(t.Context(), b.Payment.ID); err != nil {
				t.Fatal(err)
			}
			h.want(b.ID, booking.Confirmed, booking.PaymentDone)
		}
	}
	h.sound()
}

func TestAPaidBookingIsNotAbandoned(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	abandon := func(ctx context.Context, id string) error {
		_, err := h.store.Abandon(ctx, id)
		return err
	}
	if state := h.paidMeanwhile(abandon); state != booking.Confirmed {
		t.Errorf("a booking that was paid is %s", state)
	}
}

// The twin cancels as its owner would, without the guard.
func TestAPaidBookingIsNotAbandonedTwin(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	cancel := func(ctx context.Context, id string) error {
		_, err := h.store.Cancel(ctx, id, "", "")
		return err
	}
	if state := h.paidMeanwhile(cancel); state == booking.Confirmed {
		t.Error("a booking that was paid stays so without the guard: the race is not seen")
	}
}

// paidMeanwhile ends an unpaid booking that was paid after it was looked up, and returns
// how it stands.
func (h *house) paidMeanwhile(end func(ctx context.Context, id string) error) booking.State {
	h.t.Helper()
	ctx := h.t.Context()
	b, c := h.approved("fan", "A-1")
	ids, err := h.store.Unpaid(ctx, "fan")
	if err != nil || len(ids) != 1 || ids[0] != b.ID {
		h.t.Fatalf("unpaid: %q, %v", ids, err)
	}
	if _, err := h.Confirm(ctx, c); err != nil {
		h.t.Fatal(err)
	}
	if err := h.ExecuteConfirm(ctx, b.Payment.ID); err != nil {
		h.t.Fatal(err)
	}
	if err := end(ctx, ids[0]); err != nil {
		h.t.Fatal(err)
	}
	now, err := h.store.ByID(ctx, b.ID)
	if err != nil {
		h.t.Fatal(err)
	}
	return now.State
}
