package bookingpg

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/event"
	"github.com/fairgate/fairgate/shared/money"
)

// columns are a booking with its payment and, as JSON, all that belongs to it.
const columns = core + refunds + tickets

// beforeSale are columns without what a booking gets later: they cost half.
const beforeSale = core + `NULL::json, NULL::json`

const core = `
	b.id, b.order_id, b.account_id, b.email, b.name, b.locale, b.sale_id, b.performance_id,
	b.performance_title, b.venue_name, b.showtime_id, b.starts_at, b.price, b.discount, b.amount,
	b.state, b.cancel_reason, b.session_epoch, b.session_n, b.pay_before, b.expires_at, b.created_at,
	b.confirmed_at, b.version, b.request_id,
	p.id, p.order_id, p.provider, p.amount, p.balance, p.state, p.payment_key, p.method, p.receipt_url,
	p.failure_code, p.failure_message, p.approved_at,
	(SELECT json_agg(json_build_object('No', s.seat, 'Grade', s.grade, 'Price', s.price, 'Discount', s.discount) ORDER BY s.seat)
	 FROM booking_seat s WHERE s.booking_id = b.id), `

const refunds = `
	(SELECT json_agg(json_build_object('ID', r.id, 'PaymentID', r.payment_id, 'BookingID', r.booking_id,
		'PaymentKey', r.payment_key, 'Kind', r.kind, 'Amount', r.amount, 'Reason', r.reason, 'State', r.state,
		'TransactionKey', coalesce(r.transaction_key, ''), 'FailureCode', r.failure_code,
		'RequestedAt', r.requested_at, 'DoneAt', r.done_at) ORDER BY r.requested_at, r.id)
	 FROM refund r WHERE r.booking_id = b.id), `

const tickets = `
	(SELECT json_agg(json_build_object('ID', t.id, 'BookingID', t.booking_id, 'ShowtimeID', t.showtime_id, 'Seat', t.seat,
		'Code', t.code, 'Void', t.state = 'void', 'IssuedAt', t.issued_at) ORDER BY t.seat COLLATE "C")
	 FROM ticket t WHERE t.booking_id = b.id)`

const tables = ` FROM booking b JOIN payment p ON p.booking_id = b.id `

func scanBooking(row pgx.CollectableRow) (booking.Booking, error) {
	var b booking.Booking
	p := &b.Payment
	var epoch, n *int64
	var confirmedAt, approvedAt *time.Time
	var price, discount, amount, toPay, balance int64
	err := row.Scan(
		&b.ID, &b.OrderID, &b.AccountID, &b.Contact.Email, &b.Contact.Name, &b.Contact.Locale, &b.SaleID, &b.PerformanceID,
		&b.PerformanceTitle, &b.VenueName, &b.ShowtimeID, &b.StartsAt, &price, &discount, &amount,
		&b.State, &b.CancelReason, &epoch, &n, &b.PayBefore, &b.ExpiresAt, &b.CreatedAt,
		&confirmedAt, &b.Version, &b.RequestID,
		&p.ID, &p.OrderID, &p.Provider, &toPay, &balance, &p.State, &p.PaymentKey, &p.Method, &p.ReceiptURL,
		&p.FailureCode, &p.FailureMessage, &approvedAt,
		&b.Seats, &b.Refunds, &b.Tickets,
	)
	if err != nil {
		return booking.Booking{}, err
	}
	b.Price, b.Discount, b.Amount = money.KRW(price), money.KRW(discount), money.KRW(amount)
	p.Amount, p.Balance, p.BookingID = money.KRW(toPay), money.KRW(balance), b.ID
	if confirmedAt != nil {
		b.ConfirmedAt = *confirmedAt
	}
	if approvedAt != nil {
		p.ApprovedAt = *approvedAt
	}
	if epoch != nil && n != nil {
		b.Session = &event.Session{SaleID: b.SaleID, Epoch: uint32(*epoch), N: uint64(*n)}
	}
	return b, nil
}

func readOne(ctx context.Context, db querier, where string, arg any) (booking.Booking, error) {
	rows, err := db.Query(ctx, `SELECT`+columns+tables+where, arg)
	if err != nil {
		return booking.Booking{}, err
	}
	b, err := pgx.CollectExactlyOneRow(rows, scanBooking)
	if errors.Is(err, pgx.ErrNoRows) {
		return booking.Booking{}, booking.ErrBookingNotFound
	}
	return b, err
}

// ByID implements booking.Bookings.
func (s *Store) ByID(ctx context.Context, id string) (booking.Booking, error) {
	return readOne(ctx, s.db(ctx), `WHERE b.id = $1`, id)
}

// ByOrder implements booking.Bookings.
func (s *Store) ByOrder(ctx context.Context, orderID string) (booking.Booking, error) {
	return readOne(ctx, s.db(ctx), `WHERE b.order_id = $1`, orderID)
}

// ByPayment implements booking.Bookings.
func (s *Store) ByPayment(ctx context.Context, paymentID string) (booking.Booking, error) {
	return readOne(ctx, s.db(ctx), `WHERE p.id = $1`, paymentID)
}

// List implements booking.Bookings.
func (s *Store) List(ctx context.Context, page booking.Page) ([]booking.Booking, error) {
	const where = `
		WHERE b.account_id = $1 AND ($2 = '' OR b.id < $2)
		  AND ($3 = '' OR b.state = $3 OR ($3 = 'pending_payment' AND b.state = 'paying'))
		ORDER BY b.id DESC LIMIT $4`
	rows, err := s.db(ctx).Query(ctx, `SELECT`+columns+tables+where, page.AccountID, page.Cursor, string(page.State), page.Limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanBooking)
}

// Outcome implements booking.Payments.
func (s *Store) Outcome(ctx context.Context, paymentID string) (booking.Confirmation, error) {
	const q = `
		SELECT b.id, b.state, p.id, p.state, p.failure_code, p.failure_message
		FROM payment p JOIN booking b ON b.id = p.booking_id WHERE p.id = $1`
	var b booking.Booking
	p := &b.Payment
	err := s.db(ctx).QueryRow(ctx, q, paymentID).Scan(&b.ID, &b.State, &p.ID, &p.State, &p.FailureCode, &p.FailureMessage)
	if errors.Is(err, pgx.ErrNoRows) {
		return booking.Confirmation{}, booking.ErrBookingNotFound
	}
	return booking.ConfirmationOf(b), err
}

// IsSpent implements booking.SpentSessions.
func (s *Store) IsSpent(ctx context.Context, session event.Session) (bool, error) {
	const q = `SELECT EXISTS (SELECT FROM spent_session WHERE sale_id = $1 AND epoch = $2 AND n = $3)`
	var spent bool
	err := s.db(ctx).QueryRow(ctx, q, session.SaleID, int64(session.Epoch), int64(session.N)).Scan(&spent)
	return spent, err
}

// BindSession implements booking.SpentSessions.
func (s *Store) BindSession(ctx context.Context, session event.Session, accountID string) (bool, error) {
	var owner string
	err := s.db(ctx).QueryRow(ctx, ownSession, session.SaleID, int64(session.Epoch), int64(session.N), accountID).Scan(&owner)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}
