package bookingpg

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fairgate/fairgate/shared/booking"
)

// infinite is the end of a claim that does not lapse.
const infinite = "infinity"

// retake makes all seats of b its own again until the given time ("infinity", or a
// timestamp), taking over what has lapsed, and reports whether it got all.
func retake(ctx context.Context, tx pgx.Tx, b booking.Booking, kind, until string) (bool, error) {
	var all bool
	batch := &pgx.Batch{}
	queueRetake(batch, b, kind, until, &all)
	err := tx.SendBatch(ctx, batch).Close()
	return all, err
}

// queueRetake queues what retake does; all is set once the batch has been sent.
func queueRetake(batch *pgx.Batch, b booking.Booking, kind, until string, all *bool) {
	const q = `
		INSERT INTO seat_claim (showtime_id, seat, booking_id, account_id, kind, until)
		SELECT $1, seat, $3, $4, $5, $6::timestamptz FROM unnest($2::text[]) AS seat ORDER BY seat COLLATE "C"
		ON CONFLICT (showtime_id, seat) DO UPDATE
		SET booking_id = excluded.booking_id, account_id = excluded.account_id, kind = excluded.kind, until = excluded.until
		WHERE seat_claim.booking_id = excluded.booking_id OR seat_claim.until < now()`
	batch.Queue(q, b.ShowtimeID, b.SeatNumbers(), b.ID, b.AccountID, kind, until).Exec(func(tag pgconn.CommandTag) error {
		*all = int(tag.RowsAffected()) == len(b.Seats)
		return nil
	})
}

// free deletes the claims that are the bookings' own and returns their seats by
// booking. Seats that others have taken over are not among them.
func free(ctx context.Context, tx pgx.Tx, bookingIDs ...string) (map[string][]string, error) {
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
func setSeats(ctx context.Context, tx pgx.Tx, state string, bookingIDs ...string) error {
	_, err := tx.Exec(ctx, seatStates, bookingIDs, state)
	return err
}

const seatStates = `UPDATE booking_seat SET state = $2 WHERE booking_id = ANY ($1)`
