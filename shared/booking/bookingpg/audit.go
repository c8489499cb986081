package bookingpg

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fairgate/fairgate/shared/platform/audit"
)

// change is a row of the ledger as the audit log tells it. It has no name, no address
// and nothing that a fan has typed.
type change struct {
	ID        int64     `json:"id,string"` // of the ledger; a second line with it says the same; text, as shippers want it
	Kind      string    `json:"kind"`
	At        time.Time `json:"at"`
	Actor     string    `json:"actor"`      // "account:acc-…", "queue:…", "job:…"
	AccountID string    `json:"account_id"` // whose booking it is
	BookingID string    `json:"booking_id"`
	PaymentID string    `json:"payment_id,omitempty"`
	RefundID  string    `json:"refund_id,omitempty"`
	Change    string    `json:"change"` // booking, payment, refund: a move; else what happened
	From      string    `json:"from,omitempty"`
	To        string    `json:"to,omitempty"`
	Amount    int64     `json:"amount"` // what it adds to the payment's balance, KRW
	Price     int64     `json:"price"`  // what the booking costs, KRW
	Note      string    `json:"note,omitempty"`
	RequestID string    `json:"request_id,omitempty"`
}

// kindOf sorts the ledger's entries into the audit log's files.
func kindOf(entry string) string {
	if entry == "booking" {
		return "booking"
	}
	return "payment" // moves of payments and refunds, and money that came unasked
}

// unnamed made changes outside of any request, message or job.
const unnamed = "system"

// Audit reads changes of bookings and money; it is an audit.Source.
func Audit(ctx context.Context, tx pgx.Tx, after audit.Position, limit int) ([]audit.Line, error) {
	const q = `
		SELECT l.tx::text, l.id, l.at, l.actor, coalesce(b.account_id, ''), l.booking_id, l.payment_id, l.refund_id,
			l.entry, l.from_state, l.to_state, l.amount, coalesce(b.amount, 0), l.note, l.request_id
		FROM (
			SELECT tx, id, at, actor, booking_id, payment_id, refund_id, entry, from_state, to_state, amount, note, request_id
			FROM ledger
			WHERE (tx, id) > ($1::text::xid8, $2) AND tx < pg_snapshot_xmin(pg_current_snapshot())
			ORDER BY tx, id LIMIT $3) l
		LEFT JOIN LATERAL (SELECT account_id, amount FROM booking WHERE id = l.booking_id OFFSET 0) b ON true
		ORDER BY l.tx, l.id`
	rows, err := tx.Query(ctx, q, strconv.FormatUint(after.Tx, 10), after.ID, limit)
	if err != nil {
		return nil, fmt.Errorf("bookingpg: audit: %w", err)
	}
	lines, err := pgx.CollectRows(rows, scanChange)
	if err != nil {
		return nil, fmt.Errorf("bookingpg: audit: %w", err)
	}
	return lines, nil
}

// LastAudit returns the position of the last change; it is an audit.Last.
func LastAudit(ctx context.Context, tx pgx.Tx) (at audit.Position, err error) {
	const q = `SELECT tx::text, id FROM ledger ORDER BY ledger.tx DESC, id DESC LIMIT 1`
	var transaction string
	err = tx.QueryRow(ctx, q).Scan(&transaction, &at.ID)
	if errors.Is(err, pgx.ErrNoRows) {
		return audit.Position{}, nil
	}
	if err == nil {
		at.Tx, err = strconv.ParseUint(transaction, 10, 64)
	}
	if err != nil {
		return audit.Position{}, fmt.Errorf("bookingpg: audit: %w", err)
	}
	return at, nil
}

func scanChange(row pgx.CollectableRow) (audit.Line, error) {
	var c change
	var transaction string
	err := row.Scan(&transaction, &c.ID, &c.At, &c.Actor, &c.AccountID, &c.BookingID, &c.PaymentID, &c.RefundID,
		&c.Change, &c.From, &c.To, &c.Amount, &c.Price, &c.Note, &c.RequestID)
	if err != nil {
		return audit.Line{}, err
	}
	if c.Actor == "" {
		c.Actor = unnamed
	}
	c.At = c.At.UTC()
	c.Kind = kindOf(c.Change)
	line := audit.Line{Kind: c.Kind, At: c.At}
	if line.Tx, err = strconv.ParseUint(transaction, 10, 64); err != nil {
		return audit.Line{}, err
	}
	line.ID = c.ID
	line.Text, err = json.Marshal(c)
	return line, err
}
