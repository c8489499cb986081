package booking

import (
	"time"

	"github.com/fairgate/fairgate/shared/money"
)

// RefundKind is why money goes back.
type RefundKind string

// The kinds of refunds.
const (
	RefundForFan   RefundKind = "fan"      // the fan cancelled
	RefundLate     RefundKind = "late"     // captured for a booking that could not be kept
	RefundMismatch RefundKind = "mismatch" // captured with another order, amount or currency than ours
	RefundExternal RefundKind = "external" // made in the provider's console, found afterwards
)

// Refund is money on its way back. It is never deleted.
type Refund struct {
	ID             string
	PaymentID      string
	BookingID      string
	PaymentKey     string
	Kind           RefundKind
	Amount         money.KRW
	Reason         string // as the fan or we gave it
	State          RefundState
	TransactionKey string // the provider's, once done
	FailureCode    string
	RequestedAt    time.Time
	DoneAt         time.Time // zero while it is not
}

// CancelCommand asks for a whole booking to be cancelled.
type CancelCommand struct {
	AccountID string
	BookingID string
	Reason    string
	RequestID string
}
