package bookingpg

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/event"
	"github.com/fairgate/fairgate/shared/money"
	"github.com/fairgate/fairgate/shared/platform/outbox"
)

// locked is a booking whose row, and whose payment's row, this transaction holds.
type locked struct {
	booking.Booking
	payable   bool // pay_before has not passed
	unexpired bool // expires_at has not passed, by the clock on the wall
	started   bool // the show has begun
}

// lock takes the rows of a booking and its payment, then reads them.
func lock(ctx context.Context, tx pgx.Tx, bookingID string) (*locked, error) {
	const deadlines = `
		SELECT pay_before > now(), expires_at > clock_timestamp(), starts_at <= now()
		FROM booking WHERE id = $1 FOR UPDATE`
	l := &locked{}
	err := tx.QueryRow(ctx, deadlines, bookingID).Scan(&l.payable, &l.unexpired, &l.started)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, booking.ErrBookingNotFound
	}
	if err != nil {
		return nil, err
	}
	if _, err := tx.Exec(ctx, `SELECT FROM payment WHERE booking_id = $1 FOR UPDATE`, bookingID); err != nil {
		return nil, err
	}
	l.Booking, err = readOne(ctx, tx, `WHERE b.id = $1`, bookingID)
	return l, err
}

// errRaced says that a locked row was not in the state in which it was read.
var errRaced = errors.New("bookingpg: a locked row has moved")

// move moves the booking, with its ledger row. The FROM in the WHERE is the guard
// that makes every move conditional, locked or not.
func (l *locked) move(ctx context.Context, tx pgx.Tx, to booking.State, note string) error {
	if !l.State.CanBecome(to) {
		return fmt.Errorf("bookingpg: booking %s cannot move from %s to %s", l.ID, l.State, to)
	}
	const q = `
		WITH moved AS (
			UPDATE booking SET state = $3, version = version + 1, updated_at = now(),
				confirmed_at = CASE WHEN $3 = 'confirmed' THEN now() ELSE confirmed_at END
			WHERE id = $1 AND state = $2 RETURNING version, confirmed_at),
		entry AS (
			INSERT INTO ledger (booking_id, entry, from_state, to_state, note)
			SELECT $1, 'booking', $2, $3, $4 FROM moved)
		SELECT version, coalesce(confirmed_at, 'epoch') FROM moved`
	var confirmedAt time.Time
	err := tx.QueryRow(ctx, q, l.ID, string(l.State), string(to), note).Scan(&l.Version, &confirmedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return errRaced
	}
	if err != nil {
		return err
	}
	l.State = to
	if to == booking.Confirmed {
		l.ConfirmedAt = confirmedAt
	}
	return nil
}

// movePayment moves the payment, ends its lease and its checks, and adds amount to
// its balance, with the ledger row of both.
func (l *locked) movePayment(ctx context.Context, tx pgx.Tx, to booking.PaymentState, amount money.KRW, note string) error {
	p := &l.Payment
	if !p.State.CanBecome(to) {
		return fmt.Errorf("bookingpg: payment %s cannot move from %s to %s", p.ID, p.State, to)
	}
	const q = `
		WITH moved AS (
			UPDATE payment SET state = $3, balance = balance + $4, version = version + 1, updated_at = now(),
				lease_until = NULL, next_check_at = NULL, checks = 0
			WHERE id = $1 AND state = $2 RETURNING balance),
		entry AS (
			INSERT INTO ledger (booking_id, payment_id, entry, from_state, to_state, amount, note)
			SELECT $5, $1, 'payment', $2, $3, $4, $6 FROM moved)
		SELECT balance FROM moved`
	var balance int64
	err := tx.QueryRow(ctx, q, p.ID, string(p.State), string(to), int64(amount), l.ID, note).Scan(&balance)
	if errors.Is(err, pgx.ErrNoRows) {
		return errRaced
	}
	if err != nil {
		return err
	}
	p.State, p.Balance = to, money.KRW(balance)
	return nil
}

// bookMoney adds amount to the payment's balance without moving its state.
func (l *locked) bookMoney(ctx context.Context, tx pgx.Tx, e entry) error {
	const q = `UPDATE payment SET balance = balance + $2, updated_at = now() WHERE id = $1 RETURNING balance`
	var balance int64
	if err := tx.QueryRow(ctx, q, l.Payment.ID, int64(e.amount)).Scan(&balance); err != nil {
		return err
	}
	l.Payment.Balance = money.KRW(balance)
	e.bookingID, e.paymentID = l.ID, l.Payment.ID
	return e.write(ctx, tx)
}

// entry is a ledger row.
type entry struct {
	bookingID, paymentID, refundID string
	name, from, to, note           string
	amount                         money.KRW
}

func (e entry) write(ctx context.Context, tx pgx.Tx) error {
	const q = `
		INSERT INTO ledger (booking_id, payment_id, refund_id, entry, from_state, to_state, amount, note)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`
	_, err := tx.Exec(ctx, q, e.bookingID, e.paymentID, e.refundID, e.name, e.from, e.to, int64(e.amount), e.note)
	return err
}

// Note implements booking.Payments.
func (s *Store) Note(ctx context.Context, b booking.Booking, name, note string) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		return entry{bookingID: b.ID, paymentID: b.Payment.ID, name: name, note: note}.write(ctx, tx)
	})
}

// emit stores an event that carries the booking as it stands.
func emit(ctx context.Context, tx pgx.Tx, typ string, b booking.Booking, refunded money.KRW) error {
	data := b.Event()
	data.RefundAmount = refunded
	envelope, err := event.New(typ, b.ID, b.Version, time.Now().UTC(), b.RequestID, data)
	if err != nil {
		return err
	}
	return outbox.Insert(ctx, tx, envelope)
}
