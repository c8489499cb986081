package bookingpg_test

import (
	"strings"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/event"
)

func (h *house) cancel(b booking.Booking) error {
	_, err := h.Cancel(h.t.Context(), booking.CancelCommand{AccountID: b.AccountID, BookingID: b.ID, Reason: "감기"})
	return err
}

func TestCancelOfAPaidBookingRefundsFirst(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, confirm := h.confirmed("fan", "A-1", "A-2")
	if err := h.cancel(b); err != nil {
		t.Fatal(err)
	}
	b = h.want(b.ID, booking.Cancelling, booking.PaymentDone)
	if !b.Tickets[0].Void || b.CancelReason != "감기" {
		t.Errorf("booking = %+v; want void tickets and the reason", b)
	}
	if h.feed.state(showtime, "A-1") != booking.Sold {
		t.Error("seats returned before the money did")
	}
	wantErr(t, h.cancel(b), booking.ErrNotCancellable)
	h.sound()
	h.sendRefunds(b.ID, 0)
	b = h.want(b.ID, booking.Cancelled, booking.PaymentCancelled)
	if b.Payment.Balance != 0 || h.provider.held() != 0 || b.Refunds[0].State != booking.RefundDone || b.Refunds[0].TransactionKey == "" {
		t.Errorf("payment = %+v, refunds %+v", b.Payment, b.Refunds)
	}
	if h.feed.state(showtime, "A-1") != booking.Free || h.events(event.TypeBookingCancelled) != 1 {
		t.Error("nobody was told")
	}
	h.provider.mu.Lock()
	reason := h.provider.payments[confirm.PaymentKey].Cancels[0].Reason
	h.provider.mu.Unlock()
	if booking.RefundMark(reason) != b.Refunds[0].ID || !strings.HasPrefix(reason, "감기") {
		t.Errorf("cancel reason = %q; want it to carry the refund's id", reason)
	}
	h.book("other", "A-1", "A-2")
	h.sound()
}

// TestProviderAnswersToRefunds is the table of what the provider may do to a refund.
func TestProviderAnswersToRefunds(t *testing.T) {
	t.Parallel()
	already := fault{err: &booking.ProviderError{Kind: booking.AlreadyProcessed, Code: "ALREADY_CANCELED_PAYMENT"}}
	cases := []struct {
		name        string
		cancels     []fault
		gets        []fault
		first, last booking.RefundState
	}{
		{name: "done", first: booking.RefundDone, last: booking.RefundDone},
		{name: "rejected", cancels: []fault{refused}, first: booking.RefundRejected, last: booking.RefundRejected},
		{name: "the answer is lost", cancels: []fault{lostAnswer}, first: booking.RefundUnknown, last: booking.RefundDone},
		{name: "the request is lost", cancels: []fault{silence}, first: booking.RefundUnknown, last: booking.RefundDone},
		{name: "still processing", cancels: []fault{processing}, first: booking.RefundUnknown, last: booking.RefundDone},
		{name: "a received error", cancels: []fault{failing}, first: booking.RefundUnknown, last: booking.RefundDone},
		{name: "two received errors and silence", cancels: []fault{failing, failing}, gets: []fault{silence}, first: booking.RefundUnknown, last: booking.RefundDone},
		{name: "a received error, done all the same", cancels: []fault{failingDone}, first: booking.RefundUnknown, last: booking.RefundDone},
		{name: "already cancelled, says a liar", cancels: []fault{already}, first: booking.RefundRejected, last: booking.RefundRejected},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			b, _ := h.confirmed("fan", "A-1")
			if err := h.cancel(b); err != nil {
				t.Fatal(err)
			}
			h.provider.fail("cancel", c.cancels...)
			h.provider.fail("get", c.gets...)
			h.sendRefunds(b.ID, 0)
			refund := func() booking.Refund {
				b, err := h.store.ByID(t.Context(), b.ID)
				if err != nil || len(b.Refunds) != 1 {
					t.Fatalf("refunds = %+v, %v", b.Refunds, err)
				}
				return b.Refunds[0]
			}
			if got := refund(); got.State != c.first {
				t.Fatalf("first %s; want %s", got.State, c.first)
			}
			for range 5 {
				h.sendRefunds(b.ID, 11*time.Second)
			}
			if got := refund(); got.State != c.last {
				t.Fatalf("in the end %s; want %s", got.State, c.last)
			}
			if c.last == booking.RefundRejected {
				h.want(b.ID, booking.Cancelling, booking.PaymentDone)
				if h.alarms.count("refund_rejected") != 1 {
					t.Error("no alarm")
				}
				return
			}
			h.want(b.ID, booking.Cancelled, booking.PaymentCancelled)
			if h.provider.cancels != 1 || h.provider.held() != 0 {
				t.Errorf("%d cancels, %d left", h.provider.cancels, h.provider.held())
			}
			h.sound()
		})
	}
}

