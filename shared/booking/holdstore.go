package booking

import (
	"context"
	"errors"
	"time"

	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/event"
)

// ErrAnswerLost is why a store fails with errs.Unavailable when the order may have
// been carried out all the same, now or in a moment. Without it nothing was done.
var ErrAnswerLost = errors.New("the store's answer was lost")

// HoldOrder is what a HoldStore carries out.
type HoldOrder struct {
	Hold     Hold          // without ID and ExpiresAt, which the store's clock decides
	TTL      time.Duration // how long a new hold lasts
	MaxSeats int           // live seats of the account in the sale, these included
	// Showtimes are those of the sale.
	Showtimes []string
	// Taken are those of the seats that are known to be taken: a new hold is refused
	// for them, a replay is not.
	Taken []string
	// Request says what was asked for, in any stable words: the same idempotency key
	// with another Request is refused. Exact is whether it named the seats.
	Request string
	Exact   bool
	// Attempt names this one call of Place; a retry has another.
	Attempt string
}

// HoldPlaced is what a HoldStore made of a HoldOrder.
type HoldPlaced struct {
	Seats     []string // those of the first time when it is a replay
	ExpiresAt time.Time
	Replayed  bool // nothing was changed: this idempotency key had been here before, or the account held exactly these seats
	// Nonce and Session are those of the hold that was found, where Replayed.
	Nonce   string
	Session *event.Session
}

// HoldStore keeps holds. There are two: Redis, and Postgres while Redis fails.
// Both lapse holds by themselves.
//
// All methods fail with errs.Unavailable when the store cannot be asked; the hold
// may then exist or not.
type HoldStore interface {
	// Place takes all seats or none: ErrSeatTaken lists every conflict (see SeatsTaken),
	// ErrSeatLimit, ErrKeyReused, and ErrSessionOver for a session that was ended here
	// (SessionHolds). It is linearizable: two calls never both take a seat.
	// Exactly the seats of a live hold of the same account are answered with that hold,
	// as it is, however the request is called.
	Place(ctx context.Context, order HoldOrder) (HoldPlaced, error)
	// Live reports whether the hold was not released and no seat of it is in another
	// hold. Where the store has lost its memory of it, it is live.
	Live(ctx context.Context, hold Hold) (bool, error)
	// Release frees those of the hold's seats that are still its own and reports
	// whether the hold had been live or already released.
	Release(ctx context.Context, hold Hold) (bool, error)
}

// FastStore is the HoldStore in Redis.
type FastStore interface {
	HoldStore
	// HeldBy returns the account's live holds in the sales, without ID and Amount. Those
	// that have become bookings are left out as far as is known here.
	HeldBy(ctx context.Context, accountID string, sales []catalogue.Sale) ([]Hold, error)
	// Undo says that this attempt was not answered. When no attempt of the same request
	// was, it takes back the hold that was placed for it, as if it had never been, and
	// reports that it did. wanted: the other store has the very hold, so that this one
	// is to stay.
	Undo(ctx context.Context, order HoldOrder, wanted bool) (bool, error)
}

// FallbackStore is the HoldStore in Postgres.
type FallbackStore interface {
	HoldStore
	// Find returns the live hold that was placed for the same request, or the account's
	// hold of exactly the same seats, Replayed, or a zero HoldPlaced; ErrKeyReused.
	Find(ctx context.Context, order HoldOrder) (HoldPlaced, error)
	// HeldBy returns the account's live holds that are kept here, without ID, Amount,
	// SaleID and PerformanceID.
	HeldBy(ctx context.Context, accountID string) ([]Hold, error)
	// Booked returns those of the nonces that have become bookings, whatever became of
	// these.
	Booked(ctx context.Context, nonces []string) ([]string, error)
}

// SessionHolds are the holds of one store by the session of the line that they were
// placed in.
type SessionHolds interface {
	// EndSessions ends sessions of one sale, in this order: from then on Place refuses
	// them with ErrSessionOver; what was placed in them before is released, except what
	// has become a booking. It returns what it released, and may be repeated.
	EndSessions(ctx context.Context, sale catalogue.Sale, sessions []event.Session) ([]Hold, error)
}
