package bookingpg

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/money"
	"github.com/fairgate/fairgate/shared/platform/postgres"
)

// RetryRefund implements booking.Refunds. The provider would replay its answer for the
// old idempotency key.
func (s *Store) RetryRefund(ctx context.Context, command booking.OperatorCommand) (booking.Booking, error) {
	var b booking.Booking
	err := s.inTx(ctx, func(tx *work) error {
		_, r, err := lockRejected(ctx, tx, command.RefundID)
		if err != nil {
			return err
		}
		const q = `
			UPDATE refund SET state = 'requested', n = n + 1, answered = false, checks = 0, failure_code = '', failure_message = '',
				next_check_at = now(), lease_until = NULL, updated_at = now()
			WHERE id = $1 AND state = 'rejected'`
		tx.Queue(q, r.ID)
		noteRefund(tx, r, booking.RefundRequested, decided(command))
		b, err = readOne(ctx, tx, `WHERE b.id = $1`, r.BookingID)
		return err
	})
	if postgres.IsUniqueViolation(err, "refund_one_in_flight") {
		err = booking.ErrRefundNotRejected.WithMessage("Another refund of this payment is on its way.")
	}
	return b, err
}

// SettleRefund implements booking.Refunds.
func (s *Store) SettleRefund(ctx context.Context, command booking.OperatorCommand) (booking.Settlement, error) {
	var settled booking.Settlement
	err := s.inTx(ctx, func(tx *work) error {
		settled = booking.Settlement{}
		l, r, err := lockRejected(ctx, tx, command.RefundID)
		if err != nil {
			return err
		}
		const q = `UPDATE refund SET state = 'done', done_at = now(), updated_at = now() WHERE id = $1 AND state = 'rejected'`
		tx.Queue(q, r.ID)
		err = l.bookMoney(ctx, tx, entry{
			refundID: r.ID, name: "refund", from: string(r.State), to: string(booking.RefundDone), amount: -r.Amount, note: decided(command),
		})
		if err != nil {
			return err
		}
		if err := l.settleRefund(ctx, tx, r.Kind, r.Amount, &settled); err != nil {
			return err
		}
		settled.Booking, err = readOne(ctx, tx, `WHERE b.id = $1`, r.BookingID)
		return err
	})
	return settled, err
}

func decided(command booking.OperatorCommand) string { return "by " + command.By + ": " + command.Note }

// lockRejected locks the booking of a refund, then the refund, which must be rejected.
func lockRejected(ctx context.Context, tx *work, refundID string) (*locked, booking.Refund, error) {
	r := booking.Refund{ID: refundID}
	err := tx.QueryRow(ctx, `SELECT booking_id FROM refund WHERE id = $1`, refundID).Scan(&r.BookingID)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, r, booking.ErrRefundNotFound
	}
	if err != nil {
		return nil, r, err
	}
	l, err := lock(ctx, tx, r.BookingID)
	if err != nil {
		return nil, r, err
	}
	var amount int64
	const q = `SELECT payment_id, kind, amount, state FROM refund WHERE id = $1 FOR UPDATE`
	if err := tx.QueryRow(ctx, q, refundID).Scan(&r.PaymentID, &r.Kind, &amount, &r.State); err != nil {
		return nil, r, err
	}
	if r.Amount = money.KRW(amount); r.State != booking.RefundRejected {
		return nil, r, booking.ErrRefundNotRejected.With("state", string(r.State))
	}
	return l, r, nil
}
