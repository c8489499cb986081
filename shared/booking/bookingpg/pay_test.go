package bookingpg_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/event"
)

func TestPurchase(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, confirm := h.approved("fan", "A-1", "A-2")
	asked, err := h.Confirm(t.Context(), confirm)
	if err != nil || asked.Final() || asked.PaymentState != booking.PaymentConfirming || asked.BookingState != booking.PendingPayment {
		t.Fatalf("confirm = %+v, %v; want it to be confirming, the booking pending outside", asked, err)
	}
	h.want(b.ID, booking.Paying, booking.PaymentConfirming)
	if n := h.int(`SELECT count(*) FROM seat_claim WHERE booking_id = $1 AND until = 'infinity'`, b.ID); n != 2 {
		t.Fatalf("%d seats pinned before the provider is asked; want 2", n)
	}
	if h.events(event.TypePaymentConfirmRequested) != 1 {
		t.Fatal("the worker was not asked")
	}
	if err := h.ExecuteConfirm(t.Context(), b.Payment.ID); err != nil {
		t.Fatal(err)
	}
	b = h.want(b.ID, booking.Confirmed, booking.PaymentDone)
	if b.Payment.Balance != b.Amount || b.Payment.Method != "카드" || b.ConfirmedAt.IsZero() {
		t.Errorf("payment = %+v", b.Payment)
	}
	if len(b.Tickets) != 2 || b.Tickets[0].Void {
		t.Fatalf("tickets = %+v; want 2", b.Tickets)
	}
	if id, err := h.tickets.Read(b.Tickets[0].Code); err != nil || id != b.Tickets[0].ID {
		t.Errorf("the code reads as %q, %v", id, err)
	}
	if spent, err := h.store.IsSpent(t.Context(), *b.Session); err != nil || !spent {
		t.Errorf("session spent = %v, %v", spent, err)
	}
	if h.events(event.TypeBookingConfirmed) != 1 || h.feed.state(showtime, "A-2") != booking.Sold {
		t.Error("nobody was told")
	}
	if want := "confirm:"; !strings.HasPrefix(h.provider.keys[0], want) || !strings.HasSuffix(h.provider.keys[0], ":1") {
		t.Errorf("idempotency key = %q", h.provider.keys[0])
	}
	again, err := h.Confirm(t.Context(), confirm)
	if err != nil || again.BookingState != booking.Confirmed {
		t.Errorf("the same payment key again: %+v, %v; want it as it stands", again, err)
	}
	h.sound()
}

func TestConfirmChecksOwnerThenAmountThenState(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, confirm := h.approved("fan", "A-1")
	foreign, tampered, unknown := confirm, confirm, confirm
	foreign.AccountID, foreign.Amount = "other", 1
	tampered.Amount = 100
	unknown.OrderID = "ord-none"
	for _, c := range []struct {
		command booking.ConfirmCommand
		want    error
	}{{foreign, booking.ErrBookingNotFound}, {unknown, booking.ErrBookingNotFound}, {tampered, booking.ErrAmountMismatch}} {
		_, err := h.Confirm(t.Context(), c.command)
		wantErr(t, err, c.want)
	}
	if n := h.int(`SELECT count(*) FROM ledger WHERE booking_id = $1 AND entry = 'amount_mismatch'`, b.ID); n != 1 {
		t.Errorf("tampering recorded %d times; want once", n)
	}
	h.want(b.ID, booking.PendingPayment, booking.PaymentReady) // it stays payable
	if _, err := h.Confirm(t.Context(), confirm); err != nil {
		t.Fatal(err)
	}
	second := confirm
	second.PaymentKey = "tk-second"
	_, err := h.Confirm(t.Context(), second)
	wantErr(t, err, booking.ErrNotPayable) // one key at a time may take money
	if h.provider.count("confirm") != 0 {
		t.Error("the provider was called by a request")
	}
}

func TestConfirmOfALostSeatExpiresTheBooking(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, confirm := h.approved("fan", "A-1", "A-2")
	h.exec(`UPDATE seat_claim SET until = now() - interval '1 second' WHERE booking_id = $1 AND seat = 'A-1'`, b.ID)
	h.book("other", "A-1")
	_, err := h.Confirm(t.Context(), confirm)
	wantErr(t, err, booking.ErrNotPayable)
	h.want(b.ID, booking.Expired, booking.PaymentExpired)
	if h.feed.state(showtime, "A-2") != booking.Free || h.feed.state(showtime, "A-1") != booking.Held {
		t.Error("want the other seat freed, and only that")
	}
	h.sound()
}

