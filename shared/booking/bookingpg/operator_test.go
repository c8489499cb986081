package bookingpg_test

import (
	"testing"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/event"
)

// stuck is a paid booking whose refund the provider has rejected.
func (h *house) stuck() (booking.Booking, booking.OperatorCommand) {
	h.t.Helper()
	b, _ := h.confirmed("fan", "A-1")
	if err := h.cancel(b); err != nil {
		h.t.Fatal(err)
	}
	h.provider.fail("cancel", refused)
	h.sendRefunds(b.ID, 0)
	b = h.want(b.ID, booking.Cancelling, booking.PaymentDone)
	if h.found("cancelling_without_refund") != 1 {
		h.t.Fatal("a rejected refund is no violation: nobody would look")
	}
	return b, booking.OperatorCommand{RefundID: b.Refunds[0].ID, By: "acc-admin", Note: "the card is open again"}
}

func (h *house) decisions(refundID string) int {
	h.t.Helper()
	return h.int(`SELECT count(*) FROM ledger WHERE refund_id = $1 AND from_state = 'rejected' AND note = 'by acc-admin: the card is open again'`, refundID)
}

func TestAnOperatorSendsARejectedRefundAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	_, decision := h.stuck()
	b, err := h.RetryRefund(t.Context(), decision)
	if err != nil || b.Refunds[0].State != booking.RefundRequested {
		t.Fatalf("refunds = %+v, %v", b.Refunds, err)
	}
	h.sound()
	_, err = h.RetryRefund(t.Context(), decision)
	wantErr(t, err, booking.ErrRefundNotRejected)
	h.sendRefunds(b.ID, 0)
	h.want(b.ID, booking.Cancelled, booking.PaymentCancelled)
	if h.provider.held() != 0 || h.decisions(decision.RefundID) != 1 {
		t.Errorf("the provider has %d, the decision is in the ledger %d times", h.provider.held(), h.decisions(decision.RefundID))
	}
	h.sound()
}

func TestAnOperatorSettlesARejectedRefund(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	_, decision := h.stuck()
	b, err := h.SettleRefund(t.Context(), decision)
	if err != nil || b.State != booking.Cancelled || b.Refunds[0].State != booking.RefundDone || b.Refunds[0].TransactionKey != "" {
		t.Fatalf("booking %s, refunds %+v, %v", b.State, b.Refunds, err)
	}
	h.want(b.ID, booking.Cancelled, booking.PaymentCancelled)
	if h.feed.state(showtime, "A-1") != booking.Free || h.events(event.TypeBookingCancelled) != 1 || h.decisions(decision.RefundID) != 1 {
		t.Error("the seat did not return, nobody was told, or the decision is not in the ledger")
	}
	h.sound()
	_, err = h.SettleRefund(t.Context(), decision)
	wantErr(t, err, booking.ErrRefundNotRejected)
	_, err = h.RetryRefund(t.Context(), decision)
	wantErr(t, err, booking.ErrRefundNotRejected)
	decision.RefundID = "rfd-none"
	_, err = h.SettleRefund(t.Context(), decision)
	wantErr(t, err, booking.ErrRefundNotFound)
	h.book("other", "A-1")
	h.sound()
}

// Two operators decide differently at once: one of them is heard.
func TestOperatorsDecideOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, decision := h.stuck()
	outcomes := make([]error, 8)
	parallel(len(outcomes), func(i int) {
		if i%2 == 0 {
			_, outcomes[i] = h.RetryRefund(t.Context(), decision)
		} else {
			_, outcomes[i] = h.SettleRefund(t.Context(), decision)
		}
	})
	heard := 0
	for _, err := range outcomes {
		if err == nil {
			heard++
			continue
		}
		wantErr(t, err, booking.ErrRefundNotRejected)
	}
	if heard != 1 || h.decisions(decision.RefundID) != 1 {
		t.Errorf("%d were heard; want 1", heard)
	}
	h.sendRefunds(b.ID, 0)
	h.want(b.ID, booking.Cancelled, booking.PaymentCancelled)
	h.sound()
}
