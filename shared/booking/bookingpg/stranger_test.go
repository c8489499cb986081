package bookingpg_test

import (
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/errs"
)

// confirmNow confirms and carries out the capture.
func (h *house) confirmNow(c booking.ConfirmCommand, paymentID string) {
	h.t.Helper()
	if _, err := h.Confirm(h.t.Context(), c); err != nil {
		h.t.Fatal(err)
	}
	h.execute(paymentID)
}

func (h *house) execute(paymentID string) {
	h.t.Helper()
	if err := h.ExecuteConfirm(h.t.Context(), paymentID); err != nil {
		h.t.Fatal(err)
	}
}

// A stranger presents a fan's payment key for an order of their own: before the fan, in
// the middle of the fan's payment, and after it. The fan pays with it all the same, keeps
// the seats and the money is nobody else's; the stranger can still pay, with another key.
func TestAPaymentKeyThatAStrangerPresentsIsNotLostToItsFan(t *testing.T) {
	t.Parallel()
	for name, order := range map[string]func(h *house, fan, stranger func(), capture func(id string), fans, strangers string){
		"before": func(_ *house, fan, stranger func(), capture func(string), fans, strangers string) {
			stranger()
			capture(strangers)
			fan()
			capture(fans)
		},
		"asked for before": func(_ *house, fan, stranger func(), capture func(string), fans, strangers string) {
			stranger()
			fan()
			capture(fans)
			capture(strangers) // the provider says: captured already
		},
		"in the middle": func(_ *house, fan, stranger func(), capture func(string), fans, strangers string) {
			fan()
			stranger()
			capture(strangers)
			capture(fans)
		},
		"unanswered, then captured": func(h *house, fan, stranger func(), capture func(string), fans, strangers string) {
			stranger()
			h.provider.fail("confirm", fault{err: &booking.ProviderError{Kind: booking.Failing, Code: "PROVIDER_ERROR"}})
			capture(strangers)
			fan()
			capture(fans)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			b, confirm := h.approved("fan", "A-1")
			other, _ := h.approved("stranger", "A-2")
			stolen := booking.ConfirmCommand{AccountID: "stranger", OrderID: other.OrderID, PaymentKey: confirm.PaymentKey, Amount: other.Amount}
			ask := func(c booking.ConfirmCommand) func() {
				return func() {
					if _, err := h.Confirm(t.Context(), c); err != nil {
						t.Fatal(err)
					}
				}
			}
			order(h, ask(confirm), ask(stolen), h.execute, b.Payment.ID, other.Payment.ID)
			for range 3 {
				h.reconcile(b.ID, 11*time.Second)
				h.reconcile(other.ID, 11*time.Second)
			}
			h.want(b.ID, booking.Confirmed, booking.PaymentDone)
			h.want(other.ID, booking.PendingPayment, booking.PaymentReady)
			if held := h.provider.held(); held != b.Amount {
				t.Errorf("the provider has %s; want the fan's %s", held, b.Amount)
			}

			if again, err := h.Confirm(t.Context(), stolen); err != nil || again.PaymentState != booking.PaymentFailed {
				t.Errorf("the stranger again: %+v, %v; want what it was answered before", again, err)
			}
			late, _ := h.approved("late", "A-3")
			stolen.AccountID, stolen.OrderID = "late", late.OrderID
			if _, err := h.Confirm(t.Context(), stolen); errs.From(err).Extra["payable"] != true {
				t.Errorf("a key that has brought its money: %v", err)
			}
			stolen.AccountID, stolen.OrderID = "stranger", other.OrderID
			own := stolen
			own.PaymentKey = "tk-own"
			h.provider.approve(own.PaymentKey, own.OrderID, own.Amount)
			h.confirmNow(own, other.Payment.ID)
			h.want(other.ID, booking.Confirmed, booking.PaymentDone)
			h.sound()
		})
	}
}

// That a booking can no longer be paid is said only of one that cannot.
func TestEachErrorOfConfirmIsTrueOfTheBooking(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const gone = "The booking can no longer be paid."
	refused, declinedConfirm := h.approved("refused", "A-1")
	h.provider.fail("confirm", fault{err: &booking.ProviderError{Kind: booking.Declined, Code: "REJECT_CARD_COMPANY", Message: "no"}})
	h.confirmNow(declinedConfirm, refused.Payment.ID)
	again := booking.ConfirmCommand{AccountID: "refused", OrderID: refused.OrderID, PaymentKey: "tk-again", Amount: refused.Amount}
	h.provider.approve(again.PaymentKey, again.OrderID, again.Amount)
	h.provider.fail("confirm", fault{err: &booking.ProviderError{Kind: booking.Declined, Code: "REJECT_CARD_COMPANY", Message: "no"}})
	h.confirmNow(again, refused.Payment.ID)
	_, paying := h.paying("paying", "A-2")
	_, paid := h.confirmed("paid", "A-3")
	cancelled, cancelledConfirm := h.approved("cancelled", "A-4")
	if _, err := h.Cancel(t.Context(), booking.CancelCommand{AccountID: "cancelled", BookingID: cancelled.ID, Reason: "changed my mind"}); err != nil {
		t.Fatal(err)
	}
	other := func(c booking.ConfirmCommand) booking.ConfirmCommand { c.PaymentKey = "tk-other"; return c }
	for _, c := range []struct {
		name, code, message string
		command             booking.ConfirmCommand
	}{
		{"a key that was refused before, of a booking that can be paid", "booking_not_payable", booking.ErrPaymentKeyUsed.Message, declinedConfirm},
		{"another key while one is tried", "booking_not_payable", "The booking is being paid already.", other(paying)},
		{"another key of a paid booking", "booking_not_payable", "The booking has been paid.", other(paid)},
		{"a cancelled booking", "booking_not_payable", gone, cancelledConfirm},
	} {
		_, err := h.Confirm(t.Context(), c.command)
		if e := errs.From(err); err == nil || e.Code != c.code || e.Message != c.message {
			t.Errorf("%s: %v; want %s: %s", c.name, err, c.code, c.message)
		}
	}
}
