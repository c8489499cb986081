package booking

import (
	"context"
	"time"

	"github.com/fairgate/fairgate/shared/event"
	"github.com/fairgate/fairgate/shared/money"
)

// Store keeps bookings and money. Each method is one transaction, or joins the one
// that Once put into its context; afterwards all it says is committed, or nothing.
// All times are the store's own clock.
type Store interface {
	Transactions
	Bookings
	Payments
	Refunds
	// Sweep checks the invariants of what has changed, of what was found broken, and of
	// the next part of everything. One caller at a time.
	Sweep(ctx context.Context) (Swept, error)
	// Violations counts the bookings in breach of each invariant, as far as Sweep has
	// found them and not seen them healed.
	Violations(ctx context.Context) (map[string]int, error)
}

// Swept is how many bookings a sweep has looked at, and how many of them are broken.
type Swept struct{ Checked, Broken int }

// Transactions ties work to one transaction; see Service.Once.
type Transactions interface {
	Once(ctx context.Context, key Key, effect Effect) (Answer, error)
	// AfterCommit runs f once the transaction in ctx has been committed, at once when
	// there is none, never when it is rolled back.
	AfterCommit(ctx context.Context, f func(ctx context.Context))
}

// Draft is a booking to be made.
type Draft struct {
	Booking   Booking // without the times, which the store sets
	HoldNonce string
	SeatLimit int           // live seats of the account in the sale, these included
	PayTime   time.Duration // from now to PayBefore
	Margin    time.Duration // from PayBefore to ExpiresAt
	Provider  string        // its name
}

// Bookings stores bookings and the claims of their seats.
type Bookings interface {
	// Create claims all seats, or fails with ErrSeatTaken (conflicts), ErrSeatLimit,
	// ErrHoldUsed, or ErrSessionTaken where another account has booked in the session.
	Create(ctx context.Context, draft Draft) (Booking, error)
	// ByID, ByOrder and ByPayment fail with ErrBookingNotFound.
	ByID(ctx context.Context, id string) (Booking, error)
	ByOrder(ctx context.Context, orderID string) (Booking, error)
	ByPayment(ctx context.Context, paymentID string) (Booking, error)
	// List returns up to page.Limit bookings older than page.Cursor, newest first.
	List(ctx context.Context, page Page) ([]Booking, error)
	// ExpireDue expires up to limit unpaid bookings whose time is over. Several
	// callers share the work.
	ExpireDue(ctx context.Context, limit int) ([]Settlement, error)
	// IssueTickets stores tickets for those seats of a confirmed booking that have none.
	IssueTickets(ctx context.Context, bookingID string, key *TicketKey) error
	// Forget removes idempotency keys past their lifetime and returns their number.
	Forget(ctx context.Context, limit int) (int, error)
}

// Charge is a payment leased for 30 s to whoever talks to the provider about it.
type Charge struct {
	PaymentID  string
	BookingID  string
	OrderID    string
	PaymentKey string // of the latest attempt; empty if there was none
	Amount     money.KRW
	State      PaymentState
	N          int           // of the idempotency key of the latest attempt
	Answered   bool          // the latest try got an answer that would be replayed
	Age        time.Duration // since the latest confirm was requested
	Checks     int           // how often the outcome has been looked for
}

// Settlement is what became of a payment.
type Settlement struct {
	Moved   bool         // false: it had been settled before; nothing was changed
	Booking Booking      // as it stands now
	Seats   []SeatChange // to be published
}

