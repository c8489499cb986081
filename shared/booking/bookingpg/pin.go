package bookingpg

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/event"
	"github.com/fairgate/fairgate/shared/platform/outbox"
)

// unheard is when the reconciler captures a payment itself, because the message that
// asks for it has not been heard.
const unheard = "15 seconds"

// Pin implements booking.Payments. The advisory lock makes it queue up with the
// account's bookings, which may count this one as expired a moment later.
func (s *Store) Pin(ctx context.Context, bookingID, paymentKey, requestID string) (booking.Settlement, error) {
	var settled booking.Settlement
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		settled = booking.Settlement{}
		l, before, err := lockWithAccount(ctx, tx, bookingID, paymentKey)
		if err != nil {
			return err
		}
		known, err := l.knows(ctx, tx, before)
		if err != nil || known {
			settled.Booking = l.Booking
			return err
		}
		if l.State != booking.PendingPayment || !l.unexpired {
			return booking.ErrNotPayable
		}
		return l.pin(ctx, tx, paymentKey, requestID, &settled)
	})
	return settled, err
}

// lockWithAccount locks as lock does, after the advisory lock of the booking's
// account and sale, and looks up whether the payment key was presented before. Each
// step is a statement of its own, all of them one round trip.
func lockWithAccount(ctx context.Context, tx pgx.Tx, bookingID, paymentKey string) (*locked, presented, error) {
	const account = `SELECT pg_advisory_xact_lock(hashtextextended(account_id || '/' || sale_id, 0)) FROM booking WHERE id = $1`
	l, before, batch := &locked{}, presented{key: paymentKey}, &pgx.Batch{}
	batch.Queue(account, bookingID)
	l.queueLock(batch, bookingID)
	const attempt = `SELECT payment_id FROM payment_attempt WHERE payment_key = $1`
	batch.Queue(attempt, paymentKey).QueryRow(func(row pgx.Row) error {
		err := row.Scan(&before.paymentID)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	err := tx.SendBatch(ctx, batch).Close()
	return l, before, err
}

// presented is a payment key and the payment that it was presented for before.
type presented struct{ key, paymentID string }

// knows reports whether the payment key was presented before for this booking and is
// to be answered with the booking as it stands.
func (l *locked) knows(ctx context.Context, tx pgx.Tx, before presented) (bool, error) {
	switch before.paymentID {
	case "":
		return false, nil
	case l.Payment.ID:
	default:
		e := entry{bookingID: l.ID, paymentID: l.Payment.ID, name: "foreign_payment_key", note: "belongs to " + before.paymentID}
		if err := e.write(ctx, tx); err != nil {
			return false, err
		}
		return false, booking.Keep(booking.ErrNotPayable)
	}
	current := l.Payment.PaymentKey == before.key
	alive := l.State == booking.PendingPayment || l.State == booking.Paying || l.State == booking.Confirmed
	if !current || !alive {
		return false, booking.ErrNotPayable
	}
	return true, nil
}

// pin takes the seats for good before the provider is asked. The booking's row is
// held already, so that an expiry either came before or finds it paying.
func (l *locked) pin(ctx context.Context, tx pgx.Tx, paymentKey, requestID string, settled *booking.Settlement) error {
	all, err := retake(ctx, tx, l.Booking, "reserved", infinite)
	if err != nil {
		return err
	}
	if !all {
		return l.lose(ctx, tx, settled)
	}
	batch := &pgx.Batch{}
	if err := l.queueMove(batch, booking.Paying, ""); err != nil {
		return err
	}
	if err := l.queueAttempt(batch, paymentKey); err != nil {
		return err
	}
	data := event.PaymentConfirmRequested{PaymentID: l.Payment.ID, BookingID: l.ID}
	envelope, err := event.New(event.TypePaymentConfirmRequested, l.Payment.ID, l.Version, now(), requestID, data)
	if err != nil {
		return err
	}
	if err := outbox.Queue(batch, envelope); err != nil {
		return err
	}
	settled.Moved, settled.Booking = true, l.Booking
	settled.Seats = changesOf(l.Booking, l.SeatNumbers(), booking.Held, settledForever)
	return tx.SendBatch(ctx, batch).Close()
}

func (l *locked) queueAttempt(batch *pgx.Batch, paymentKey string) error {
	const request = `payment_key = $7, failure_code = '', failure_message = '', requested_at = now(), next_check_at = now() + $8::interval`
	if err := l.queuePayment(batch, booking.PaymentConfirming, 0, "", request, paymentKey, unheard); err != nil {
		return err
	}
	batch.Queue(`INSERT INTO payment_attempt (payment_key, payment_id, state) VALUES ($1, $2, 'confirming')`,
		paymentKey, l.Payment.ID)
	l.Payment.PaymentKey, l.Payment.FailureCode, l.Payment.FailureMessage = paymentKey, "", ""
	return nil
}

// lose expires a booking one of whose seats has gone to somebody else.
func (l *locked) lose(ctx context.Context, tx pgx.Tx, settled *booking.Settlement) error {
	if err := l.expire(ctx, tx, booking.PaymentExpired, "a seat was lost", settled); err != nil {
		return err
	}
	return booking.Keep(booking.ErrNotPayable)
}

// expire ends an unpaid booking and frees those seats that are still its own.
func (l *locked) expire(ctx context.Context, tx pgx.Tx, to booking.PaymentState, note string, settled *booking.Settlement) error {
	if err := l.move(ctx, tx, booking.Expired, note); err != nil {
		return err
	}
	if err := l.movePayment(ctx, tx, to, 0, note); err != nil {
		return err
	}
	if err := l.release(ctx, tx, "released", settled); err != nil {
		return err
	}
	return emit(ctx, tx, event.TypeBookingExpired, l.Booking, 0)
}

// release gives the seats back.
func (l *locked) release(ctx context.Context, tx pgx.Tx, seatState string, settled *booking.Settlement) error {
	freed, err := free(ctx, tx, l.ID)
	if err != nil {
		return err
	}
	settled.Moved, settled.Booking = true, l.Booking
	settled.Seats = changesOf(l.Booking, freed[l.ID], booking.Free, settledForever)
	return setSeats(ctx, tx, seatState, l.ID)
}

// ConfirmFree implements booking.Payments.
func (s *Store) ConfirmFree(ctx context.Context, bookingID string, key *booking.TicketKey) (booking.Settlement, error) {
	var settled booking.Settlement
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		settled = booking.Settlement{}
		l, _, err := lockWithAccount(ctx, tx, bookingID, "")
		if err != nil {
			return err
		}
		if l.State == booking.Confirmed {
			settled.Booking = l.Booking
			return nil
		}
		if l.State != booking.PendingPayment || !l.unexpired || l.Amount != 0 {
			return booking.ErrNotPayable
		}
		all, err := retake(ctx, tx, l.Booking, "sold", infinite)
		if err != nil {
			return err
		}
		if !all {
			return l.lose(ctx, tx, &settled)
		}
		if err := l.movePayment(ctx, tx, booking.PaymentDone, 0, "nothing to pay"); err != nil {
			return err
		}
		return l.confirm(ctx, tx, key, &settled)
	})
	return settled, err
}
