package booking

import (
	"context"
	"time"
)

// SeatState is what a fan may know of a seat of a showtime. Its values are the two
// bits of the availability bitset.
type SeatState uint8

// The states of a seat.
const (
	Free       SeatState = 0
	Held       SeatState = 1 // by a hold, or by a booking that is not paid yet
	Sold       SeatState = 2
	NotForSale SeatState = 3
)

func (s SeatState) String() string {
	return [...]string{"free", "held", "sold", "not_for_sale"}[s&3]
}

// SeatChange is the new state of one seat after a committed change of its claim.
// It is absolute: applying it twice, or after having missed others, does no harm.
type SeatChange struct {
	Seat  string // its number: "1F-A-12-7"
	State SeatState
	Until time.Time // of Held: when it lapses by itself; zero or infinite: never

	// Whose seat it is, or was when State is Free, and the sale whose limit per
	// account it counts against. Where both are given the limit that holds are
	// checked against follows the change; where not, it is left alone.
	SaleID    string
	AccountID string
}

// SeatFeed tells every instance what has changed. It is called after the commit;
// a change that was lost on the way is seen within a few seconds all the same,
// because every instance reads the claims anew.
type SeatFeed interface {
	Publish(ctx context.Context, performanceID, showtimeID string, changes []SeatChange) error
}

// SeatClaim is one live row of the seat truth in Postgres.
type SeatClaim struct {
	Seat  string
	State SeatState // Held, Sold or NotForSale
	Until time.Time // of Held: when it lapses; zero: never
}

// ClaimReader reads the seat truth.
type ClaimReader interface {
	// Claims returns all claims of a showtime that have not lapsed, in any order.
	Claims(ctx context.Context, showtimeID string) ([]SeatClaim, error)
}