// Payments stores payments. Whatever settles a payment changes nothing if another
// has settled it before.
type Payments interface {
	// Outcome is a cheap read of how a payment stands.
	Outcome(ctx context.Context, paymentID string) (Confirmation, error)
	// Confirm moves the booking to paying, pins its seats and stores the request to
	// capture; a booking of ₩0 is confirmed at once. A payment key that was presented
	// before for this booking is answered with the booking as it stands, if it is still
	// alive; what others did with it changes nothing unless it brought them their money.
	// Fails with ErrBookingNotFound if it is not the account's, ErrAmountMismatch (recorded,
	// kept), ErrPaymentKeyUsed for a booking that can be paid otherwise, ErrNotPayable; kept when a seat was lost and the booking has therefore expired.
	Confirm(ctx context.Context, command ConfirmCommand, key *TicketKey) (Settlement, error)

	// Lease takes a payment whose outcome is pending and that nobody else has leased,
	// unless only its Confirm has.
	Lease(ctx context.Context, paymentID string) (Charge, bool, error)
	// LeaseDue takes up to limit payments that are due to be looked at.
	LeaseDue(ctx context.Context, limit int) ([]Charge, error)
	// Capture settles captured money: the booking is confirmed, or, if it cannot be
	// kept any more, its refund is requested.
	Capture(ctx context.Context, charge Charge, paid ProviderPayment, key *TicketKey) (Settlement, error)
	// Decline settles a refusal: payable again until PayBefore, else expired.
	Decline(ctx context.Context, charge Charge, failure Failure) (Settlement, error)
	// Return requests that captured money which is not what we asked for goes back in
	// full, and declines the attempt.
	Return(ctx context.Context, charge Charge, paid ProviderPayment, failure Failure) (Settlement, error)
	// Postpone gives the lease back and sets the next look; a pending payment becomes
	// unknown. A negative delay means: no more looks.
	Postpone(ctx context.Context, charge Charge, delay time.Duration) error
	// External stores cancels that are none of our refunds.
	External(ctx context.Context, charge Charge, paid ProviderPayment) (Settlement, error)
	// Hasten makes all payments and refunds due that wait for their next look because
	// their outcome is unknown, and returns how many.
	Hasten(ctx context.Context) (int, error)
	// Hint stores a webhook that may be news, once, and makes the payment due, at most
	// every 5 s. It reports whether it did.
	Hint(ctx context.Context, hint Hint) (bool, error)
}

// RefundOrder is a refund leased for 30 s to whoever talks to the provider about it.
type RefundOrder struct {
	Refund   Refund
	All      bool // it is all that is left of the payment
	Fresh    bool // never sent with this N: send it; otherwise ask first
	N        int  // of the idempotency key
	Answered bool
	Checks   int
	Booked   []string // transaction keys of the payment's other refunds
}

// Refunds stores refunds.
type Refunds interface {
	// Cancel cancels an unpaid or free booking at once, or requests the refund of a
	// paid one; ErrNotCancellable.
	Cancel(ctx context.Context, bookingID, reason, requestID string) (Settlement, error)
	// Unpaid returns the ids of the account's bookings that nobody has begun to pay.
	Unpaid(ctx context.Context, accountID string) ([]string, error)
	// Abandon cancels a booking that nobody has begun to pay, and takes the contact out of
	// it, so that nobody is written to; one that is being paid, or is not unpaid any more,
	// stays as it is.
	Abandon(ctx context.Context, bookingID string) (Settlement, error)
	// LeaseRefunds takes up to limit refunds that are due to be sent or asked about.
	LeaseRefunds(ctx context.Context, limit int) ([]RefundOrder, error)
	// RefundDone books a cancel of the provider as the refund; the seats return now.
	RefundDone(ctx context.Context, order RefundOrder, made ProviderCancel) (Settlement, error)
	// RefundRejected ends a refund that the provider will not make.
	RefundRejected(ctx context.Context, order RefundOrder, failure Failure) error
	// RefundUnknown stores that the outcome is unknown and when to ask again.
	RefundUnknown(ctx context.Context, order RefundOrder, delay time.Duration) error
	// RetryRefund requests a rejected refund anew, with another idempotency key;
	// ErrRefundNotFound, ErrRefundNotRejected. It returns the booking as it stands.
	RetryRefund(ctx context.Context, command OperatorCommand) (Booking, error)
	// SettleRefund books a rejected refund as done; it fails as RetryRefund does.
	SettleRefund(ctx context.Context, command OperatorCommand) (Settlement, error)
	// RefundAgain requests again what has provably not happened.
	RefundAgain(ctx context.Context, order RefundOrder) error
}

// SpentSessions remembers the booking sessions that a confirmed booking has used up, and
// whose sessions are.
type SpentSessions interface {
	IsSpent(ctx context.Context, session event.Session) (bool, error)
	// BindSession makes a session the account's own, unless it is another's, and reports
	// whether it is the account's.
	BindSession(ctx context.Context, session event.Session, accountID string) (bool, error)
}
