// Package event names what happened, for whoever wants to know.
//
// Events are few and fat: one message carries all that its consumers need, so
// that none of them has to ask back. They are stored in the outbox by the
// transaction that made them true.
package event

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/fairgate/fairgate/shared/ident"
	"github.com/fairgate/fairgate/shared/money"
)

// The types of events; each is also the routing key.
const (
	TypePaymentConfirmRequested = "payment.confirm_requested"
	TypeBookingCreated          = "booking.created"
	TypeBookingConfirmed        = "booking.confirmed"
	TypeBookingCancelled        = "booking.cancelled"
	TypeBookingExpired          = "booking.expired"
	TypePaymentRefunded         = "payment.refunded"
	TypeTicketsRequested        = "ticket.requested"
	TypeSaleChanged             = "sale.changed"
	TypeCatalogueChanged        = "catalogue.changed"
	TypeAccountDeleted          = "account.deleted"
)

// Envelope is one event on its way. There is no global order: consumers ignore
// an event whose Version is not newer than what they hold for the Entity.
type Envelope struct {
	ID         string          `json:"id"`   // unique; the message id
	Type       string          `json:"type"` // routing key
	Entity     string          `json:"entity"`
	Version    int64           `json:"version"` // grows with each change of the entity
	OccurredAt time.Time       `json:"occurred_at"`
	RequestID  string          `json:"request_id,omitempty"`
	Data       json.RawMessage `json:"data"`
}

// New wraps data, which must be one of this package's payloads.
func New(typ, entity string, version int64, at time.Time, requestID string, data any) (Envelope, error) {
	raw, err := json.Marshal(data)
	if err != nil {
		return Envelope{}, fmt.Errorf("event %s: %w", typ, err)
	}
	return Envelope{
		ID: ident.New("evt"), Type: typ, Entity: entity, Version: version,
		OccurredAt: at, RequestID: requestID, Data: raw,
	}, nil
}

// PaymentConfirmRequested asks the worker to capture a payment.
type PaymentConfirmRequested struct {
	PaymentID  string    `json:"payment_id"`
	BookingID  string    `json:"booking_id"`
	OrderID    string    `json:"order_id"`
	PaymentKey string    `json:"payment_key"`
	Amount     money.KRW `json:"amount"`
}

// Session is the booking session in a line that a booking came from.
type Session struct {
	SaleID string `json:"sale_id"`
	Epoch  uint32 `json:"epoch"`
	N      uint64 `json:"n"`
}

// Seat is one booked seat as a fan reads it.
type Seat struct {
	No    string    `json:"no"` // "1F-A-12"
	Grade string    `json:"grade"`
	Price money.KRW `json:"price"`
}

// Booking is the whole of a booking; the data of all booking.* events.
type Booking struct {
	ID               string    `json:"id"`
	OrderID          string    `json:"order_id"`
	State            string    `json:"state"`
	AccountID        string    `json:"account_id"`
	Email            string    `json:"email"`
	Name             string    `json:"name"`
	Locale           string    `json:"locale"` // "ko" or "en"
	SaleID           string    `json:"sale_id"`
	PerformanceID    string    `json:"performance_id"`
	PerformanceTitle string    `json:"performance_title"`
	VenueName        string    `json:"venue_name"`
	ShowtimeID       string    `json:"showtime_id"`
	StartsAt         time.Time `json:"starts_at"`
	Seats            []Seat    `json:"seats"`
	Amount           money.KRW `json:"amount"`
	PayBefore        time.Time `json:"pay_before"`
	Session          *Session  `json:"session,omitempty"` // nil when the sale is not queued
	TicketIDs        []string  `json:"ticket_ids,omitempty"`
	RefundAmount     money.KRW `json:"refund_amount,omitempty"`
	Reason           string    `json:"reason,omitempty"`
}

// AccountDeleted says that an account was erased: whoever knows it by its id forgets
// what names the person.
type AccountDeleted struct {
	AccountID string `json:"account_id"`
}

// SaleChanged says that a sale opened, closed, sold out or changed its dates.
type SaleChanged struct {
	SaleID string `json:"sale_id"`
	State  string `json:"state"` // scheduled, open, sold_out, closed
}

// CatalogueChanged says that something in the catalogue is new, changed or gone.
type CatalogueChanged struct {
	Kind    string `json:"kind"` // venue, hall, performer, performance, showtime
	ID      string `json:"id"`
	Deleted bool   `json:"deleted,omitempty"`
}
