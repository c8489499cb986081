package bookingpg

import (
	"context"
	"time"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/event"
	"github.com/fairgate/fairgate/shared/ident"
	"github.com/fairgate/fairgate/shared/platform/postgres"
)

// settledForever is the end of what does not lapse.
var settledForever time.Time

func now() time.Time { return time.Now().UTC() }

// Capture implements booking.Payments.
func (s *Store) Capture(ctx context.Context, charge booking.Charge, paid booking.ProviderPayment, key *booking.TicketKey) (booking.Settlement, error) {
	settled, err := s.capture(ctx, charge, paid, key, true)
	if postgres.IsUniqueViolation(err, "booking_seat_sold_once") {
		// The backstop: the claims were wrong. The money goes back.
		settled, err = s.capture(ctx, charge, paid, key, false)
	}
	return settled, err
}

func (s *Store) capture(ctx context.Context, charge booking.Charge, paid booking.ProviderPayment, key *booking.TicketKey, keep bool) (booking.Settlement, error) {
	var settled booking.Settlement
	err := s.inTx(ctx, func(tx *work) error {
		settled = booking.Settlement{}
		l, err := lockForCapture(ctx, tx, charge)
		if err != nil {
			return err
		}
		if captured(l.Payment.State) {
			settled.Booking = l.Booking
			if l.Payment.PaymentKey == charge.PaymentKey {
				l.unlease(tx)
				return nil
			}
			return l.giveBack(ctx, tx, paid, booking.RefundMismatch, "captured twice", &settled)
		}
		kept, err := l.bookCapture(ctx, tx, charge, paid, keep)
		if err != nil {
			return err
		}
		if kept {
			l.noteOverLimit(tx)
			return l.confirm(tx, key, &settled)
		}
		return l.refuseLate(ctx, tx, paid, &settled)
	})
	return settled, err
}

// lockForCapture locks a booking; one that nobody was paying any more also waits for
// its account's other bookings, to be counted with them.
func lockForCapture(ctx context.Context, tx *work, charge booking.Charge) (*locked, error) {
	if !charge.State.Pending() {
		queueLockAccount(tx, `b.id = $1`, charge.BookingID)
	}
	l := queueLock(tx, beforeSale, `b.id = $1`, charge.BookingID)
	err := tx.Flush(ctx)
	if err == nil && captured(l.Payment.State) {
		l.Booking, err = readOne(ctx, tx, `WHERE b.id = $1`, charge.BookingID)
	}
	return l, err
}

// noteOverLimit records that a booking which had expired is kept although its account
// has bought as much as it may meanwhile: captured money is not refused for a limit.
func (l *locked) noteOverLimit(tx *work) {
	if l.State != booking.Expired {
		return
	}
	const q = `
		INSERT INTO ledger (booking_id, payment_id, entry, note)
		SELECT b.id, $2, 'over_limit', format('%s seats besides its own, limit %s', live.seats, b.seat_limit)
		FROM booking b, LATERAL (
			SELECT coalesce(sum(o.seat_count), 0) AS seats FROM booking o
			WHERE o.account_id = b.account_id AND o.sale_id = b.sale_id AND o.id <> b.id
			  AND (o.state IN ('paying', 'confirmed') OR (o.state = 'pending_payment' AND o.expires_at > clock_timestamp()))) live
		WHERE b.id = $1 AND live.seats + b.seat_count > b.seat_limit`
	tx.Queue(q, l.ID, l.Payment.ID)
}

// captured reports whether a payment's capture has been booked before.
func captured(state booking.PaymentState) bool {
	return state == booking.PaymentDone || state == booking.PaymentPartiallyCancelled || state == booking.PaymentCancelled
}

