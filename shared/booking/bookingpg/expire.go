package bookingpg

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/event"
	"github.com/fairgate/fairgate/shared/platform/outbox"
)

// ExpireDue implements booking.Bookings. A booking that is just being confirmed is
// locked and skipped; the condition is checked again on the row that was locked.
func (s *Store) ExpireDue(ctx context.Context, limit int) ([]booking.Settlement, error) {
	var settled []booking.Settlement
	err := s.inTx(ctx, func(tx *work) error {
		ids, err := expireBookings(ctx, tx, limit)
		if err != nil || len(ids) == 0 {
			return err
		}
		freed, err := free(ctx, tx, ids...)
		if err != nil {
			return err
		}
		tx.Queue(`UPDATE booking_seat SET state = 'released' WHERE booking_id = ANY ($1)`, ids)
		settled, err = announceExpired(ctx, tx, ids, freed)
		return err
	})
	return settled, err
}

func expireBookings(ctx context.Context, tx *work, limit int) ([]string, error) {
	const q = `
		WITH due AS (
			SELECT id FROM booking WHERE state = 'pending_payment' AND expires_at < now()
			ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED),
		expired AS (
			UPDATE booking b SET state = 'expired', version = version + 1, updated_at = now()
			FROM due WHERE b.id = due.id AND b.state = 'pending_payment' RETURNING b.id),
		entries AS (
			INSERT INTO ledger (booking_id, entry, from_state, to_state)
			SELECT id, 'booking', 'pending_payment', 'expired' FROM expired)
		SELECT id FROM expired`
	rows, err := tx.Query(ctx, q, limit)
	if err != nil {
		return nil, err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	const payments = `
		WITH expired AS (
			UPDATE payment SET state = 'expired', version = version + 1, updated_at = now()
			WHERE booking_id = ANY ($1) AND state = 'ready' RETURNING id, booking_id)
		INSERT INTO ledger (booking_id, payment_id, entry, from_state, to_state)
		SELECT booking_id, id, 'payment', 'ready', 'expired' FROM expired`
	tx.Queue(payments, ids)
	return ids, err
}

func announceExpired(ctx context.Context, tx *work, ids []string, freed map[string][]string) ([]booking.Settlement, error) {
	rows, err := tx.Query(ctx, `SELECT`+columns+tables+`WHERE b.id = ANY ($1)`, ids)
	if err != nil {
		return nil, err
	}
	bookings, err := pgx.CollectRows(rows, scanBooking)
	if err != nil {
		return nil, err
	}
	settled := make([]booking.Settlement, len(bookings))
	envelopes := make([]event.Envelope, len(bookings))
	for i, b := range bookings {
		settled[i] = booking.Settlement{Moved: true, Booking: b, Seats: changesOf(b, freed[b.ID], booking.Free, settledForever)}
		envelopes[i], err = event.New(event.TypeBookingExpired, b.ID, b.Version, now(), b.RequestID, b.Event())
		if err != nil {
			return nil, err
		}
	}
	return settled, outbox.Queue(tx.Batch(), envelopes...)
}
