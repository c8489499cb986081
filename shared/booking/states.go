package booking

import "slices"

// State is where a booking stands.
type State string

// The states of a booking.
const (
	PendingPayment State = "pending_payment" // seats claimed until ExpiresAt, payable until then
	Paying         State = "paying"          // seats pinned; the provider is being asked
	Confirmed      State = "confirmed"       // paid, seats sold
	Cancelling     State = "cancelling"      // money on its way back, seats still its own
	Cancelled      State = "cancelled"
	Expired        State = "expired"
)

// Public returns the state as fans see it: paying shows as pending_payment.
func (s State) Public() State {
	if s == Paying {
		return PendingPayment
	}
	return s
}

// Final reports whether nothing moves a booking out of s but late money.
func (s State) Final() bool { return s == Cancelled || s == Expired }

// stateArrows are the only moves of a booking, with who makes them.
var stateArrows = map[State][]State{
	PendingPayment: {
		Paying,    // Confirm
		Confirmed, // Confirm of ₩0; ReconcileDue, for money that came unasked
		Expired,   // ExpireDue; Confirm, when a seat was lost
		Cancelled, // Cancel
	},
	Paying: {
		Confirmed,      // captured
		PendingPayment, // declined before PayBefore
		Expired,        // declined after it
	},
	Confirmed:  {Cancelling}, // Cancel; a cancel made in the provider's console
	Cancelling: {Cancelled},  // the refund is done
	Expired:    {Confirmed},  // late money, the same seats free
}

// CanBecome reports whether a booking may move from s to next.
func (s State) CanBecome(next State) bool { return slices.Contains(stateArrows[s], next) }

// PaymentState is where a payment stands.
type PaymentState string

// The states of a payment.
const (
	PaymentReady              PaymentState = "ready"
	PaymentConfirming         PaymentState = "confirming"
	PaymentUnknown            PaymentState = "unknown" // asked, and no outcome learned yet
	PaymentWaitingForDeposit  PaymentState = "waiting_for_deposit"
	PaymentDone               PaymentState = "done"
	PaymentPartiallyCancelled PaymentState = "partially_cancelled"
	PaymentCancelled          PaymentState = "cancelled"
	PaymentFailed             PaymentState = "failed"  // refused, and its booking has expired
	PaymentExpired            PaymentState = "expired" // never paid: its booking expired or was cancelled
)

// Pending reports whether an outcome is being waited for.
func (s PaymentState) Pending() bool { return s == PaymentConfirming || s == PaymentUnknown }

// paymentArrows are the only moves of a payment. Ready, failed and expired become
// done only when the reconciler finds money that nobody expected any more.
var paymentArrows = map[PaymentState][]PaymentState{
	PaymentReady:              {PaymentConfirming, PaymentExpired, PaymentDone},
	PaymentConfirming:         {PaymentDone, PaymentWaitingForDeposit, PaymentReady, PaymentFailed, PaymentUnknown},
	PaymentUnknown:            {PaymentDone, PaymentWaitingForDeposit, PaymentReady, PaymentFailed},
	PaymentWaitingForDeposit:  {PaymentDone, PaymentExpired},
	PaymentDone:               {PaymentWaitingForDeposit, PaymentPartiallyCancelled, PaymentCancelled},
	PaymentPartiallyCancelled: {PaymentCancelled},
	PaymentFailed:             {PaymentDone},
	PaymentExpired:            {PaymentDone},
}

// CanBecome reports whether a payment may move from s to next.
func (s PaymentState) CanBecome(next PaymentState) bool {
	return slices.Contains(paymentArrows[s], next)
}

// RefundState is where a refund stands.
type RefundState string

// The states of a refund.
const (
	RefundRequested RefundState = "requested"
	RefundSending   RefundState = "sending"
	RefundUnknown   RefundState = "unknown"
	RefundDone      RefundState = "done"
	RefundRejected  RefundState = "rejected" // the provider will not; an operator must look
)

// InFlight reports whether the refund's money may still move.
func (s RefundState) InFlight() bool {
	return s == RefundRequested || s == RefundSending || s == RefundUnknown
}

// refundArrows are the only moves of a refund. One made in the provider's console
// is stored as done.
var refundArrows = map[RefundState][]RefundState{
	RefundRequested: {RefundSending},
	RefundSending:   {RefundDone, RefundRejected, RefundUnknown},
	RefundUnknown:   {RefundDone, RefundRequested},
	RefundRejected:  {RefundRequested, RefundDone}, // an operator's decision
}

// CanBecome reports whether a refund may move from s to next.
func (s RefundState) CanBecome(next RefundState) bool { return slices.Contains(refundArrows[s], next) }
