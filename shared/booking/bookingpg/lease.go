package bookingpg

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/money"
	"github.com/fairgate/fairgate/shared/platform/postgres"
)

// leaseTime is for how long whoever has leased a row may talk to the provider. The
// next look at a leased payment is when its lease lapses; a webhook brings it
// forward.
const leaseTime = "30 seconds"

// hinted is the next look that a webhook asked for since the payment was leased: it
// may know more than the answer that is just being stored.
const hinted = `CASE WHEN next_check_at < lease_until THEN next_check_at END`

const chargeColumns = `
	p.id, p.booking_id, p.order_id, p.payment_key, p.amount, p.state, p.checks,
	coalesce(extract(epoch FROM now() - p.requested_at), 0)::float8,
	(SELECT n FROM payment_attempt a WHERE a.payment_key = p.payment_key AND a.payment_id = p.id),
	(SELECT answered FROM payment_attempt a WHERE a.payment_key = p.payment_key AND a.payment_id = p.id)`

func scanCharge(row pgx.CollectableRow) (booking.Charge, error) {
	var c booking.Charge
	var amount int64
	var age float64
	var n *int
	var answered *bool
	err := row.Scan(&c.PaymentID, &c.BookingID, &c.OrderID, &c.PaymentKey, &amount, &c.State, &c.Checks, &age, &n, &answered)
	if err != nil {
		return booking.Charge{}, err
	}
	c.Amount, c.N = money.KRW(amount), 1
	if n != nil {
		c.N, c.Answered = *n, *answered
	}
	if c.State.Pending() {
		c.Age = time.Duration(age * float64(time.Second))
	}
	return c, nil
}

// Lease implements booking.Payments. Confirm's own lease, under which nobody has asked
// yet, may be taken over. A lease that a crash of the database loses costs
// a second question to the provider under the same idempotency key, so nobody waits
// for the disk.
func (s *Store) Lease(ctx context.Context, paymentID string) (booking.Charge, bool, error) {
	const q = `
		UPDATE payment p SET lease_until = now() + $2::interval, next_check_at = now() + $2::interval, asked_at = now()
		WHERE p.id = $1 AND p.state IN ('confirming', 'unknown')
		  AND (p.lease_until IS NULL OR p.lease_until < now() OR p.asked_at IS NULL)
		RETURNING` + chargeColumns
	var charge booking.Charge
	batch := &pgx.Batch{}
	postgres.QueueAsyncCommit(batch)
	batch.Queue(q, paymentID, leaseTime).Query(func(rows pgx.Rows) (err error) {
		charge, err = pgx.CollectExactlyOneRow(rows, scanCharge)
		return err
	})
	err := s.pool.SendBatch(ctx, batch).Close()
	if errors.Is(err, pgx.ErrNoRows) {
		return booking.Charge{}, false, nil
	}
	return charge, err == nil, err
}

// LeaseDue implements booking.Payments.
func (s *Store) LeaseDue(ctx context.Context, limit int) ([]booking.Charge, error) {
	const q = `
		UPDATE payment p SET lease_until = now() + $2::interval, next_check_at = now() + $2::interval, asked_at = now()
		WHERE p.id IN (
			SELECT id FROM payment
			WHERE next_check_at <= now() AND (lease_until IS NULL OR lease_until < now())
			ORDER BY next_check_at LIMIT $1 FOR UPDATE SKIP LOCKED)
		RETURNING` + chargeColumns
	rows, err := s.pool.Query(ctx, q, limit, leaseTime)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanCharge)
}

// Postpone implements booking.Payments.
func (s *Store) Postpone(ctx context.Context, charge booking.Charge, delay time.Duration) error {
	return s.inTx(ctx, func(tx *work) error {
		var next *float64
		if seconds := delay.Seconds(); delay >= 0 {
			next = &seconds
		}
		const q = `
			UPDATE payment SET lease_until = NULL, checks = CASE WHEN $4::float8 IS NULL THEN 0 ELSE checks + 1 END,
				next_check_at = least(` + hinted + `, now() + make_interval(secs => $4)),
				state = CASE WHEN state = 'confirming' THEN 'unknown' ELSE state END, updated_at = now(),
				version = version + CASE WHEN state = 'confirming' THEN 1 ELSE 0 END
			WHERE id = $1 AND state = $2 AND (payment_key = $3 OR $2 NOT IN ('confirming', 'unknown'))`
		tag, err := tx.Exec(ctx, q, charge.PaymentID, string(charge.State), charge.PaymentKey, next)
		if err != nil || tag.RowsAffected() == 0 || !charge.State.Pending() {
			return err
		}
		const attempt = `
			UPDATE payment_attempt SET state = 'unknown', n = $2, answered = $3, updated_at = now()
			WHERE payment_key = $1 AND payment_id = $4 AND state IN ('confirming', 'unknown')`
		tx.Queue(attempt, charge.PaymentKey, charge.N, charge.Answered, charge.PaymentID)
		if charge.State == booking.PaymentConfirming {
			entry{
				bookingID: charge.BookingID, paymentID: charge.PaymentID, name: "payment",
				from: string(charge.State), to: string(booking.PaymentUnknown),
			}.write(tx)
		}
		return nil
	})
}

// Hasten implements booking.Payments.
func (s *Store) Hasten(ctx context.Context) (int, error) {
	const payments = `
		UPDATE payment SET next_check_at = now()
		WHERE id IN (
			SELECT id FROM payment
			WHERE next_check_at > now() AND state = 'unknown' AND (lease_until IS NULL OR lease_until < now())
			FOR UPDATE SKIP LOCKED)`
	const refunds = `
		UPDATE refund SET next_check_at = now()
		WHERE id IN (
			SELECT id FROM refund
			WHERE next_check_at > now() AND state = 'unknown' AND (lease_until IS NULL OR lease_until < now())
			FOR UPDATE SKIP LOCKED)`
	hastened := 0
	count := func(tag pgconn.CommandTag) error {
		hastened += int(tag.RowsAffected())
		return nil
	}
	batch := &pgx.Batch{}
	batch.Queue(payments).Exec(count)
	batch.Queue(refunds).Exec(count)
	err := s.pool.SendBatch(ctx, batch).Close()
	return hastened, err
}

// Hint implements booking.Payments. Anybody can send webhooks: only one that tells us
// something about a payment of ours leaves a row, at most one in 5 s for a payment.
func (s *Store) Hint(ctx context.Context, hint booking.Hint) (bool, error) {
	const stands = `
		SELECT state, coalesce(lease_until > now(), false), coalesce(next_check_at <= now() + make_interval(secs => $2), false)
		FROM payment WHERE order_id = $1`
	var state booking.PaymentState
	var leased, due bool
	err := s.pool.QueryRow(ctx, stands, hint.OrderID, booking.HintPause.Seconds()).Scan(&state, &leased, &due)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return false, nil
	case err != nil:
		return false, err
	case due || !hint.IsNews(state, leased):
		return false, nil
	}
	const q = `
		WITH stored AS (
			INSERT INTO webhook_event (transmission_id, type, order_id, payment_key, status, body)
			VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING order_id)
		UPDATE payment SET next_check_at = least(next_check_at, greatest(now(), asked_at + make_interval(secs => $7)))
		WHERE order_id IN (SELECT order_id FROM stored)`
	tag, err := s.pool.Exec(ctx, q, hint.TransmissionID, hint.Type, hint.OrderID, hint.PaymentKey, string(hint.Status),
		append([]byte{}, hint.Body[:min(len(hint.Body), booking.HintBody)]...), booking.HintPause.Seconds())
	return tag.RowsAffected() == 1, err
}
