package bookingpg

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/event"
	"github.com/fairgate/fairgate/shared/platform/outbox"
)

// unheard is when the reconciler captures a payment itself, because the message that
// asks for it has not been heard. Until then it is leased to whoever hears the message:
// see booking.Service.ExecuteRequested. It outlasts a try that begins at once.
const unheard = "20 seconds"

// Confirm implements booking.Payments. The advisory lock makes it queue up with the
// account's bookings, which may count this one as expired a moment later.
func (s *Store) Confirm(ctx context.Context, command booking.ConfirmCommand, key *booking.TicketKey) (booking.Settlement, error) {
	var settled booking.Settlement
	err := s.inTx(ctx, func(tx *work) error {
		settled = booking.Settlement{}
		l, before, err := lockForConfirm(ctx, tx, command)
		switch {
		case err != nil:
			return err
		case l.Amount != command.Amount:
			note := fmt.Sprintf("asked to confirm %d instead of %d", command.Amount, l.Amount)
			entry{bookingID: l.ID, paymentID: l.Payment.ID, name: "amount_mismatch", note: note}.write(tx)
			return booking.Keep(booking.ErrAmountMismatch)
		case l.Amount == 0:
			return l.confirmFree(ctx, tx, key, &settled)
		case command.PaymentKey == "":
			return errs.ErrValidationFailed.WithField("body.payment_key", "required")
		}
		known, err := l.knows(tx, command.PaymentKey, before)
		if err != nil || known {
			settled.Booking = l.Booking
			return err
		}
		return l.pin(ctx, tx, command, &settled)
	})
	if err != nil && !booking.IsKept(err) {
		return booking.Settlement{}, err
	}
	return settled, err
}

// lockForConfirm locks the account's booking as lock does, after the advisory lock of
// account and sale, and looks up whether the payment key was presented before. Each
// step is a statement of its own, all of them one round trip.
func lockForConfirm(ctx context.Context, tx *work, command booking.ConfirmCommand) (*locked, presented, error) {
	const mine = `b.order_id = $1 AND b.account_id = $2`
	before := presented{}
	queueLockAccount(tx, mine, command.OrderID, command.AccountID)
	l := queueLock(tx, beforeSale, mine, command.OrderID, command.AccountID)
	const attempts = `
		SELECT count(*) FILTER (WHERE b.id IS NOT NULL) > 0, coalesce(min(a.payment_id) FILTER (WHERE b.id IS NULL AND a.state = 'done'), '')
		FROM payment_attempt a JOIN payment p ON p.id = a.payment_id
		LEFT JOIN booking b ON b.id = p.booking_id AND b.order_id = $2
		WHERE a.payment_key = $1`
	tx.Queue(attempts, command.PaymentKey, command.OrderID).QueryRow(func(row pgx.Row) error {
		return row.Scan(&before.here, &before.broughtTo)
	})
	return l, before, tx.Flush(ctx)
}

// queueLockAccount queues the advisory lock of the account and sale of the booking
// that matches.
func queueLockAccount(tx *work, where string, args ...any) {
	const q = `SELECT pg_advisory_xact_lock(hashtextextended(b.account_id || '/' || b.sale_id, 0)) FROM booking b WHERE `
	tx.Queue(q+where, args...)
}

// presented is what became of a payment key before. That somebody has presented it for
// another order means nothing: anybody may, and the provider knows whose it is. Only where
// it has brought that order its money can it bring this one none.
type presented struct {
	here      bool   // for this payment
	broughtTo string // the other payment whose money it brought, if any
}

// knows reports whether the payment key was presented before for this booking and is
// to be answered with the booking as it stands.
func (l *locked) knows(tx *work, paymentKey string, before presented) (bool, error) {
	switch {
	case before.here && l.Payment.PaymentKey == paymentKey && l.alive():
		return true, nil
	case before.here:
		return false, l.notPayable()
	case before.broughtTo != "":
		entry{bookingID: l.ID, paymentID: l.Payment.ID, name: "foreign_payment_key", note: "belongs to " + before.broughtTo}.write(tx)
		return false, booking.Keep(l.notPayable())
	}
	return false, nil
}

func (l *locked) alive() bool {
	return l.State == booking.PendingPayment || l.State == booking.Paying || l.State == booking.Confirmed
}

