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
	"github.com/fairgate/fairgate/shared/platform/postgres"
)

// locked is a booking whose row, and whose payment's row, this transaction holds.
type locked struct {
	booking.Booking
	payable   bool // pay_before has not passed
	unexpired bool // expires_at has not passed, by the clock on the wall
	started   bool // the show has begun
	now       time.Time
}

// lock takes the rows of a booking and its payment, then reads them.
func lock(ctx context.Context, tx *work, bookingID string) (*locked, error) {
	l := queueLock(tx, columns, `b.id = $1`, bookingID)
	return l, tx.Flush(ctx)
}

// queueLock queues to lock the one booking that matches, then its payment, and to read
// what of both in a statement of its own, which sees what others committed while the
// one before it waited.
func queueLock(tx *work, what, where string, args ...any) *locked {
	l := &locked{}
	const rows = `
		SELECT b.pay_before > now(), b.expires_at > clock_timestamp(), b.starts_at <= now(), now()
		FROM booking b JOIN payment p ON p.booking_id = b.id WHERE `
	tx.Queue(rows+where+` FOR UPDATE OF b, p`, args...).QueryRow(func(row pgx.Row) error {
		err := row.Scan(&l.payable, &l.unexpired, &l.started, &l.now)
		if errors.Is(err, pgx.ErrNoRows) {
			return booking.ErrBookingNotFound
		}
		return err
	})
	tx.Queue(`SELECT`+what+tables+`WHERE `+where, args...).Query(func(rows pgx.Rows) (err error) {
		l.Booking, err = pgx.CollectExactlyOneRow(rows, scanBooking)
		return err
	})
	return l
}

// errRaced says that a locked row was not in the state in which it was read.
var errRaced = errors.New("bookingpg: a locked row has moved")

// move moves the booking, with its ledger row. The FROM in the WHERE is the guard that
// makes every move conditional, locked or not; because the row is locked, l is already
// as it will be.
func (l *locked) move(tx *work, to booking.State, note string) error {
	if !l.State.CanBecome(to) {
		return fmt.Errorf("bookingpg: booking %s cannot move from %s to %s", l.ID, l.State, to)
	}
	const q = `
		WITH moved AS (
			UPDATE booking SET state = $3, version = version + 1, updated_at = now(),
				confirmed_at = CASE WHEN $3 = 'confirmed' THEN now() ELSE confirmed_at END
			WHERE id = $1 AND state = $2 AND version = $5 RETURNING 1),
		entry AS (
			INSERT INTO ledger (booking_id, entry, from_state, to_state, note)
			SELECT $1, 'booking', $2, $3, $4 FROM moved)
		SELECT `
	tx.demand(errRaced, q+postgres.Must(`count(*) = 1`)+` FROM moved`, l.ID, string(l.State), string(to), note, l.Version)
	l.State, l.Version = to, l.Version+1
	if to == booking.Confirmed {
		l.ConfirmedAt = l.now
	}
	return nil
}

// movePayment moves the payment, ends its lease and its checks, and adds amount to
// its balance, with the ledger row of both. A payment that expires keeps them: a webhook
// may have asked for a look, and the money that it tells of would never be found.
func (l *locked) movePayment(tx *work, to booking.PaymentState, amount money.KRW, note string) error {
	if to == booking.PaymentExpired {
		return l.movePaymentAlso(tx, to, amount, note, `next_check_at = next_check_at`)
	}
	return l.movePaymentAlso(tx, to, amount, note, `lease_until = NULL, next_check_at = NULL`)
}

// movePaymentAlso is movePayment with more of the SET clause, whose arguments begin at
// $8: one UPDATE of a row costs half of two.
func (l *locked) movePaymentAlso(tx *work, to booking.PaymentState, amount money.KRW, note, also string, args ...any) error {
	p := &l.Payment
	if !p.State.CanBecome(to) {
		return fmt.Errorf("bookingpg: payment %s cannot move from %s to %s", p.ID, p.State, to)
	}
	q := `
		WITH moved AS (
			UPDATE payment SET state = $3, balance = balance + $4, version = version + 1, updated_at = now(), checks = 0, ` + also + `
			WHERE id = $1 AND state = $2 AND balance = $7 RETURNING 1),
		entry AS (
			INSERT INTO ledger (booking_id, payment_id, entry, from_state, to_state, amount, note)
			SELECT $5, $1, 'payment', $2, $3, $4, $6 FROM moved)
		SELECT ` + postgres.Must(`count(*) = 1`) + ` FROM moved`
	tx.demand(errRaced, q, append([]any{p.ID, string(p.State), string(to), int64(amount), l.ID, note, int64(p.Balance)}, args...)...)
	p.State, p.Balance = to, p.Balance+amount
	return nil
}

// bookMoney adds amount to the payment's balance without moving its state.
func (l *locked) bookMoney(ctx context.Context, tx *work, e entry) error {
	const q = `UPDATE payment SET balance = balance + $2, updated_at = now() WHERE id = $1 RETURNING balance`
	var balance int64
	if err := tx.QueryRow(ctx, q, l.Payment.ID, int64(e.amount)).Scan(&balance); err != nil {
		return err
	}
	l.Payment.Balance = money.KRW(balance)
	e.bookingID, e.paymentID = l.ID, l.Payment.ID
	e.write(tx)
	return nil
}

// entry is a ledger row.
type entry struct {
	bookingID, paymentID, refundID string
	name, from, to, note           string
	amount                         money.KRW
}

func (e entry) write(tx *work) {
	const q = `
		INSERT INTO ledger (booking_id, payment_id, refund_id, entry, from_state, to_state, amount, note)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`
	tx.Queue(q, e.bookingID, e.paymentID, e.refundID, e.name, e.from, e.to, int64(e.amount), e.note)
}

// emit stores an event that carries the booking as it stands.
func (l *locked) emit(tx *work, typ string, refunded money.KRW) error {
	data := l.Event()
	data.RefundAmount = refunded
	envelope, err := event.New(typ, l.ID, l.Version, now(), l.RequestID, data)
	if err != nil {
		return err
	}
	return outbox.Queue(tx.Batch(), envelope)
}
