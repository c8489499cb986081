package bookingpg_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/event"
)

func TestBookStoresWhatIsToBePaid(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	made := h.book("fan", "A-2", "A-1")
	b, err := h.Get(t.Context(), "fan", made.ID)
	if err != nil {
		t.Fatal(err)
	}
	if b.State != booking.PendingPayment || b.Amount != 2*seatPrice || b.Payment.State != booking.PaymentReady || b.Payment.Amount != b.Amount {
		t.Errorf("booking = %+v", b)
	}
	if b.SeatNumbers()[0] != "A-1" || b.Seats[0].Price != seatPrice || b.Seats[0].Grade != "R" {
		t.Errorf("seats = %+v; want them sorted, with grade and price", b.Seats)
	}
	if left := time.Until(b.PayBefore); left < 9*time.Minute || left > booking.PayTime {
		t.Errorf("pay_before in %s; want 10 minutes", left)
	}
	if margin := b.ExpiresAt.Sub(b.PayBefore); margin < booking.ExpiryMargin || margin > booking.ExpiryMargin+booking.ExpirySpread {
		t.Errorf("expires_at %s after pay_before; want 60 to 120 s", margin)
	}
	if b.Session == nil || *b.Session != *sessionOf(b.AccountID) {
		t.Errorf("session = %v; want that of the pass", b.Session)
	}
	if n := h.int(`SELECT count(*) FROM seat_claim WHERE booking_id = $1 AND kind = 'reserved' AND until = $2`, b.ID, b.ExpiresAt); n != 2 {
		t.Errorf("%d claims end with the booking; want 2", n)
	}
	if h.events(event.TypeBookingCreated) != 1 || h.feed.state(showtime, "A-1") != booking.Held {
		t.Error("nobody was told")
	}
	if _, err := h.Get(t.Context(), "other", b.ID); !errors.Is(err, booking.ErrBookingNotFound) {
		t.Errorf("another account gets %v; want not found", err)
	}
	h.sound()
}

func TestOnlyABookingFromALineIsAnnounced(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	plain := command("fan", h.hold("fan", "A-1"))
	plain.Session = nil
	if _, err := h.Book(t.Context(), plain); err != nil {
		t.Fatal(err)
	}
	if n := h.events(event.TypeBookingCreated); n != 0 {
		t.Errorf("%d events that nobody needs", n)
	}
}

func TestBookRefusals(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.book("first", "A-1")
	hold := h.hold("fan", "A-5")
	if _, err := h.Book(t.Context(), command("fan", hold)); err != nil {
		t.Fatal(err)
	}
	lapsed := h.holds.key.Sign(booking.Hold{Nonce: "n", AccountID: "fan", SaleID: "sale-1", ShowtimeID: showtime, Seats: []string{"A-9"}, ExpiresAt: time.Now().Add(-time.Second)})
	cases := []struct {
		name, hold string
		want       error
	}{
		{"taken by another booking", h.hold("fan", "A-1", "A-2"), booking.ErrSeatTaken},
		{"the same hold twice", hold, booking.ErrHoldUsed},
		{"more seats than the sale allows", h.hold("fan", "A-3", "A-4", "A-6", "A-7"), booking.ErrSeatLimit},
		{"a hold that has lapsed", lapsed, booking.ErrHoldExpired},
		{"somebody else's hold", h.hold("other", "A-8"), booking.ErrHoldNotFound},
		{"a seat that is not there", h.hold("fan", "Z-1"), booking.ErrUnknownSeat},
	}
	for _, c := range cases {
		_, err := h.Book(t.Context(), command("fan", c.hold))
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v; want %v", c.name, err, c.want)
		}
	}
	_, err := h.Book(t.Context(), command("fan", cases[0].hold))
	if conflicts, _ := errs.From(err).Extra["conflicts"].([]string); len(conflicts) != 1 || conflicts[0] != "A-1" {
		t.Errorf("conflicts = %v; want A-1", conflicts)
	}
	if n := h.int(`SELECT count(*) FROM seat_claim`); n != 2 {
		t.Errorf("%d claims; want none left by what was refused", n)
	}
}

