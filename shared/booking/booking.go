package booking

import (
	"strings"
	"time"

	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/event"
	"github.com/fairgate/fairgate/shared/money"
)

// The failures of bookings.
var (
	ErrBookingNotFound = errs.New(errs.NotFound, "booking_not_found", "There is no such booking.")
	ErrHoldUsed        = errs.New(errs.Conflict, "hold_already_booked", "The hold has been booked already.") // extra: booking_id
	ErrNotPayable      = errs.New(errs.Conflict, "booking_not_payable", "The booking can no longer be paid.")
	// ErrPaymentKeyUsed is ErrNotPayable of a payment key that was refused before, or brought
	// another payment: the booking is payable all the same, with a key of its own.
	// Extra: payable.
	ErrPaymentKeyUsed = ErrNotPayable.WithMessage("This payment was used before. The booking can still be paid: begin the payment anew.").With("payable", true)
	ErrNotCancellable = errs.New(errs.Conflict, "not_cancellable", "The booking cannot be cancelled.")
	ErrRefundNotFound = errs.New(errs.NotFound, "refund_not_found", "There is no such refund.")
	// ErrRefundNotRejected says that there is nothing for an operator to decide.
	ErrRefundNotRejected = errs.New(errs.Conflict, "refund_not_rejected", "The payment provider has not rejected this refund.")
	ErrAmountMismatch    = errs.New(errs.Conflict, "amount_mismatch", "The amount is not the booking's.")
)

// How long a booking may be paid for.
const (
	PayTime      = 600 * time.Second // pay_before, from its creation
	ExpiryMargin = 60 * time.Second  // from pay_before to the earliest expires_at
	ExpirySpread = 60 * time.Second  // random, so that a sale's bookings do not lapse at once
)

// Contact is whom to write to about a booking.
type Contact struct {
	Email  string
	Name   string
	Locale string // "ko" or "en"
}

// BookedSeat is one seat of a booking, at the price of its day.
type BookedSeat struct {
	No       string
	Grade    string // grade code
	Price    money.KRW
	Discount money.KRW
}

// Booking is an order: seats, price, state.
type Booking struct {
	ID               string
	OrderID          string // what the provider knows it by
	AccountID        string
	Contact          Contact
	SaleID           string
	PerformanceID    string
	PerformanceTitle string
	VenueName        string
	ShowtimeID       string
	StartsAt         time.Time
	Seats            []BookedSeat // in the order of their numbers
	Price            money.KRW    // sum of the seats
	Discount         money.KRW
	Amount           money.KRW // Price − Discount: what is to be paid
	State            State     // doors show State.Public()
	CancelReason     string
	Session          *event.Session // in the sale's line; nil when the sale is not queued
	PayBefore        time.Time      // a refused payment may be repeated until then
	ExpiresAt        time.Time      // the seats are its own until then
	CreatedAt        time.Time
	ConfirmedAt      time.Time // zero while it is not
	Version          int64     // grows with each move
	RequestID        string    // of the request that made it

	Payment Payment
	Refunds []Refund // oldest first
	Tickets []Ticket // by seat
}

// OrderName is what the payment window and the receipt call the order, at most
// 100 characters.
func (b Booking) OrderName() string {
	const most = 100
	name := []rune(b.PerformanceTitle)
	if len(name) == 0 {
		return b.OrderID
	}
	return string(name[:min(len(name), most)])
}

// Event returns the booking as the data of its events.
func (b Booking) Event() event.Booking {
	e := event.Booking{
		ID: b.ID, OrderID: b.OrderID, State: string(b.State.Public()), AccountID: b.AccountID,
		Email: b.Contact.Email, Name: b.Contact.Name, Locale: b.Contact.Locale,
		SaleID: b.SaleID, PerformanceID: b.PerformanceID, PerformanceTitle: b.PerformanceTitle,
		VenueName: b.VenueName, ShowtimeID: b.ShowtimeID, StartsAt: b.StartsAt,
		Amount: b.Amount, PayBefore: b.PayBefore, Session: b.Session, Reason: b.CancelReason,
	}
	for _, seat := range b.Seats {
		e.Seats = append(e.Seats, event.Seat{No: seat.No, Grade: seat.Grade, Price: seat.Price - seat.Discount})
	}
	for _, ticket := range b.Tickets {
		e.TicketIDs = append(e.TicketIDs, ticket.ID)
	}
	return e
}

// SeatNumbers returns the numbers of the seats.
func (b Booking) SeatNumbers() []string {
	numbers := make([]string, len(b.Seats))
	for i, seat := range b.Seats {
		numbers[i] = seat.No
	}
	return numbers
}

// Page asks for a part of an account's bookings, newest first.
type Page struct {
	AccountID string
	State     State  // public; empty: all
	Limit     int    // 1 … 100
	Cursor    string // Listed.NextCursor of the page before; empty: the newest
}

// Listed is one page.
type Listed struct {
	Items      []Booking
	NextCursor string // empty at the end
}

const (
	bookingPrefix = "bkg"
	identLength   = len(bookingPrefix) + 1 + 26 // see ident.New
)

func isCursor(cursor string) bool {
	return len(cursor) == identLength && strings.HasPrefix(cursor, bookingPrefix+"-")
}

// seatChanges says that all seats of b are now in state.
func seatChanges(b Booking, state SeatState, until time.Time) []SeatChange {
	changes := make([]SeatChange, len(b.Seats))
	for i, seat := range b.Seats {
		changes[i] = SeatChange{Seat: seat.No, State: state, Until: until, SaleID: b.SaleID, AccountID: b.AccountID}
	}
	return changes
}
