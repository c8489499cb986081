package bookingpg

import (
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/event"
)

// Create implements booking.Bookings.
func (s *Store) Create(ctx context.Context, draft booking.Draft) (booking.Booking, error) {
	b := draft.Booking
	err := s.inTx(ctx, func(tx *work) error {
		if err := take(ctx, tx, draft, &b); err != nil {
			return err
		}
		return furnish(tx, draft, b)
	})
	if err != nil {
		return booking.Booking{}, err
	}
	return b, nil
}

// lockAccount makes all bookings and confirms of one account in one sale queue up.
// It is a statement of its own: what follows must see what the one before committed.
const lockAccount = `SELECT pg_advisory_xact_lock(hashtextextended($1 || '/' || $2, 0))`

// countSeats counts the account's live seats in the sale. By the clock on the wall,
// as Pin does: the transaction may have waited for the lock past an expiry.
const countSeats = `
	SELECT coalesce(sum(seat_count), 0) FROM booking
	WHERE account_id = $1 AND sale_id = $2
	  AND (state IN ('paying', 'confirmed') OR (state = 'pending_payment' AND expires_at > clock_timestamp()))`

const insertDraft = `
	INSERT INTO booking (id, order_id, hold_id, account_id, email, name, locale, sale_id, performance_id,
		performance_title, venue_name, showtime_id, starts_at, seat_count, seat_limit, price, discount, amount,
		state, session_epoch, session_n, request_id, pay_before, expires_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, 'pending_payment',
		$19, $20, $21, now() + make_interval(secs => $22), now() + make_interval(secs => $23))
	ON CONFLICT (hold_id) DO NOTHING
	RETURNING pay_before, expires_at, created_at, version`

// claimSeats takes, in the order of the seats, each one that is new, lapsed, or the
// hold's own and not booked.
const claimSeats = `
	INSERT INTO seat_claim (showtime_id, seat, booking_id, hold_id, account_id, kind, until)
	SELECT $1, seat, $3, $4, $5, 'reserved', now() + make_interval(secs => $6)
	FROM unnest($2::text[]) AS seat ORDER BY seat COLLATE "C"
	ON CONFLICT (showtime_id, seat) DO UPDATE
	SET booking_id = excluded.booking_id, hold_id = excluded.hold_id, account_id = excluded.account_id,
		kind = excluded.kind, until = excluded.until
	WHERE seat_claim.until < now()
	   OR (seat_claim.hold_id = excluded.hold_id AND seat_claim.booking_id IS NULL)
	RETURNING seat`

// ownSession makes a session of a line the account's own, which is nothing new when it
// is that already; no row comes back when it is another's.
const ownSession = `
	INSERT INTO session_account (sale_id, epoch, n, account_id) VALUES ($1, $2, $3, $4)
	ON CONFLICT (sale_id, epoch, n) DO UPDATE SET account_id = excluded.account_id
	WHERE session_account.account_id = excluded.account_id
	RETURNING account_id`

// queueSession binds the booking's session, if it has one, to its account; *bound is false
// when it is another's. It comes before the seats: who waits here holds none of them.
func queueSession(tx *work, b booking.Booking, bound *bool) {
	if *bound = b.Session == nil; *bound {
		return
	}
	tx.Queue(ownSession, b.Session.SaleID, int64(b.Session.Epoch), int64(b.Session.N), b.AccountID).Query(func(rows pgx.Rows) error {
		accounts, err := pgx.CollectRows(rows, pgx.RowTo[string])
		*bound = len(accounts) == 1
		return err
	})
}

