package bookingpg

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/event"
	"github.com/fairgate/fairgate/shared/money"
	"github.com/fairgate/fairgate/shared/platform/postgres"
)

// Cancel implements booking.Refunds.
func (s *Store) Cancel(ctx context.Context, bookingID, reason, _ string) (booking.Settlement, error) {
	var settled booking.Settlement
	err := s.inTx(ctx, func(tx *work) error {
		settled = booking.Settlement{}
		l, err := lock(ctx, tx, bookingID)
		if err != nil {
			return err
		}
		switch {
		case l.State == booking.PendingPayment:
			return l.cancelUnpaid(ctx, tx, reason, &settled)
		case l.State == booking.Confirmed && !l.started:
			return l.cancelPaid(ctx, tx, reason, &settled)
		}
		return booking.ErrNotCancellable
	})
	if postgres.IsUniqueViolation(err, "refund_one_in_flight") {
		err = booking.ErrNotCancellable.WithMessage("Another refund of this payment is on its way.")
	}
	return settled, err
}

// Unpaid implements booking.Refunds.
func (s *Store) Unpaid(ctx context.Context, accountID string) ([]string, error) {
	const q = `
		SELECT b.id FROM booking b JOIN payment p ON p.booking_id = b.id
		WHERE b.account_id = $1 AND b.state = 'pending_payment' AND p.state = 'ready' ORDER BY b.id`
	rows, err := s.pool.Query(ctx, q, accountID)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// Abandon implements booking.Refunds. A confirm that came first has moved the booking on,
// and it stays so; one that comes later finds it cancelled before the provider is asked.
func (s *Store) Abandon(ctx context.Context, bookingID string) (booking.Settlement, error) {
	var settled booking.Settlement
	err := s.inTx(ctx, func(tx *work) error {
		settled = booking.Settlement{}
		l, err := lock(ctx, tx, bookingID)
		if err != nil || l.State != booking.PendingPayment || l.Payment.State != booking.PaymentReady {
			return err
		}
		l.Contact.Email, l.Contact.Name = "", ""
		tx.Queue(`UPDATE booking SET email = '', name = '' WHERE id = $1`, l.ID)
		return l.cancelUnpaid(ctx, tx, "", &settled)
	})
	return settled, err
}

func (l *locked) setReason(tx *work, reason string) {
	l.CancelReason = reason
	tx.Queue(`UPDATE booking SET cancel_reason = $2 WHERE id = $1`, l.ID, reason)
}

func (l *locked) cancelUnpaid(ctx context.Context, tx *work, reason string, settled *booking.Settlement) error {
	l.setReason(tx, reason)
	if err := l.move(tx, booking.Cancelled, ""); err != nil {
		return err
	}
	if err := l.movePayment(tx, booking.PaymentExpired, 0, ""); err != nil {
		return err
	}
	if err := l.release(ctx, tx, "released", settled); err != nil {
		return err
	}
	return l.emit(tx, event.TypeBookingCancelled, 0)
}

func (l *locked) cancelPaid(ctx context.Context, tx *work, reason string, settled *booking.Settlement) error {
	l.setReason(tx, reason)
	if err := l.move(tx, booking.Cancelling, ""); err != nil {
		return err
	}
	l.voidTickets(tx)
	if l.Payment.Balance == 0 {
		if err := l.movePayment(tx, booking.PaymentCancelled, 0, "nothing to refund"); err != nil {
			return err
		}
		return l.cancelled(ctx, tx, 0, settled)
	}
	if err := l.requestRefund(ctx, tx, booking.Refund{
		Kind: booking.RefundForFan, Amount: l.Payment.Balance, PaymentKey: l.Payment.PaymentKey, Reason: reason,
	}); err != nil {
		return err
	}
	settled.Moved, settled.Booking = true, l.Booking
	return nil
}

// cancelled ends a booking whose money has gone back; only now its seats return.
func (l *locked) cancelled(ctx context.Context, tx *work, refunded money.KRW, settled *booking.Settlement) error {
	if err := l.move(tx, booking.Cancelled, ""); err != nil {
		return err
	}
	if err := l.release(ctx, tx, "returned", settled); err != nil {
		return err
	}
	return l.emit(tx, event.TypeBookingCancelled, refunded)
}

// LeaseRefunds implements booking.Refunds. What is requested is marked as sending
// before it is sent; what was left in sending by a crash is unknown.
func (s *Store) LeaseRefunds(ctx context.Context, limit int) ([]booking.RefundOrder, error) {
	const q = `
		WITH due AS (
			SELECT id, state FROM refund
			WHERE next_check_at <= now() AND (lease_until IS NULL OR lease_until < now())
			ORDER BY next_check_at LIMIT $1 FOR UPDATE SKIP LOCKED),
		leased AS (
			UPDATE refund r SET lease_until = now() + $2::interval, updated_at = now(),
				state = CASE r.state WHEN 'requested' THEN 'sending' ELSE 'unknown' END
			FROM due WHERE r.id = due.id
			RETURNING r.id, r.payment_id, r.booking_id, r.payment_key, r.kind, r.amount, r.reason, r.state,
				r.requested_at, r.n, r.answered, r.checks, due.state AS was),
		entries AS (
			INSERT INTO ledger (booking_id, payment_id, refund_id, entry, from_state, to_state)
			SELECT booking_id, payment_id, id, 'refund', was, state FROM leased WHERE was <> state)
		SELECT l.id, l.payment_id, l.booking_id, l.payment_key, l.kind, l.amount, l.reason, l.state,
			l.requested_at, l.n, l.answered, l.checks, l.state = 'sending', p.balance = l.amount OR l.kind = 'mismatch',
			ARRAY(SELECT transaction_key FROM refund o WHERE o.payment_id = l.payment_id AND o.transaction_key IS NOT NULL)
		FROM leased l JOIN payment p ON p.id = l.payment_id`
	rows, err := s.pool.Query(ctx, q, limit, leaseTime)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (booking.RefundOrder, error) {
		var o booking.RefundOrder
		var amount int64
		r := &o.Refund
		err := row.Scan(&r.ID, &r.PaymentID, &r.BookingID, &r.PaymentKey, &r.Kind, &amount, &r.Reason, &r.State,
			&r.RequestedAt, &o.N, &o.Answered, &o.Checks, &o.Fresh, &o.All, &o.Booked)
		r.Amount = money.KRW(amount)
		return o, err
	})
}

