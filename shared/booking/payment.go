package booking

import (
	"time"

	"github.com/fairgate/fairgate/shared/money"
)

// Payment is the money of one booking. It is never deleted.
type Payment struct {
	ID             string
	BookingID      string
	OrderID        string
	Provider       string    // "toss"
	Amount         money.KRW // to be paid
	Balance        money.KRW // captured and not given back; the sum of its ledger
	State          PaymentState
	PaymentKey     string // of the latest attempt
	Method         string // as the provider words it; empty until captured
	ReceiptURL     string
	FailureCode    string // why the latest attempt was refused, the provider's code
	FailureMessage string // the provider's sentence for the fan
	ApprovedAt     time.Time
}

// Public returns the state as fans see it: a refused attempt shows as failed until
// the next one, an unknown outcome as confirming.
func (p Payment) Public() PaymentState {
	switch {
	case p.State == PaymentReady && p.FailureCode != "":
		return PaymentFailed
	case p.State == PaymentUnknown:
		return PaymentConfirming
	}
	return p.State
}

// ConfirmCommand is what the fan brings back from the payment window.
type ConfirmCommand struct {
	AccountID  string
	OrderID    string
	PaymentKey string // empty for a booking of ₩0
	Amount     money.KRW
	RequestID  string
}

// Confirmation is how a payment stands now.
type Confirmation struct {
	PaymentID    string
	BookingID    string
	BookingState State        // public
	PaymentState PaymentState // public
	Failure      *Failure     // of a refused payment, else nil
}

// Final reports whether there is nothing to wait for.
func (c Confirmation) Final() bool { return c.PaymentState != PaymentConfirming }

// Failure is why a payment was refused.
type Failure struct {
	Code    string // the provider's: "REJECT_CARD_COMPANY"
	Message string // the provider's sentence for the fan
}

// ConfirmationOf reads a booking with its payment.
func ConfirmationOf(b Booking) Confirmation {
	c := Confirmation{
		PaymentID: b.Payment.ID, BookingID: b.ID,
		BookingState: b.State.Public(), PaymentState: b.Payment.Public(),
	}
	if c.PaymentState == PaymentFailed {
		c.Failure = &Failure{Code: b.Payment.FailureCode, Message: b.Payment.FailureMessage}
	}
	return c
}