// take stores the booking itself with the claims of its seats, and fills in its times.
func take(ctx context.Context, tx *work, draft booking.Draft, b *booking.Booking) error {
	var epoch, n *int64
	if b.Session != nil {
		e, m := int64(b.Session.Epoch), int64(b.Session.N)
		epoch, n = &e, &m
	}
	payTime, lifeTime := draft.PayTime.Seconds(), (draft.PayTime + draft.Margin).Seconds()
	numbers := b.SeatNumbers()
	var live int
	var used, bound bool
	var got []string
	tx.Queue(lockAccount, b.AccountID, b.SaleID)
	queueSession(tx, *b, &bound)
	tx.Queue(countSeats, b.AccountID, b.SaleID).QueryRow(func(row pgx.Row) error { return row.Scan(&live) })
	tx.Queue(insertDraft, b.ID, b.OrderID, draft.HoldNonce, b.AccountID, b.Contact.Email, b.Contact.Name, b.Contact.Locale,
		b.SaleID, b.PerformanceID, b.PerformanceTitle, b.VenueName, b.ShowtimeID, b.StartsAt, len(b.Seats), draft.SeatLimit,
		int64(b.Price), int64(b.Discount), int64(b.Amount), epoch, n, b.RequestID, payTime, lifeTime).
		QueryRow(func(row pgx.Row) error {
			err := row.Scan(&b.PayBefore, &b.ExpiresAt, &b.CreatedAt, &b.Version)
			if used = errors.Is(err, pgx.ErrNoRows); used {
				return nil
			}
			return err
		})
	tx.Queue(claimSeats, b.ShowtimeID, numbers, b.ID, draft.HoldNonce, b.AccountID, lifeTime).
		Query(func(rows pgx.Rows) (err error) {
			got, err = pgx.CollectRows(rows, pgx.RowTo[string])
			return err
		})
	switch err := tx.Flush(ctx); {
	case err != nil:
		return err
	case !bound:
		return booking.ErrSessionTaken
	case used:
		return holdUsed(ctx, tx, draft.HoldNonce)
	case live+len(b.Seats) > draft.SeatLimit:
		return booking.ErrSeatLimit.With("limit", draft.SeatLimit)
	case len(got) < len(numbers):
		lost := slices.DeleteFunc(numbers, func(seat string) bool { return slices.Contains(got, seat) })
		return booking.ErrSeatTaken.With("conflicts", lost)
	}
	b.State = booking.PendingPayment
	b.Payment.BookingID, b.Payment.OrderID, b.Payment.Provider = b.ID, b.OrderID, draft.Provider
	b.Payment.Amount, b.Payment.State = b.Amount, booking.PaymentReady
	return nil
}

func holdUsed(ctx context.Context, tx *work, nonce string) error {
	var id string
	if err := tx.QueryRow(ctx, `SELECT id FROM booking WHERE hold_id = $1`, nonce).Scan(&id); err != nil {
		return err
	}
	return booking.ErrHoldUsed.With("booking_id", id)
}

// furnish stores all that belongs to a new booking.
func furnish(tx *work, draft booking.Draft, b booking.Booking) error {
	numbers := b.SeatNumbers()
	grades, prices, discounts := make([]string, len(numbers)), make([]int64, len(numbers)), make([]int64, len(numbers))
	for i, seat := range b.Seats {
		grades[i], prices[i], discounts[i] = seat.Grade, int64(seat.Price), int64(seat.Discount)
	}
	const q = `
		WITH seats AS (
			INSERT INTO booking_seat (booking_id, showtime_id, seat, grade, price, discount)
			SELECT $1, $2, seat, grade, price, discount
			FROM unnest($3::text[], $4::text[], $5::bigint[], $6::bigint[]) AS s (seat, grade, price, discount)),
		payment AS (
			INSERT INTO payment (id, booking_id, order_id, provider, amount, state) VALUES ($7, $1, $8, $9, $10, 'ready'))
		INSERT INTO ledger (booking_id, payment_id, entry, to_state)
		VALUES ($1, '', 'booking', 'pending_payment'), ($1, $7, 'payment', 'ready')`
	tx.Queue(q, b.ID, b.ShowtimeID, numbers, grades, prices, discounts, b.Payment.ID, b.OrderID, draft.Provider, int64(b.Amount))
	if b.Session == nil {
		return nil // only the line wants to hear of it
	}
	return (&locked{Booking: b}).emit(tx, event.TypeBookingCreated, 0)
}