// moveRefund ends the lease and moves a refund that is still in the state in which
// it was leased; it reports whether it did.
func moveRefund(ctx context.Context, tx *work, order booking.RefundOrder, to booking.RefundState, change string, args ...any) (bool, error) {
	q := `UPDATE refund SET state = $3, lease_until = NULL, updated_at = now(), n = $4, answered = $5, ` + change + `
		WHERE id = $1 AND state = $2`
	r := order.Refund
	all := append([]any{r.ID, string(r.State), string(to), order.N, order.Answered}, args...)
	tag, err := tx.Exec(ctx, q, all...)
	return tag.RowsAffected() == 1, err
}

// noteRefund is the ledger row of a refund's move.
func noteRefund(tx *work, r booking.Refund, to booking.RefundState, note string) {
	if r.State == to {
		return
	}
	entry{
		bookingID: r.BookingID, paymentID: r.PaymentID, refundID: r.ID, name: "refund",
		from: string(r.State), to: string(to), note: note,
	}.write(tx)
}

// RefundDone implements booking.Refunds.
func (s *Store) RefundDone(ctx context.Context, order booking.RefundOrder, made booking.ProviderCancel) (booking.Settlement, error) {
	var settled booking.Settlement
	r := order.Refund
	err := s.inTx(ctx, func(tx *work) error {
		settled = booking.Settlement{}
		l, err := lock(ctx, tx, r.BookingID)
		if err != nil {
			return err
		}
		settled.Booking = l.Booking
		moved, err := moveRefund(ctx, tx, order, booking.RefundDone,
			`transaction_key = $6, amount = $7, done_at = now(), next_check_at = NULL`, nullable(made.TransactionKey), int64(made.Amount))
		if err != nil || !moved {
			return err
		}
		err = l.bookMoney(ctx, tx, entry{
			refundID: r.ID, name: "refund", from: string(r.State), to: string(booking.RefundDone), amount: -made.Amount, note: string(r.Kind),
		})
		if err != nil {
			return err
		}
		return l.settleRefund(ctx, tx, r.Kind, made.Amount, &settled)
	})
	return settled, err
}

