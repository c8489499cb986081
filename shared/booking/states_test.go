package booking

import (
	"strings"
	"testing"
	"time"
)

func TestArrowsOfBookings(t *testing.T) {
	t.Parallel()
	all := []State{PendingPayment, Paying, Confirmed, Cancelling, Cancelled, Expired}
	allowed := map[string]bool{
		"pending_payment→paying": true, "pending_payment→confirmed": true, "pending_payment→expired": true, "pending_payment→cancelled": true,
		"paying→confirmed": true, "paying→pending_payment": true, "paying→expired": true,
		"confirmed→cancelling": true, "cancelling→cancelled": true, "expired→confirmed": true,
	}
	for _, from := range all {
		for _, to := range all {
			if move := string(from) + "→" + string(to); from.CanBecome(to) != allowed[move] {
				t.Errorf("%s: %v; want %v", move, from.CanBecome(to), allowed[move])
			}
		}
	}
}

func TestWhatFansSee(t *testing.T) {
	t.Parallel()
	if Paying.Public() != PendingPayment || Cancelling.Public() != Cancelling {
		t.Error("only paying is hidden")
	}
	refused := Payment{State: PaymentReady, FailureCode: "REJECT_CARD_COMPANY"}
	for payment, want := range map[Payment]PaymentState{
		{State: PaymentReady}: PaymentReady, refused: PaymentFailed, {State: PaymentUnknown}: PaymentConfirming, {State: PaymentDone}: PaymentDone,
	} {
		if got := payment.Public(); got != want {
			t.Errorf("%+v shows as %s; want %s", payment, got, want)
		}
	}
	c := ConfirmationOf(Booking{State: Paying, Payment: Payment{State: PaymentUnknown, FailureCode: "stale"}})
	if c.Final() || c.Failure != nil {
		t.Errorf("confirmation = %+v; want it open and without failure", c)
	}
}

func TestLadderOfLooks(t *testing.T) {
	t.Parallel()
	want := []int{1, 2, 5, 10, 20, 30, 30}
	for checks, seconds := range want {
		if got := nextLook(checks, time.Minute); got != time.Duration(seconds)*time.Second {
			t.Errorf("look %d after %s; want %ds", checks, got, seconds)
		}
	}
	if nextLook(3, 12*time.Minute) != time.Minute || nextLook(99, 12*time.Minute-1) != 30*time.Second {
		t.Error("want every 30 s until 12 minutes, then every minute")
	}
}

func TestIdempotencyKeysNameThePayment(t *testing.T) {
	t.Parallel()
	const want = "confirm:ceb9f76b188f50f7:1" // the first 16 hexadecimal digits of SHA-256("pay key")
	if got := confirmKey("pay", "key", 1); got != want {
		t.Errorf("key = %q; want %q", got, want)
	}
	if confirmKey("pay", "key", 2) == want || confirmKey("pay", "key2", 1) == want || confirmKey("pay2", "key", 1) == want {
		t.Error("another try or payment has the same key")
	}
	if long := confirmKey("pay", strings.Repeat("k", 200), 1); len(long) > 300 {
		t.Errorf("%d characters", len(long))
	}
}

func TestMarkOfARefund(t *testing.T) {
	t.Parallel()
	refund := Refund{ID: "rfd-01hzzzzzzzzzzzzzzzzzzzzzzz", Reason: strings.Repeat("가", 300)}
	reason := markedReason(refund)
	if n := len([]rune(reason)); n != maxCancelReason {
		t.Errorf("%d characters; want %d", n, maxCancelReason)
	}
	if got := RefundMark(reason); got != refund.ID {
		t.Errorf("mark = %q; want %q", got, refund.ID)
	}
	for _, foreign := range []string{"", "by hand", "[rfd-1] by hand", "[bkg-1]", "]"} {
		if got := RefundMark(foreign); got != "" {
			t.Errorf("%q is marked %q", foreign, got)
		}
	}
	if _, ok := findCancel([]ProviderCancel{{Reason: "by hand"}, {Reason: reason}}, "rfd-other"); ok {
		t.Error("found another refund's cancel")
	}
}

func TestTicketCodes(t *testing.T) {
	t.Parallel()
	key, err := NewTicketKey([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	tickets := key.Issue(Booking{ID: "bkg-1", ShowtimeID: "st-1", Seats: []BookedSeat{{No: "A-1"}, {No: "A-2"}}})
	if len(tickets) != 2 || tickets[0].Code == tickets[1].Code || tickets[1].Seat != "A-2" {
		t.Fatalf("tickets = %+v", tickets)
	}
	if id, err := key.Read(tickets[0].Code); err != nil || id != tickets[0].ID {
		t.Errorf("read %q, %v", id, err)
	}
	other, err := NewTicketKey([]byte(strings.Repeat("o", 32)))
	if err != nil {
		t.Fatal(err)
	}
	forged := strings.Replace(tickets[0].Code, tickets[0].ID, tickets[1].ID, 1)
	for _, code := range []string{"", forged, tickets[0].Code + "x", other.code(tickets[0].ID), "FG2" + tickets[0].Code[3:]} {
		if _, err := key.Read(code); err == nil {
			t.Errorf("%q was accepted", code)
		}
	}
	if _, err := NewTicketKey([]byte("short")); err == nil {
		t.Error("a short key was accepted")
	}
}