// notPayable says why this confirm cannot be: that the booking can no longer be paid only
// of one that cannot.
func (l *locked) notPayable() error {
	switch {
	case l.State == booking.PendingPayment && l.unexpired:
		return booking.ErrPaymentKeyUsed
	case l.State == booking.Paying:
		return booking.ErrNotPayable.WithMessage("The booking is being paid already.")
	case l.State == booking.Confirmed:
		return booking.ErrNotPayable.WithMessage("The booking has been paid.")
	}
	return booking.ErrNotPayable
}

// pin takes the seats for good before the provider is asked. The booking's row is
// held already, so that an expiry either came before or finds it paying.
func (l *locked) pin(ctx context.Context, tx *work, command booking.ConfirmCommand, settled *booking.Settlement) error {
	if l.State != booking.PendingPayment || !l.unexpired {
		return l.notPayable()
	}
	all, err := retake(ctx, tx, l.Booking, "reserved")
	if err != nil {
		return err
	}
	if !all {
		return l.lose(ctx, tx, settled)
	}
	if err := l.move(tx, booking.Paying, ""); err != nil {
		return err
	}
	if err := l.attempt(tx, command.PaymentKey); err != nil {
		return err
	}
	settled.Moved, settled.Booking = true, l.Booking
	settled.Seats = changesOf(l.Booking, l.SeatNumbers(), booking.Held, settledForever)
	data := event.PaymentConfirmRequested{
		PaymentID: l.Payment.ID, BookingID: l.ID, OrderID: l.OrderID, PaymentKey: command.PaymentKey, Amount: l.Payment.Amount,
	}
	envelope, err := event.New(event.TypePaymentConfirmRequested, l.Payment.ID, l.Version, now(), command.RequestID, data)
	if err != nil {
		return err
	}
	return outbox.Queue(tx.Batch(), envelope)
}

func (l *locked) attempt(tx *work, paymentKey string) error {
	const request = `payment_key = $8, failure_code = '', failure_message = '', requested_at = now(),
		lease_until = now() + $9::interval, next_check_at = now() + $9::interval, asked_at = NULL`
	if err := l.movePaymentAlso(tx, booking.PaymentConfirming, 0, "", request, paymentKey, unheard); err != nil {
		return err
	}
	tx.Queue(`INSERT INTO payment_attempt (payment_key, payment_id, state) VALUES ($1, $2, 'confirming')`,
		paymentKey, l.Payment.ID)
	l.Payment.PaymentKey, l.Payment.FailureCode, l.Payment.FailureMessage = paymentKey, "", ""
	return nil
}

// lose expires a booking one of whose seats has gone to somebody else.
func (l *locked) lose(ctx context.Context, tx *work, settled *booking.Settlement) error {
	if err := l.expire(ctx, tx, booking.PaymentExpired, "a seat was lost", settled); err != nil {
		return err
	}
	return booking.Keep(booking.ErrNotPayable)
}

// expire ends an unpaid booking and frees those seats that are still its own.
func (l *locked) expire(ctx context.Context, tx *work, to booking.PaymentState, note string, settled *booking.Settlement) error {
	if err := l.move(tx, booking.Expired, note); err != nil {
		return err
	}
	if err := l.movePayment(tx, to, 0, note); err != nil {
		return err
	}
	if err := l.release(ctx, tx, "released", settled); err != nil {
		return err
	}
	return l.emit(tx, event.TypeBookingExpired, 0)
}

// release gives the seats back.
func (l *locked) release(ctx context.Context, tx *work, seatState string, settled *booking.Settlement) error {
	freed, err := free(ctx, tx, l.ID)
	if err != nil {
		return err
	}
	settled.Moved, settled.Booking = true, l.Booking
	settled.Seats = changesOf(l.Booking, freed[l.ID], booking.Free, settledForever)
	l.setSeats(tx, seatState)
	return nil
}

// confirmFree confirms a booking for which nothing is to be paid.
func (l *locked) confirmFree(ctx context.Context, tx *work, key *booking.TicketKey, settled *booking.Settlement) error {
	if l.State == booking.Confirmed {
		settled.Booking = l.Booking
		return nil
	}
	if l.State != booking.PendingPayment || !l.unexpired {
		return l.notPayable()
	}
	all, err := retake(ctx, tx, l.Booking, "sold")
	if err != nil {
		return err
	}
	if !all {
		return l.lose(ctx, tx, settled)
	}
	if err := l.movePayment(tx, booking.PaymentDone, 0, "nothing to pay"); err != nil {
		return err
	}
	return l.confirm(tx, key, settled)
}