// TestProviderAnswers is the table of what the provider may do to a capture: what
// goes wrong, and where it must end once everything works again.
func TestProviderAnswers(t *testing.T) {
	t.Parallel()
	status := func(s booking.ProviderStatus) func(h *house, key string) {
		return func(h *house, key string) {
			h.provider.change(key, func(p *booking.ProviderPayment) { p.Status = s })
		}
	}
	cases := []struct {
		name     string
		confirms []fault
		gets     []fault
		before   func(h *house, key string)
		first    booking.PaymentState // right after ExecuteConfirm
		last     booking.PaymentState // after a minute of checks
		code     string               // of a refusal
		lastKey  string               // how the last idempotency key ends
	}{
		{name: "captured", first: booking.PaymentDone, last: booking.PaymentDone, lastKey: ":1"},
		{name: "declined", confirms: []fault{refused}, first: booking.PaymentReady, last: booking.PaymentReady, code: "REJECT_CARD_COMPANY"},
		{name: "the answer is lost, get shows it", confirms: []fault{lostAnswer}, first: booking.PaymentDone, last: booking.PaymentDone},
		{name: "answer and get are lost, the same key replays it", confirms: []fault{lostAnswer}, gets: []fault{silence}, first: booking.PaymentUnknown, last: booking.PaymentDone, lastKey: ":1"},
		{name: "the request is lost, the same key captures", confirms: []fault{silence}, first: booking.PaymentUnknown, last: booking.PaymentDone, lastKey: ":1"},
		{name: "still processing", confirms: []fault{processing, processing}, first: booking.PaymentUnknown, last: booking.PaymentDone, lastKey: ":1"},
		{name: "a received error would be replayed, another key captures", confirms: []fault{failing}, first: booking.PaymentUnknown, last: booking.PaymentDone, lastKey: ":2"},
		{name: "a received error, captured all the same", confirms: []fault{failingDone}, first: booking.PaymentDone, last: booking.PaymentDone, lastKey: ":1"},
		{name: "a received error, captured, get fails at first", confirms: []fault{failingDone}, gets: []fault{silence, failing}, first: booking.PaymentUnknown, last: booking.PaymentDone, lastKey: ":1"},
		{name: "two received errors", confirms: []fault{failing, failing}, first: booking.PaymentUnknown, last: booking.PaymentDone, lastKey: ":3"},
		{name: "already captured", before: status(booking.StatusDone), first: booking.PaymentDone, last: booking.PaymentDone},
		{name: "aborted", before: status(booking.StatusAborted), first: booking.PaymentReady, last: booking.PaymentReady, code: "PAYMENT_ABORTED"},
		{name: "expired in the window", before: status(booking.StatusExpired), first: booking.PaymentReady, last: booking.PaymentReady, code: "PAYMENT_EXPIRED"},
		{name: "given back before we knew", before: status(booking.StatusCanceled), first: booking.PaymentReady, last: booking.PaymentReady, code: "PAYMENT_CANCELED"},
		{name: "no session, but in progress", confirms: []fault{noSession}, first: booking.PaymentUnknown, last: booking.PaymentDone},
		{name: "no session, no payment", before: func(h *house, key string) { delete(h.provider.payments, key) },
			first: booking.PaymentReady, last: booking.PaymentReady, code: "NOT_FOUND_PAYMENT_SESSION"},
		{name: "another order's payment", before: func(h *house, key string) {
			h.provider.change(key, func(p *booking.ProviderPayment) { p.OrderID = "ord-of-another" })
		}, first: booking.PaymentReady, last: booking.PaymentReady, code: "INVALID_REQUEST"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			b, confirm := h.paying("fan", "A-1")
			if c.before != nil {
				c.before(h, confirm.PaymentKey)
			}
			h.provider.fail("confirm", c.confirms...)
			h.provider.fail("get", c.gets...)
			if err := h.ExecuteConfirm(t.Context(), b.Payment.ID); err != nil {
				t.Fatal(err)
			}
			state := map[booking.PaymentState]booking.State{
				booking.PaymentDone: booking.Confirmed, booking.PaymentReady: booking.PendingPayment, booking.PaymentUnknown: booking.Paying,
			}
			h.want(b.ID, state[c.first], c.first)
			for range 5 {
				h.reconcile(b.ID, 11*time.Second)
			}
			got := h.want(b.ID, state[c.last], c.last)
			if got.Payment.FailureCode != c.code {
				t.Errorf("failure = %q; want %q", got.Payment.FailureCode, c.code)
			}
			if last := h.provider.keys[len(h.provider.keys)-1]; !strings.HasSuffix(last, c.lastKey) {
				t.Errorf("last idempotency key = %q; want it to end in %s", last, c.lastKey)
			}
			if h.provider.captures > 1 {
				t.Errorf("captured %d times", h.provider.captures)
			}
			if c.last == booking.PaymentReady {
				h.payAgain(got)
			}
			h.sound()
		})
	}
}

