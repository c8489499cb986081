package bookingpg

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/platform/postgres"
)

// errSeatLost says that a seat which was to be retaken belongs to another by now.
var errSeatLost = errors.New("bookingpg: a seat is lost")

// retake makes all seats of b its own for good, taking over what has lapsed, and
// reports whether it got all. Because they nearly always are its own, it does not wait
// for the answer: a seat that is lost fails the transaction with errSeatLost, after
// which a careful one asks first.
func retake(ctx context.Context, tx *work, b booking.Booking, kind string) (bool, error) {
	const q = `
		WITH got AS (
			INSERT INTO seat_claim (showtime_id, seat, booking_id, account_id, kind, until)
			SELECT $1, seat, $3, $4, $5, 'infinity' FROM unnest($2::text[]) AS seat ORDER BY seat COLLATE "C"
			ON CONFLICT (showtime_id, seat) DO UPDATE
			SET booking_id = excluded.booking_id, account_id = excluded.account_id, kind = excluded.kind, until = excluded.until
			WHERE seat_claim.booking_id = excluded.booking_id OR seat_claim.until < now()
			RETURNING 1)
		SELECT `
	args := []any{b.ShowtimeID, b.SeatNumbers(), b.ID, b.AccountID, kind}
	if !tx.careful {
		tx.demand(errSeatLost, q+postgres.Must(`count(*) = $6`)+` FROM got`, append(args, len(b.Seats))...)
		return true, nil
	}
	var got int
	err := tx.QueryRow(ctx, q+`count(*) FROM got`, args...).Scan(&got)
	return got == len(b.Seats), err
}

// free deletes the claims that are the bookings' own and returns their seats by
// booking. Seats that others have taken over are not among them.
func free(ctx context.Context, tx *work, bookingIDs ...string) (map[string][]string, error) {
	const q = `
		WITH own AS (
			SELECT showtime_id, seat FROM seat_claim WHERE booking_id = ANY ($1)
			ORDER BY showtime_id, seat FOR UPDATE)
		DELETE FROM seat_claim c USING own
		WHERE c.showtime_id = own.showtime_id AND c.seat = own.seat
		RETURNING c.booking_id, c.seat`
	rows, err := tx.Query(ctx, q, bookingIDs)
	if err != nil {
		return nil, err
	}
	freed := map[string][]string{}
	var bookingID, seat string
	_, err = pgx.ForEachRow(rows, []any{&bookingID, &seat}, func() error {
		freed[bookingID] = append(freed[bookingID], seat)
		return nil
	})
	return freed, err
}

// changesOf says that seats, which are or were b's, are now in state.
func changesOf(b booking.Booking, seats []string, state booking.SeatState, until time.Time) []booking.SeatChange {
	changes := make([]booking.SeatChange, len(seats))
	for i, seat := range slices.Sorted(slices.Values(seats)) {
		changes[i] = booking.SeatChange{Seat: seat, State: state, Until: until, SaleID: b.SaleID, AccountID: b.AccountID}
	}
	return changes
}

// setSeats moves the booking's own list of its seats.
func (l *locked) setSeats(tx *work, state string) {
	tx.Queue(`UPDATE booking_seat SET state = $2 WHERE booking_id = $1`, l.ID, state)
}
