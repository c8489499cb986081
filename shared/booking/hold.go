package booking

import (
	"time"

	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/event"
	"github.com/fairgate/fairgate/shared/money"
)

// The failures of holds.
var (
	ErrSeatTaken    = errs.New(errs.Conflict, "seat_taken", "Some of the seats are taken.") // extra: see SeatsTaken
	ErrSeatLimit    = errs.New(errs.Conflict, "seat_limit", "That is more seats than one account may have in this sale.")
	ErrUnknownSeat  = errs.New(errs.Invalid, "unknown_seat", "The hall has no such seat.") // extra: unknown
	ErrTooMuch      = errs.New(errs.Invalid, "amount_too_large", "The seats cost more than can be paid at once: choose fewer.")
	ErrHoldNotFound = errs.New(errs.NotFound, "hold_not_found", "There is no such hold.")
	ErrHoldExpired  = errs.New(errs.Gone, "hold_expired", "The hold has lapsed.")
	// ErrSessionOver is ErrHoldExpired for what could only have been held in a session of
	// the line that is over.
	ErrSessionOver = ErrHoldExpired.WithMessage("The booking session is over.")
	// ErrPassRequired: the sale is queued, and nobody has shown a session of its line.
	ErrPassRequired = errs.New(errs.Forbidden, "pass_required", "This sale has a line: an entry pass is required.")
	// ErrSessionTaken: the session of the pass is another account's, which the line's store
	// did not know, or knows no longer.
	ErrSessionTaken = errs.New(errs.Forbidden, "pass_invalid", "The pass belongs to another account.")
	ErrSaleNotOpen  = errs.New(errs.Conflict, "sale_not_open", "The sale is not open yet.")
	ErrSaleClosed   = errs.New(errs.Conflict, "sale_closed", "The sale is over.")
	ErrKeyReused    = errs.New(errs.Invalid, "idempotency_key_reused", "The Idempotency-Key was used for another request.")
)

// SeatsTaken is ErrSeatTaken with every seat that cannot be had, and of these those that
// the account holds itself (extra: yours), which it may have after releasing that hold.
func SeatsTaken(conflicts, yours []string) *errs.Error {
	taken := ErrSeatTaken.With("conflicts", conflicts)
	switch {
	case len(yours) == 0:
		return taken
	case len(yours) == len(conflicts):
		taken = taken.WithMessage("You hold some of these seats already: release that hold to choose anew.")
	}
	return taken.With("yours", yours)
}

// DefaultHoldTime is how long a hold lasts where the sale says nothing.
const DefaultHoldTime = 300 * time.Second

// Hold is seats reserved for minutes by one account.
//
//	none → held (Holds.Hold) → released (owner), lapsed (time), booked (claim committed)
//
// A hold is advice that keeps fans from choosing the same seats; who gets a seat is
// decided by its claim in Postgres when it is booked.
type Hold struct {
	ID            string // what clients know it by: signed, carries all fields below
	Nonce         string // what tables and Redis know it by; the same for every retry
	SaleID        string
	PerformanceID string
	ShowtimeID    string
	AccountID     string
	Seats         []string       // numbers, in the order of the seat map
	Session       *event.Session // in the sale's line; nil when the sale is not queued
	ExpiresAt     time.Time
	Amount        money.KRW // sum of the seats' prices
	InPostgres    bool      // it was placed while Redis failed
}

// Lapsed reports whether the hold is over at now.
func (h Hold) Lapsed(now time.Time) bool { return !now.Before(h.ExpiresAt) }