// payAgain pays a refused booking with another card.
func (h *house) payAgain(b booking.Booking) {
	h.t.Helper()
	outcome, err := h.Await(h.t.Context(), b.Payment.ID, 0)
	if err != nil || outcome.PaymentState != booking.PaymentFailed || outcome.Failure == nil {
		h.t.Fatalf("outcome = %+v, %v; want it to say that it failed", outcome, err)
	}
	if n := h.int(`SELECT count(*) FROM seat_claim WHERE booking_id = $1 AND until = $2`, b.ID, b.ExpiresAt); n != len(b.Seats) {
		h.t.Fatalf("%d claims end with the booking again; want %d", n, len(b.Seats))
	}
	c := booking.ConfirmCommand{AccountID: b.AccountID, OrderID: b.OrderID, PaymentKey: "tk-another", Amount: b.Amount}
	h.provider.approve(c.PaymentKey, b.OrderID, b.Amount)
	if _, err := h.Confirm(h.t.Context(), c); err != nil {
		h.t.Fatal(err)
	}
	if err := h.ExecuteConfirm(h.t.Context(), b.Payment.ID); err != nil {
		h.t.Fatal(err)
	}
	h.want(b.ID, booking.Confirmed, booking.PaymentDone)
}

func TestDeclinedAfterPayBeforeExpires(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, _ := h.paying("fan", "A-1")
	h.exec(`UPDATE booking SET pay_before = now() - interval '1 second' WHERE id = $1`, b.ID)
	h.provider.fail("confirm", refused)
	if err := h.ExecuteConfirm(t.Context(), b.Payment.ID); err != nil {
		t.Fatal(err)
	}
	h.want(b.ID, booking.Expired, booking.PaymentFailed)
	if h.feed.state(showtime, "A-1") != booking.Free || h.events(event.TypeBookingExpired) != 1 {
		t.Error("the seat did not return")
	}
	h.sound()
}

func TestInProgressIsNotFailedBeforeElevenMinutes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, _ := h.paying("fan", "A-1")
	h.provider.fail("confirm", make50(silence)...)
	if err := h.ExecuteConfirm(t.Context(), b.Payment.ID); err != nil {
		t.Fatal(err)
	}
	h.reconcile(b.ID, 10*time.Minute)
	h.want(b.ID, booking.Paying, booking.PaymentUnknown)
	if n, err := h.ExpireDue(t.Context(), 10); err != nil || n != 0 {
		t.Fatalf("expired %d, %v while the outcome is unknown", n, err)
	}
	h.reconcile(b.ID, time.Minute)
	h.want(b.ID, booking.Expired, booking.PaymentFailed)
	h.sound()
}

func make50(f fault) []fault {
	faults := make([]fault, 50)
	for i := range faults {
		faults[i] = f
	}
	return faults
}

func TestUnreachableProviderKeepsTheSeatsAndRingsAfterTwelveMinutes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, _ := h.paying("fan", "A-1")
	h.provider.fail("confirm", make50(silence)...)
	h.provider.fail("get", make50(silence)...)
	if err := h.ExecuteConfirm(t.Context(), b.Payment.ID); err != nil {
		t.Fatal(err)
	}
	for range 13 {
		h.reconcile(b.ID, time.Minute)
	}
	h.want(b.ID, booking.Paying, booking.PaymentUnknown)
	if h.alarms.count("payment_unknown") == 0 {
		t.Error("no alarm")
	}
	if n := h.int(`SELECT extract(epoch FROM next_check_at - now())::int FROM payment WHERE id = $1`, b.Payment.ID); n > 60 {
		t.Errorf("next look in %d s; want at most a minute: it must be final soon after the provider is back", n)
	}
	h.sound()
	h.provider.fail("confirm") // recovered
	h.provider.mu.Lock()
	h.provider.faults = map[string][]fault{}
	h.provider.mu.Unlock()
	h.reconcile(b.ID, time.Hour)
	h.want(b.ID, booking.Confirmed, booking.PaymentDone)
	h.sound()
}

func TestAwaitReturnsAsSoonAsItIsFinal(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, _ := h.paying("fan", "A-1")
	now, err := h.Await(t.Context(), b.Payment.ID, 0)
	if err != nil || now.Final() {
		t.Fatalf("await 0 = %+v, %v; want it to look only", now, err)
	}
	done := make(chan error, 1)
	go func() { done <- h.ExecuteConfirm(t.Context(), b.Payment.ID) }()
	began := time.Now()
	got, err := h.Await(t.Context(), b.Payment.ID, 10*time.Second)
	if err != nil || got.BookingState != booking.Confirmed || time.Since(began) > 5*time.Second {
		t.Errorf("await = %+v, %v after %s", got, err, time.Since(began))
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, err := h.Await(t.Context(), "pay-none", 0); !errors.Is(err, booking.ErrBookingNotFound) {
		t.Errorf("unknown payment: %v", err)
	}
}