func nullable(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// settleRefund moves payment and booking after money of theirs has gone back.
func (l *locked) settleRefund(ctx context.Context, tx *work, kind booking.RefundKind, amount money.KRW, settled *booking.Settlement) error {
	settled.Moved, settled.Booking = true, l.Booking
	if kind != booking.RefundMismatch {
		if err := l.reducePayment(tx); err != nil {
			return err
		}
	}
	if l.State == booking.Confirmed && l.Payment.State == booking.PaymentCancelled {
		l.setReason(tx, "refunded by the payment provider")
		if err := l.move(tx, booking.Cancelling, "cancelled at the provider"); err != nil {
			return err
		}
		l.voidTickets(tx)
	}
	if l.State == booking.Cancelling && l.Payment.State == booking.PaymentCancelled {
		return l.cancelled(ctx, tx, amount, settled)
	}
	settled.Booking = l.Booking
	return l.emit(tx, event.TypePaymentRefunded, amount)
}

// reducePayment moves the payment by what is left of it. What is left of one that
// was to be refunded in full shows that others have cancelled parts of it.
func (l *locked) reducePayment(tx *work) error {
	to := booking.PaymentPartiallyCancelled
	if l.Payment.Balance == 0 {
		to = booking.PaymentCancelled
	}
	if l.Payment.State != to {
		if err := l.movePayment(tx, to, 0, ""); err != nil {
			return err
		}
	}
	if to == booking.PaymentCancelled {
		return nil
	}
	tx.Queue(`UPDATE payment SET next_check_at = now() WHERE id = $1`, l.Payment.ID)
	return nil
}

// RefundRejected implements booking.Refunds.
func (s *Store) RefundRejected(ctx context.Context, order booking.RefundOrder, failure booking.Failure) error {
	return s.inTx(ctx, func(tx *work) error {
		moved, err := moveRefund(ctx, tx, order, booking.RefundRejected,
			`failure_code = $6, failure_message = $7, next_check_at = NULL`, failure.Code, failure.Message)
		if err != nil || !moved {
			return err
		}
		noteRefund(tx, order.Refund, booking.RefundRejected, failure.Code)
		return nil
	})
}

// RefundUnknown implements booking.Refunds.
func (s *Store) RefundUnknown(ctx context.Context, order booking.RefundOrder, delay time.Duration) error {
	return s.inTx(ctx, func(tx *work) error {
		moved, err := moveRefund(ctx, tx, order, booking.RefundUnknown,
			`checks = checks + 1, next_check_at = now() + make_interval(secs => $6)`, delay.Seconds())
		if err != nil || !moved {
			return err
		}
		noteRefund(tx, order.Refund, booking.RefundUnknown, "")
		return nil
	})
}

// RefundAgain implements booking.Refunds.
func (s *Store) RefundAgain(ctx context.Context, order booking.RefundOrder) error {
	return s.inTx(ctx, func(tx *work) error {
		moved, err := moveRefund(ctx, tx, order, booking.RefundRequested, `next_check_at = now()`)
		if err != nil || !moved {
			return err
		}
		noteRefund(tx, order.Refund, booking.RefundRequested, "not found at the provider")
		return nil
	})
}
