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
	l, batch := &locked{}, &pgx.Batch{}
	l.queueLock(batch, bookingID)
	return l, tx.SendBatch(ctx, batch).Close()
}

// queueLock queues the statements of lock. They stay three: each sees what others
// committed while the one before it waited.
func (l *locked) queueLock(batch *pgx.Batch, bookingID string) {
	const deadlines = `
		SELECT pay_before > now(), expires_at > clock_timestamp(), starts_at <= now()
		FROM booking WHERE id = $1 FOR UPDATE`
	batch.Queue(deadlines, bookingID).QueryRow(func(row pgx.Row) error {
		err := row.Scan(&l.payable, &l.unexpired, &l.started)
		if errors.Is(err, pgx.ErrNoRows) {
			return booking.ErrBookingNotFound
		}
		return err
	})
	batch.Queue(`SELECT FROM payment WHERE booking_id = $1 FOR UPDATE`, bookingID)
	batch.Queue(`SELECT`+columns+tables+`WHERE b.id = $1`, bookingID).Query(func(rows pgx.Rows) (err error) {
		l.Booking, err = pgx.CollectExactlyOneRow(rows, scanBooking)
		return err
	})
}

// errRaced says that a locked row was not in the state in which it was read.
var errRaced = errors.New("bookingpg: a locked row has moved")

// move moves the booking, with its ledger row.
func (l *locked) move(ctx context.Context, tx pgx.Tx, to booking.State, note string) error {
	batch := &pgx.Batch{}
	if err := l.queueMove(batch, to, note); err != nil {
		return err
	}
	return tx.SendBatch(ctx, batch).Close()
}

// queueMove queues a move. The FROM in the WHERE is the guard that makes every move
// conditional, locked or not; because the row is locked, l is already as it will be.
func (l *locked) queueMove(batch *pgx.Batch, to booking.State, note string) error {
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
	l.Version++
	expected := l.Version
	batch.Queue(q, l.ID, string(l.State), string(to), note).QueryRow(func(row pgx.Row) error {
		var version int64
		var confirmedAt time.Time
		err := row.Scan(&version, &confirmedAt)
		if errors.Is(err, pgx.ErrNoRows) || err == nil && version != expected {
			return errRaced
		}
		if to == booking.Confirmed {
			l.ConfirmedAt = confirmedAt
		}
		return err
	})
	l.State = to
	return nil
}

// movePayment moves the payment, ends its lease and its checks, and adds amount to
// its balance, with the ledger row of both.
func (l *locked) movePayment(ctx context.Context, tx pgx.Tx, to booking.PaymentState, amount money.KRW, note string) error {
	batch := &pgx.Batch{}
	if err := l.queuePayment(batch, to, amount, note, ""); err != nil {
		return err
	}
	return tx.SendBatch(ctx, batch).Close()
}

// queuePayment queues a move of the payment. also is more of the SET clause, whose
// arguments begin at $7: one UPDATE of a row costs half of two.
func (l *locked) queuePayment(batch *pgx.Batch, to booking.PaymentState, amount money.KRW, note, also string, args ...any) error {
	p := &l.Payment
	if !p.State.CanBecome(to) {
		return fmt.Errorf("bookingpg: payment %s cannot move from %s to %s", p.ID, p.State, to)
	}
	set := `next_check_at = NULL`
	if also != "" {
		set = also
	}
	q := `
		WITH moved AS (
			UPDATE payment SET state = $3, balance = balance + $4, version = version + 1, updated_at = now(),
				lease_until = NULL, checks = 0, ` + set + `
			WHERE id = $1 AND state = $2 RETURNING balance),
		entry AS (
			INSERT INTO ledger (booking_id, payment_id, entry, from_state, to_state, amount, note)
			SELECT $5, $1, 'payment', $2, $3, $4, $6 FROM moved)
		SELECT balance FROM moved`
	all := append([]any{p.ID, string(p.State), string(to), int64(amount), l.ID, note}, args...)
	p.State, p.Balance = to, p.Balance+amount
	expected := int64(p.Balance)
	batch.Queue(q, all...).QueryRow(func(row pgx.Row) error {
		var balance int64
		err := row.Scan(&balance)
		if errors.Is(err, pgx.ErrNoRows) || err == nil && balance != expected {
			return errRaced
		}
		return err
	})
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
	batch := &pgx.Batch{}
	if err := queueEvent(batch, typ, b, refunded); err != nil {
		return err
	}
	return tx.SendBatch(ctx, batch).Close()
}

// queueEvent queues an event that carries the booking as it stands.
func queueEvent(batch *pgx.Batch, typ string, b booking.Booking, refunded money.KRW) error {
	data := b.Event()
	data.RefundAmount = refunded
	envelope, err := event.New(typ, b.ID, b.Version, now(), b.RequestID, data)
	if err != nil {
		return err
	}
	return outbox.Queue(batch, envelope)
}
