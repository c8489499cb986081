package bookingpg

import (
	"context"
	"slices"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/ident"
)

// whileInFlight is when to look again for foreign cancels of a payment one of whose
// own refunds is on its way, which may be among them.
const whileInFlight = "30 seconds"

// External implements booking.Payments.
func (s *Store) External(ctx context.Context, charge booking.Charge, paid booking.ProviderPayment) (booking.Settlement, error) {
	var settled booking.Settlement
	err := s.inTx(ctx, func(tx *work) error {
		settled = booking.Settlement{}
		l, err := lock(ctx, tx, charge.BookingID)
		if err != nil {
			return err
		}
		settled.Booking = l.Booking
		if l.Payment.PaymentKey != charge.PaymentKey || !captured(l.Payment.State) {
			return nil
		}
		if slices.ContainsFunc(l.Refunds, func(r booking.Refund) bool { return r.State.InFlight() }) {
			const later = `UPDATE payment SET lease_until = NULL, next_check_at = now() + $2::interval WHERE id = $1`
			_, err := tx.Exec(ctx, later, l.Payment.ID, whileInFlight)
			return err
		}
		l.unlease(tx)
		for _, made := range paid.Cancels {
			if l.hasRefund(made.TransactionKey) {
				continue
			}
			if err := l.bookExternal(ctx, tx, made, &settled); err != nil {
				return err
			}
		}
		return nil
	})
	return settled, err
}

func (l *locked) hasRefund(transactionKey string) bool {
	return slices.ContainsFunc(l.Refunds, func(r booking.Refund) bool { return r.TransactionKey == transactionKey })
}

// bookExternal stores a cancel that was made in the provider's console.
func (l *locked) bookExternal(ctx context.Context, tx *work, made booking.ProviderCancel, settled *booking.Settlement) error {
	r := booking.Refund{
		ID: ident.New("rfd"), PaymentID: l.Payment.ID, BookingID: l.ID, PaymentKey: l.Payment.PaymentKey,
		Kind: booking.RefundExternal, Amount: made.Amount, Reason: made.Reason, State: booking.RefundDone,
		TransactionKey: made.TransactionKey, RequestedAt: made.CanceledAt, DoneAt: made.CanceledAt,
	}
	const q = `
		INSERT INTO refund (id, payment_id, booking_id, payment_key, kind, amount, reason, state, transaction_key, done_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 'done', $8, coalesce($9, now()))`
	_, err := tx.Exec(ctx, q, r.ID, r.PaymentID, r.BookingID, r.PaymentKey, string(r.Kind), int64(r.Amount), r.Reason,
		nullable(r.TransactionKey), orNull(made.CanceledAt))
	if err != nil {
		return err
	}
	l.Refunds = append(l.Refunds, r)
	err = l.bookMoney(ctx, tx, entry{
		refundID: r.ID, name: "refund", to: string(booking.RefundDone), amount: -r.Amount, note: string(r.Kind),
	})
	if err != nil {
		return err
	}
	return l.settleRefund(ctx, tx, r.Kind, r.Amount, settled)
}