// bookCapture stores that the provider has the money. If it is to be kept, it makes
// the seats the booking's own for good (those it pinned, or the same ones if they are
// free) and reports whether it got them all.
func (l *locked) bookCapture(ctx context.Context, tx *work, charge booking.Charge, paid booking.ProviderPayment, keep bool) (kept bool, err error) {
	const capture = `lease_until = NULL, payment_key = $8, method = $9, receipt_url = $10, approved_at = $11,
		failure_code = '', failure_message = '', next_check_at = CASE WHEN $12 THEN now() END`
	expected := l.Payment.State.Pending() && l.Payment.PaymentKey == charge.PaymentKey
	err = l.movePaymentAlso(tx, booking.PaymentDone, paid.Total, "", capture,
		charge.PaymentKey, paid.Method, paid.ReceiptURL, orNull(paid.ApprovedAt), len(paid.Cancels) > 0)
	if err != nil {
		return false, err
	}
	if expected {
		tx.Queue(`UPDATE payment_attempt SET state = 'done', n = $2, updated_at = now() WHERE payment_key = $1 AND payment_id = $3`,
			charge.PaymentKey, charge.N, l.Payment.ID)
	} else {
		l.attemptUnexpected(tx, charge)
	}
	p := &l.Payment
	p.PaymentKey, p.Method, p.ReceiptURL, p.ApprovedAt = charge.PaymentKey, paid.Method, paid.ReceiptURL, paid.ApprovedAt
	p.FailureCode, p.FailureMessage = "", ""
	if !keep || l.State == booking.Cancelled {
		return false, nil
	}
	return retake(ctx, tx, l.Booking, "sold")
}

// attemptUnexpected stores by which payment key money came that nobody expected any
// more: it may be another than the one that is being tried now; the provider captures
// one per order.
func (l *locked) attemptUnexpected(tx *work, charge booking.Charge) {
	tx.Queue(`
		UPDATE payment_attempt SET state = 'declined', updated_at = now()
		WHERE payment_id = $1 AND payment_key <> $2 AND state IN ('confirming', 'unknown')`, l.Payment.ID, charge.PaymentKey)
	// The payment's row is locked: nobody else writes attempts of it.
	tx.Queue(`
		WITH known AS (
			UPDATE payment_attempt SET state = 'done', n = $3, updated_at = now()
			WHERE payment_key = $1 AND payment_id = $2 RETURNING 1)
		INSERT INTO payment_attempt (payment_key, payment_id, state, n)
		SELECT $1, $2, 'done', $3 WHERE NOT EXISTS (SELECT FROM known)`,
		charge.PaymentKey, l.Payment.ID, max(charge.N, 1))
}

func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// confirm makes a booking whose money is here and whose claims are its own a
// confirmed one.
func (l *locked) confirm(tx *work, key *booking.TicketKey, settled *booking.Settlement) error {
	if err := l.move(tx, booking.Confirmed, ""); err != nil {
		return err
	}
	l.setSeats(tx, "sold")
	if key != nil {
		l.issueTickets(tx, key)
	} else if err := l.emit(tx, event.TypeTicketsRequested, 0); err != nil {
		return err
	}
	l.spendSession(tx)
	settled.Moved, settled.Booking = true, l.Booking
	settled.Seats = changesOf(l.Booking, l.SeatNumbers(), booking.Sold, settledForever)
	return l.emit(tx, event.TypeBookingConfirmed, 0)
}

// spendSession remembers that the session in the line has been used up.
func (l *locked) spendSession(tx *work) {
	if l.Session == nil {
		return
	}
	const q = `
		INSERT INTO spent_session (sale_id, epoch, n, booking_id) VALUES ($1, $2, $3, $4)
		ON CONFLICT (sale_id, epoch, n) DO NOTHING`
	tx.Queue(q, l.Session.SaleID, int64(l.Session.Epoch), int64(l.Session.N), l.ID)
}

// refuseLate sends money back that came for a booking which cannot be kept.
func (l *locked) refuseLate(ctx context.Context, tx *work, paid booking.ProviderPayment, settled *booking.Settlement) error {
	settled.Moved, settled.Booking = true, l.Booking
	if !l.State.Final() {
		if err := l.move(tx, booking.Expired, "paid for seats that were lost"); err != nil {
			return err
		}
		if err := l.emit(tx, event.TypeBookingExpired, 0); err != nil {
			return err
		}
	}
	if err := l.release(ctx, tx, "released", settled); err != nil {
		return err
	}
	return l.requestRefund(ctx, tx, booking.Refund{
		Kind: booking.RefundLate, Amount: paid.Total, PaymentKey: paid.PaymentKey, Reason: "The booking could not be kept.",
	})
}

