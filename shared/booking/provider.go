package booking

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fairgate/fairgate/shared/money"
)

// Provider is the payment provider, as thin as it can be: an implementation sends
// one request and translates the one answer. It never retries, never asks a second
// question and never decides what an answer means for a booking; Service does.
//
// Every method returns either a payment as the provider sees it now, or an error
// that is a *ProviderError (any other error counts as NoAnswer). Implementations
// must return before ctx is done and must accept that a request cut off by ctx may
// still have been carried out: that is NoAnswer, never Declined.
type Provider interface {
	// Confirm captures the money. key is sent as the idempotency key (at most
	// 300 characters). An answer 200 is a payment of any status: the caller looks.
	Confirm(ctx context.Context, key string, request ConfirmRequest) (ProviderPayment, error)
	// Get reads a payment by its key; NotFound if the provider has none.
	Get(ctx context.Context, paymentKey string) (ProviderPayment, error)
	// GetByOrder reads the payment of an order id; NotFound if the provider has none.
	GetByOrder(ctx context.Context, orderID string) (ProviderPayment, error)
	// Cancel gives money back; Amount 0 means all that is left. The answer lists all
	// cancels of the payment so far, the new one included.
	Cancel(ctx context.Context, key string, request CancelRequest) (ProviderPayment, error)
}

// ConfirmRequest names the payment to capture. The provider compares OrderID and
// Amount with what the fan approved.
type ConfirmRequest struct {
	PaymentKey string
	OrderID    string
	Amount     money.KRW
}

// CancelRequest names the money to give back.
type CancelRequest struct {
	PaymentKey string
	Amount     money.KRW // 0: all that is left
	Reason     string    // at most 200 characters; carries the refund's id
}

// ProviderStatus is the provider's word for where a payment stands. Its values are
// Toss's (contracts: Toss Payments v1, Payment.status).
type ProviderStatus string

// Final are only Done, Canceled, Aborted and Expired.
const (
	StatusReady           ProviderStatus = "READY"
	StatusInProgress      ProviderStatus = "IN_PROGRESS"         // approved by the fan, not captured
	StatusWaiting         ProviderStatus = "WAITING_FOR_DEPOSIT" // a virtual account was issued
	StatusDone            ProviderStatus = "DONE"                // captured
	StatusCanceled        ProviderStatus = "CANCELED"            // captured, then given back in full
	StatusPartialCanceled ProviderStatus = "PARTIAL_CANCELED"
	StatusAborted         ProviderStatus = "ABORTED" // refused
	StatusExpired         ProviderStatus = "EXPIRED" // never confirmed in time
)

// ProviderPayment is a payment as the provider sees it.
type ProviderPayment struct {
	PaymentKey string
	OrderID    string
	Status     ProviderStatus
	Currency   string    // "KRW"
	Total      money.KRW // totalAmount
	Balance    money.KRW // balanceAmount: captured and not given back
	Method     string    // as the provider words it; empty before selection
	ReceiptURL string
	ApprovedAt time.Time // zero while not captured
	Cancels    []ProviderCancel
	// Failure of an aborted payment; both empty otherwise.
	FailureCode, FailureMessage string
}

// ProviderCancel is one entry of a payment's cancels[].
type ProviderCancel struct {
	TransactionKey string
	Amount         money.KRW
	Reason         string
	CanceledAt     time.Time
}

// AnswerKind is what an error of the provider says about the money.
type AnswerKind uint8

const (
	// NoAnswer means that nothing readable came back (timeout, broken connection, a gateway's
	// HTML page). It may have happened. Safe next step: the same request again with
	// the same idempotency key, then Get.
	NoAnswer AnswerKind = iota
	// Processing is 409 IDEMPOTENT_REQUEST_PROCESSING: the first request with this key
	// is still running. Next step as for NoAnswer.
	Processing
	// Failing is an answer that says nothing about the money and that the
	// provider would replay for this idempotency key: any 5xx with a body, 429,
	// PROVIDER_ERROR, FAILED_*_PROCESSING, UNKNOWN_PAYMENT_ERROR, COMMON_ERROR,
	// FORBIDDEN_CONSECUTIVE_REQUEST, and refusals of our own keys (401,
	// INVALID_API_KEY, INCORRECT_BASIC_AUTH_FORMAT). Next step: Get; only if the
	// payment still is IN_PROGRESS, again with another idempotency key.
	Failing
	// AlreadyProcessed is ALREADY_PROCESSED_PAYMENT, ALREADY_CANCELED_PAYMENT,
	// ALREADY_REFUND_PAYMENT. Next step: Get, which shows what it became.
	AlreadyProcessed
	// NoSession is NOT_FOUND_PAYMENT_SESSION: the ten minutes to confirm are over, or
	// it was confirmed long ago. Next step: Get.
	NoSession
	// NotFound is NOT_FOUND_PAYMENT: the provider knows no such payment key or order.
	NotFound
	// Declined is any other 4xx with a code (REJECT_CARD_COMPANY, INVALID_STOPPED_CARD,
	// EXCEED_MAX_AMOUNT, NOT_CANCELABLE_PAYMENT …). Final for this request: no money
	// has moved and none will.
	Declined
)

var answerNames = [...]string{"no_answer", "processing", "failing", "already_processed", "no_session", "not_found", "declined"}

func (k AnswerKind) String() string {
	if int(k) < len(answerNames) {
		return answerNames[k]
	}
	return "unknown"
}

// ProviderError is an answer of the provider that is not a payment.
type ProviderError struct {
	Kind    AnswerKind
	Code    string // the provider's, stable: "REJECT_CARD_COMPANY"; empty for NoAnswer
	Message string // the provider's sentence for the fan
	Cause   error  // of NoAnswer
}

func (e *ProviderError) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("provider: %s: %v", e.Kind, e.Cause)
	}
	return fmt.Sprintf("provider: %s: %s %s", e.Kind, e.Code, e.Message)
}

func (e *ProviderError) Unwrap() error { return e.Cause }

// answerOf reads err, which is not nil, as a *ProviderError.
func answerOf(err error) *ProviderError {
	var answer *ProviderError
	if errors.As(err, &answer) {
		return answer
	}
	return &ProviderError{Kind: NoAnswer, Cause: err}
}
