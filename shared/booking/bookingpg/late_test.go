package bookingpg_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/event"
)

func TestMoneyThatIsNotWhatWeAskedForGoesBack(t *testing.T) {
	t.Parallel()
	edits := map[string]func(p *booking.ProviderPayment){
		"total":    func(p *booking.ProviderPayment) { p.Total, p.Balance = 1000, 1000 },
		"currency": func(p *booking.ProviderPayment) { p.Currency = "USD" },
	}
	for name, edit := range edits {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			b, confirm := h.paying("fan", "A-1")
			h.provider.change(confirm.PaymentKey, func(p *booking.ProviderPayment) {
				p.Status, p.Balance = booking.StatusDone, p.Total
				edit(p)
			})
			if err := h.ExecuteConfirm(t.Context(), b.Payment.ID); err != nil {
				t.Fatal(err)
			}
			b = h.want(b.ID, booking.PendingPayment, booking.PaymentReady)
			if h.alarms.count("payment_mismatch") != 1 || b.Payment.FailureCode != "PAYMENT_MISMATCH" {
				t.Errorf("alarms = %v, failure %q", h.alarms.rung, b.Payment.FailureCode)
			}
			h.sound() // the money is on its way back
			h.sendRefunds(b.ID, 0)
			if left := h.provider.held(); left != 0 {
				t.Errorf("the provider still has %d", left)
			}
			h.payAgain(b)
			h.sound()
		})
	}
}

// Anybody may present the payment key of somebody else. What that one's order was paid
// with is neither kept for this booking nor sent back.
func TestMoneyOfAnotherOrderIsLeftAlone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, confirm := h.paying("fan", "A-1")
	h.provider.change(confirm.PaymentKey, func(p *booking.ProviderPayment) {
		p.Status, p.Balance, p.OrderID = booking.StatusDone, p.Total, "ord-of-another"
	})
	if err := h.ExecuteConfirm(t.Context(), b.Payment.ID); err != nil {
		t.Fatal(err)
	}
	b = h.want(b.ID, booking.PendingPayment, booking.PaymentReady)
	if len(h.alarms.rung) != 0 || b.Payment.FailureCode != "PAYMENT_OF_ANOTHER_ORDER" {
		t.Errorf("alarms = %v, failure %q", h.alarms.rung, b.Payment.FailureCode)
	}
	h.sendRefunds(b.ID, 0)
	if left := h.provider.held(); left != 50000 {
		t.Errorf("the provider has %d left of the other order's money", left)
	}
	h.payAgain(b)
	if held := h.provider.held(); held != 50000+b.Amount {
		t.Errorf("the provider has %d, want the other order's money and this one's", held)
	}
}

func TestLateMoney(t *testing.T) {
	t.Parallel()
	late := func(h *house) (booking.Booking, booking.ConfirmCommand) {
		b, confirm := h.approved("fan", "A-1", "A-2")
		h.age(b.ID, 13*time.Minute)
		if _, err := h.ExpireDue(t.Context(), 10); err != nil {
			h.t.Fatal(err)
		}
		h.provider.change(confirm.PaymentKey, func(p *booking.ProviderPayment) { p.Status, p.Balance = booking.StatusDone, p.Total })
		return b, confirm
	}
	hear := func(h *house, b booking.Booking, confirm booking.ConfirmCommand) {
		hint := booking.Hint{TransmissionID: "tx-1", OrderID: b.OrderID, PaymentKey: confirm.PaymentKey, Status: booking.StatusDone}
		if err := h.WebhookHint(h.t.Context(), hint); err != nil {
			h.t.Fatal(err)
		}
		h.reconcile(b.ID, 0)
	}
	t.Run("the same seats are free", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t)
		b, confirm := late(h)
		hear(h, b, confirm)
		b = h.want(b.ID, booking.Confirmed, booking.PaymentDone)
		if len(b.Tickets) != 2 {
			t.Error("no tickets")
		}
		h.sound()
	})
	t.Run("captured money is kept over the account's limit, and recorded", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t)
		b, confirm := late(h)
		h.confirmed("fan", "A-3", "A-4", "A-5")
		hear(h, b, confirm)
		h.want(b.ID, booking.Confirmed, booking.PaymentDone)
		if n := h.int(`SELECT count(*) FROM ledger WHERE booking_id = $1 AND entry = 'over_limit'`, b.ID); n != 1 {
			t.Errorf("recorded %d times; want once", n)
		}
		h.sound()
		_, err := h.Book(t.Context(), command("fan", h.hold("fan", "A-6")))
		wantErr(t, err, booking.ErrSeatLimit)
	})
	t.Run("a seat is gone", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t)
		b, confirm := late(h)
		h.book("other", "A-2")
		hear(h, b, confirm)
		b = h.want(b.ID, booking.Expired, booking.PaymentDone)
		if len(b.Refunds) != 1 || b.Refunds[0].Kind != booking.RefundLate {
			t.Fatalf("refunds = %+v", b.Refunds)
		}
		h.sound()
		h.sendRefunds(b.ID, 0)
		h.want(b.ID, booking.Expired, booking.PaymentCancelled)
		if h.provider.held() != 0 || h.events(event.TypePaymentRefunded) != 1 {
			t.Error("the money did not go back, or the fan was not told")
		}
		if h.feed.state(showtime, "A-1") != booking.Free || h.feed.state(showtime, "A-2") != booking.Held {
			t.Error("seats are not as they were")
		}
		h.sound()
	})
	t.Run("the backstop refuses the sale", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t)
		sold, _ := h.confirmed("other", "A-1")
		b, _ := func() (booking.Booking, booking.ConfirmCommand) {
			h.exec(`DELETE FROM seat_claim WHERE booking_id = $1`, sold.ID) // as a bug might
			return h.paying("fan", "A-1")
		}()
		if err := h.ExecuteConfirm(t.Context(), b.Payment.ID); err != nil {
			t.Fatal(err)
		}
		h.want(b.ID, booking.Expired, booking.PaymentDone)
		h.sendRefunds(b.ID, 0)
		h.want(b.ID, booking.Expired, booking.PaymentCancelled)
		if h.provider.held() != sold.Amount {
			t.Error("want only the first sale's money kept")
		}
	})
}