func TestARefundWhoseSenderDiedIsAskedAboutFirst(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, _ := h.confirmed("fan", "A-1")
	if err := h.cancel(b); err != nil {
		t.Fatal(err)
	}
	orders, err := h.store.LeaseRefunds(t.Context(), 1)
	if err != nil || len(orders) != 1 || !orders[0].Fresh {
		t.Fatalf("lease = %+v, %v", orders, err)
	}
	h.sendRefunds(b.ID, 0) // somebody else has the lease
	if h.provider.count("cancel") != 0 {
		t.Fatal("sent twice at once")
	}
	gets := h.provider.count("get")
	h.sendRefunds(b.ID, 31*time.Second)
	if h.provider.count("get") == gets {
		t.Error("sent again without asking")
	}
	h.want(b.ID, booking.Cancelled, booking.PaymentCancelled)
	h.sound()
}

func TestCancelInTheProvidersConsole(t *testing.T) {
	t.Parallel()
	console := func(h *house, key string, amounts ...int64) {
		h.provider.mu.Lock()
		for _, amount := range amounts {
			if _, err := h.provider.giveBack(booking.CancelRequest{PaymentKey: key, Amount: moneyOf(amount), Reason: "by hand"}); err != nil {
				h.t.Error(err)
			}
		}
		h.provider.mu.Unlock()
	}
	hear := func(h *house, b booking.Booking, id string) {
		hint := booking.Hint{TransmissionID: id, OrderID: b.OrderID, Status: booking.StatusCanceled}
		if err := h.WebhookHint(h.t.Context(), hint); err != nil {
			h.t.Fatal(err)
		}
		h.reconcile(b.ID, 6*time.Second)
	}
	t.Run("in full", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t)
		b, confirm := h.confirmed("fan", "A-1")
		console(h, confirm.PaymentKey, seatPrice)
		hear(h, b, "tx-1")
		b = h.want(b.ID, booking.Cancelled, booking.PaymentCancelled)
		if b.Refunds[0].Kind != booking.RefundExternal || h.feed.state(showtime, "A-1") != booking.Free {
			t.Errorf("refunds = %+v", b.Refunds)
		}
		hear(h, b, "tx-2")
		h.sound()
	})
	t.Run("in parts", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t)
		b, confirm := h.confirmed("fan", "A-1")
		console(h, confirm.PaymentKey, 10_000, 5_000)
		hear(h, b, "tx-1")
		b = h.want(b.ID, booking.Confirmed, booking.PaymentPartiallyCancelled)
		if b.Payment.Balance != seatPrice-15_000 || len(b.Refunds) != 2 {
			t.Errorf("balance %d, refunds %+v", b.Payment.Balance, b.Refunds)
		}
		h.sound()
		if err := h.cancel(b); err != nil {
			t.Fatal(err)
		}
		h.sendRefunds(b.ID, 0)
		h.want(b.ID, booking.Cancelled, booking.PaymentCancelled)
		if h.provider.held() != 0 {
			t.Errorf("%d left", h.provider.held())
		}
		h.sound()
	})
	t.Run("while ours is on its way", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t)
		b, confirm := h.confirmed("fan", "A-1")
		if err := h.cancel(b); err != nil {
			t.Fatal(err)
		}
		console(h, confirm.PaymentKey, 10_000, seatPrice-10_000)
		hear(h, b, "tx-1")
		h.sendRefunds(b.ID, 0)
		h.reconcile(b.ID, 31*time.Second)
		h.want(b.ID, booking.Cancelled, booking.PaymentCancelled)
		h.sound()
	})
}

func TestCancelIsRefusedWhilePayingAndAfterTheShow(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	paying, _ := h.paying("fan", "A-1")
	wantErr(t, h.cancel(paying), booking.ErrNotCancellable)
	shown, _ := h.confirmed("other", "A-2")
	h.exec(`UPDATE booking SET starts_at = now() - interval '1 minute' WHERE id = $1`, shown.ID)
	wantErr(t, h.cancel(shown), booking.ErrNotCancellable)
	foreign := booking.Booking{ID: shown.ID, AccountID: "fan"}
	wantErr(t, h.cancel(foreign), booking.ErrBookingNotFound)
	unpaid := h.book("third", "A-3")
	if err := h.cancel(unpaid); err != nil {
		t.Fatal(err)
	}
	h.want(unpaid.ID, booking.Cancelled, booking.PaymentExpired)
	if h.feed.state(showtime, "A-3") != booking.Free {
		t.Error("the seat of an unpaid booking did not return at once")
	}
	h.sound()
}

func TestTheLedgerCannotBeChanged(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.book("fan", "A-1")
	for _, q := range []string{`UPDATE ledger SET amount = 1`, `DELETE FROM ledger`, `TRUNCATE ledger`} {
		if _, err := h.pool.Exec(t.Context(), q); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: %v; want it refused", q, err)
		}
	}
}