func TestListPagesNewestFirst(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var ids []string
	for _, seat := range []string{"A-1", "A-2", "A-3"} {
		ids = append(ids, h.book("fan", seat).ID)
		for made := time.Now().UnixMilli(); time.Now().UnixMilli() == made; { // ids sort by the millisecond
			runtime.Gosched()
		}
	}
	h.book("other", "A-9")
	if _, err := h.Cancel(t.Context(), booking.CancelCommand{AccountID: "fan", BookingID: ids[0]}); err != nil {
		t.Fatal(err)
	}
	first, err := h.List(t.Context(), booking.Page{AccountID: "fan", Limit: 2})
	if err != nil || len(first.Items) != 2 || first.Items[0].ID != ids[2] || first.NextCursor != ids[1] {
		t.Fatalf("first page = %v, %v", first, err)
	}
	rest, err := h.List(t.Context(), booking.Page{AccountID: "fan", Limit: 2, Cursor: first.NextCursor})
	if err != nil || len(rest.Items) != 1 || rest.Items[0].ID != ids[0] || rest.NextCursor != "" {
		t.Fatalf("second page = %v, %v", rest, err)
	}
	cancelled, err := h.List(t.Context(), booking.Page{AccountID: "fan", Limit: 9, State: booking.Cancelled})
	if err != nil || len(cancelled.Items) != 1 {
		t.Errorf("cancelled = %v, %v", cancelled, err)
	}
	for _, cursor := range []string{"x", "bkg-short", strings.Repeat("b", 30)} {
		if _, err := h.List(t.Context(), booking.Page{AccountID: "fan", Limit: 2, Cursor: cursor}); !errors.Is(err, errs.ErrBadCursor) {
			t.Errorf("cursor %q: %v; want bad_cursor", cursor, err)
		}
	}
}

func TestExpiryFreesTheSeats(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.book("fan", "A-1", "A-2")
	if n, err := h.ExpireDue(t.Context(), 100); err != nil || n != 0 {
		t.Fatalf("expired %d, %v before its time", n, err)
	}
	h.age(b.ID, 13*time.Minute)
	if n, err := h.ExpireDue(t.Context(), 100); err != nil || n != 1 {
		t.Fatalf("expired %d, %v; want 1", n, err)
	}
	h.want(b.ID, booking.Expired, booking.PaymentExpired)
	if h.feed.state(showtime, "A-1") != booking.Free || h.events(event.TypeBookingExpired) != 1 {
		t.Error("nobody was told")
	}
	h.book("other", "A-1", "A-2")
	h.sound()
}

func TestTakeoverOfALapsedBooking(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	old, confirm := h.approved("fan", "A-1", "A-2")
	h.age(old.ID, 13*time.Minute)
	h.book("other", "A-1") // nobody has swept: the claim is taken over as it is
	_, err := h.Confirm(t.Context(), confirm)
	wantErr(t, err, booking.ErrNotPayable)
	if _, err := h.ExpireDue(t.Context(), 100); err != nil {
		t.Fatal(err)
	}
	h.want(old.ID, booking.Expired, booking.PaymentExpired)
	if h.feed.state(showtime, "A-1") != booking.Held {
		t.Error("the expiry said that a seat is free which somebody else has taken over")
	}
	if h.feed.state(showtime, "A-2") != booking.Free || h.provider.count("confirm") != 0 {
		t.Error("want the other seat free and the provider left alone")
	}
	h.sound()
}

func TestFreeBookingIsConfirmedAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.book("fan", "F-1")
	got, err := h.Confirm(t.Context(), booking.ConfirmCommand{AccountID: "fan", OrderID: b.OrderID})
	if err != nil || got.BookingState != booking.Confirmed || got.PaymentState != booking.PaymentDone {
		t.Fatalf("confirm = %+v, %v", got, err)
	}
	b = h.want(b.ID, booking.Confirmed, booking.PaymentDone)
	if len(b.Tickets) != 1 || h.events(event.TypeBookingConfirmed) != 1 || h.provider.count("confirm") != 0 {
		t.Errorf("booking = %+v", b)
	}
	if _, err := h.Cancel(t.Context(), booking.CancelCommand{AccountID: "fan", BookingID: b.ID, Reason: "ill"}); err != nil {
		t.Fatal(err)
	}
	b = h.want(b.ID, booking.Cancelled, booking.PaymentCancelled)
	if !b.Tickets[0].Void || h.feed.state(showtime, "F-1") != booking.Free {
		t.Error("a cancelled booking has a valid ticket, or its seat did not return")
	}
	h.sound()
}