// requestRefund stores a refund to be sent. The unique index on refunds in flight
// refuses a second one; the caller's work is then tried again later.
func (l *locked) requestRefund(ctx context.Context, tx *work, r booking.Refund) error {
	r.ID, r.PaymentID, r.BookingID, r.State = ident.New("rfd"), l.Payment.ID, l.ID, booking.RefundRequested
	const q = `
		INSERT INTO refund (id, payment_id, booking_id, payment_key, kind, amount, reason, state, next_check_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 'requested', now()) RETURNING requested_at`
	err := tx.QueryRow(ctx, q, r.ID, r.PaymentID, r.BookingID, r.PaymentKey, string(r.Kind), int64(r.Amount), r.Reason).Scan(&r.RequestedAt)
	if err != nil {
		return err
	}
	l.Refunds = append(l.Refunds, r)
	entry{
		bookingID: l.ID, paymentID: l.Payment.ID, refundID: r.ID, name: "refund", to: string(r.State), note: string(r.Kind),
	}.write(tx)
	return nil
}

// giveBack books money that is not this payment's and requests that it goes back, once.
func (l *locked) giveBack(ctx context.Context, tx *work, paid booking.ProviderPayment, kind booking.RefundKind, note string, settled *booking.Settlement) error {
	if paid.Balance == 0 {
		return nil
	}
	for _, r := range l.Refunds {
		if r.PaymentKey == paid.PaymentKey && r.Kind == kind {
			return nil
		}
	}
	settled.Moved, settled.Booking = true, l.Booking
	if err := l.bookMoney(ctx, tx, entry{name: "foreign_capture", amount: paid.Balance, note: note}); err != nil {
		return err
	}
	return l.requestRefund(ctx, tx, booking.Refund{Kind: kind, Amount: paid.Balance, PaymentKey: paid.PaymentKey, Reason: note})
}

// unlease gives the lease back when there is nothing to do.
func (l *locked) unlease(tx *work) {
	tx.Queue(`UPDATE payment SET lease_until = NULL, next_check_at = `+hinted+` WHERE id = $1`, l.Payment.ID)
}

// Return implements booking.Payments.
func (s *Store) Return(ctx context.Context, charge booking.Charge, paid booking.ProviderPayment, failure booking.Failure) (booking.Settlement, error) {
	var settled booking.Settlement
	err := s.inTx(ctx, func(tx *work) error {
		settled = booking.Settlement{}
		l, err := lock(ctx, tx, charge.BookingID)
		if err != nil {
			return err
		}
		settled.Booking = l.Booking
		if err := l.giveBack(ctx, tx, paid, booking.RefundMismatch, failure.Message, &settled); err != nil {
			return err
		}
		if !l.Payment.State.Pending() || l.Payment.PaymentKey != charge.PaymentKey {
			l.unlease(tx)
			return nil
		}
		return l.decline(ctx, tx, failure, &settled)
	})
	return settled, err
}

// Decline implements booking.Payments.
func (s *Store) Decline(ctx context.Context, charge booking.Charge, failure booking.Failure) (booking.Settlement, error) {
	var settled booking.Settlement
	err := s.inTx(ctx, func(tx *work) error {
		settled = booking.Settlement{}
		l, err := lock(ctx, tx, charge.BookingID)
		if err != nil {
			return err
		}
		settled.Booking = l.Booking
		if !l.Payment.State.Pending() || l.Payment.PaymentKey != charge.PaymentKey {
			return nil // settled before
		}
		return l.decline(ctx, tx, failure, &settled)
	})
	return settled, err
}

func (l *locked) decline(ctx context.Context, tx *work, failure booking.Failure, settled *booking.Settlement) error {
	tx.Queue(`UPDATE payment_attempt SET state = 'declined', updated_at = now() WHERE payment_key = $1 AND payment_id = $2`, l.Payment.PaymentKey, l.Payment.ID)
	tx.Queue(`UPDATE payment SET failure_code = $2, failure_message = $3 WHERE id = $1`, l.Payment.ID, failure.Code, failure.Message)
	l.Payment.FailureCode, l.Payment.FailureMessage = failure.Code, failure.Message
	if !l.payable {
		return l.expire(ctx, tx, booking.PaymentFailed, failure.Code, settled)
	}
	if err := l.move(tx, booking.PendingPayment, failure.Code); err != nil {
		return err
	}
	if err := l.movePayment(tx, booking.PaymentReady, 0, failure.Code); err != nil {
		return err
	}
	tx.Queue(`UPDATE seat_claim SET until = $2 WHERE booking_id = $1`, l.ID, l.ExpiresAt)
	settled.Moved, settled.Booking = true, l.Booking
	settled.Seats = changesOf(l.Booking, l.SeatNumbers(), booking.Held, l.ExpiresAt)
	return nil
}