func TestWebhooksAreHintsOnly(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, confirm := h.paying("fan", "A-1")
	h.provider.fail("confirm", silence)
	if err := h.ExecuteConfirm(t.Context(), b.Payment.ID); err != nil {
		t.Fatal(err)
	}
	h.exec(`UPDATE payment SET next_check_at = now() + interval '30 seconds' WHERE id = $1`, b.Payment.ID)
	hint := booking.Hint{TransmissionID: "tx-1", Type: "PAYMENT_STATUS_CHANGED", OrderID: b.OrderID, PaymentKey: confirm.PaymentKey, Status: booking.StatusDone, Body: []byte(`{}`)}
	gets := h.provider.count("get")
	for range 3 {
		if err := h.WebhookHint(t.Context(), hint); err != nil {
			t.Fatal(err)
		}
	}
	if h.provider.count("get") != gets {
		t.Error("the webhook asked the provider itself")
	}
	h.want(b.ID, booking.Paying, booking.PaymentUnknown) // it claims DONE; we did not believe it
	if n := h.int(`SELECT count(*) FROM webhook_event`); n != 1 {
		t.Errorf("stored %d times; want once", n)
	}
	if n := h.int(`SELECT extract(epoch FROM next_check_at - now())::int FROM payment WHERE id = $1`, b.Payment.ID); n < 3 || n > 5 {
		t.Errorf("next look in %d s; want 5 s after the last one", n)
	}
	h.reconcile(b.ID, 6*time.Second)
	h.want(b.ID, booking.Confirmed, booking.PaymentDone)
	hint.TransmissionID = "tx-2"
	if err := h.WebhookHint(t.Context(), hint); err != nil {
		t.Fatal(err)
	}
	hint.TransmissionID, hint.OrderID = "tx-3", "ord-nobody-knows"
	if err := h.WebhookHint(t.Context(), hint); err != nil {
		t.Fatal(err)
	}
	if n := h.int(`SELECT count(*) FROM payment WHERE next_check_at IS NOT NULL`); n != 0 {
		t.Error("a webhook that says what we know made us ask")
	}
	if n := h.int(`SELECT count(*) FROM webhook_event`); n != 1 {
		t.Error("webhooks that tell us nothing fill the database")
	}
	for i := range 20 { // anybody can send them, about an order of their own
		hint := booking.Hint{TransmissionID: fmt.Sprint("flood-", i), OrderID: b.OrderID, Status: booking.StatusCanceled, Body: make([]byte, 60_000)}
		if err := h.WebhookHint(t.Context(), hint); err != nil {
			t.Fatal(err)
		}
	}
	if n := h.int(`SELECT count(*) FROM webhook_event`); n != 2 {
		t.Errorf("a flood left %d rows; want one until the provider has been asked", n-1)
	}
	if n := h.int(`SELECT max(length(body)) FROM webhook_event`); n > booking.HintBody {
		t.Errorf("a body of %d bytes is kept", n)
	}
}
