package booking

import (
	"context"
	"fmt"
	"time"

	"github.com/fairgate/fairgate/shared/event"
)

// Limits of talking to the provider. A lease outlasts one confirm and one get.
const (
	confirmTimeout = 10 * time.Second
	getTimeout     = 5 * time.Second
	// uncapturable is when a payment that is still IN_PROGRESS can no longer be
	// captured: the provider allows 10 minutes.
	uncapturable = 11 * time.Minute
)

// ExecuteConfirm captures a payment that Confirm has asked for, or learns what became
// of it. Calling it again, or twice at once, captures once. It fails only when our
// own store does: what the provider does not tell is stored, for ReconcileDue.
func (s *Service) ExecuteConfirm(ctx context.Context, paymentID string) error {
	charge, leased, err := s.store.Lease(ctx, paymentID)
	if err != nil || !leased {
		return err
	}
	return s.settle(ctx, charge, s.capture(ctx, charge))
}

// soon is how old a request may be to be carried out under the lease that Confirm
// took for it.
const soon = 3 * time.Second

// ExecuteRequested is ExecuteConfirm for whoever hears of a request made at a time. The
// first try takes no lease, Confirm has taken it; a request that is heard twice is
// tried twice under one idempotency key, which captures once.
func (s *Service) ExecuteRequested(ctx context.Context, request event.PaymentConfirmRequested, at time.Time) error {
	if request.PaymentKey == "" || time.Since(at) > soon {
		return s.ExecuteConfirm(ctx, request.PaymentID)
	}
	charge := Charge{
		PaymentID: request.PaymentID, BookingID: request.BookingID, OrderID: request.OrderID, PaymentKey: request.PaymentKey,
		Amount: request.Amount, State: PaymentConfirming, N: 1,
	}
	return s.settle(ctx, charge, s.capture(ctx, charge))
}

// verdict is what the provider's answers mean for a payment.
type verdict struct {
	kind    verdictKind
	paid    ProviderPayment // of captured and foreign
	failure Failure         // of declined and foreign
	// answered: the last try got an answer that would be replayed.
	answered bool
	n        int
}

type verdictKind uint8

const (
	unknown  verdictKind = iota
	captured             // we have the money
	declined             // we have not, and this attempt will never bring it
	foreign              // there is money, but not what we asked for
)

// capture tries to capture and, when that leaves doubt, asks.
func (s *Service) capture(ctx context.Context, charge Charge) verdict {
	v := verdict{answered: charge.Answered, n: charge.N}
	if charge.Answered {
		// The same key would replay the old error; another key could capture twice
		// unless the provider says that nothing was captured.
		status, asked := s.ask(ctx, charge, v)
		if asked.kind != unknown || !status.uncaptured() {
			return asked
		}
		charge.N++
	}
	v.n, v.answered = charge.N, false
	paid, err := s.confirm(ctx, charge)
	if err == nil {
		return judge(charge, paid, v)
	}
	answer := answerOf(err)
	switch answer.Kind {
	case Declined, NotFound:
		v.kind, v.failure = declined, Failure{Code: answer.Code, Message: answer.Message}
		return v
	case Failing:
		v.answered = true
	}
	status, asked := s.ask(ctx, charge, v)
	if answer.Kind == NoSession && status == statusNone {
		asked.kind, asked.failure = declined, Failure{Code: answer.Code, Message: answer.Message}
	}
	return asked
}

func (s *Service) confirm(ctx context.Context, charge Charge) (ProviderPayment, error) {
	ctx, cancel := context.WithTimeout(ctx, confirmTimeout)
	defer cancel()
	return s.provider.Confirm(ctx, confirmKey(charge.PaymentID, charge.PaymentKey, charge.N), ConfirmRequest{
		PaymentKey: charge.PaymentKey, OrderID: charge.OrderID, Amount: charge.Amount,
	})
}

// statusNone stands for a payment that the provider does not know.
const statusNone ProviderStatus = "NONE"

// uncaptured reports whether the provider says that it has not taken the money, nor
// refused to.
func (s ProviderStatus) uncaptured() bool {
	return s == StatusInProgress || s == StatusReady || s == statusNone
}

// ask reads the payment and judges it; status is empty when no answer came.
func (s *Service) ask(ctx context.Context, charge Charge, v verdict) (ProviderStatus, verdict) {
	ctx, cancel := context.WithTimeout(ctx, getTimeout)
	defer cancel()
	paid, err := s.provider.Get(ctx, charge.PaymentKey)
	if err == nil && paid.OrderID != charge.OrderID {
		return paid.Status, ofAnotherOrder(v)
	}
	if err == nil {
		return paid.Status, judge(charge, paid, v)
	}
	if answerOf(err).Kind != NotFound {
		return "", v
	}
	return statusNone, judge(charge, ProviderPayment{
		OrderID: charge.OrderID, Total: charge.Amount, Currency: currency, Status: statusNone,
	}, v)
}

// ofAnotherOrder is what it means that the payment key belongs to an order that we did not
// ask for: somebody presented a key that is not theirs. Whatever became of that order's
// money, it is not this payment's to keep, nor to give back.
func ofAnotherOrder(v verdict) verdict {
	v.kind, v.failure = declined, Failure{Code: "PAYMENT_OF_ANOTHER_ORDER"}
	return v
}

const currency = "KRW"

// judge says what a payment as the provider sees it means for charge.
func judge(charge Charge, paid ProviderPayment, v verdict) verdict {
	mismatch := mismatchOf(charge, paid)
	switch paid.Status {
	case StatusDone, StatusPartialCanceled:
		v.kind, v.paid = captured, paid
		if mismatch != "" {
			v.kind, v.failure = foreign, Failure{Code: "PAYMENT_MISMATCH", Message: mismatch}
		}
	case StatusAborted, StatusExpired, StatusCanceled:
		v.kind, v.failure = declined, Failure{Code: paid.FailureCode, Message: paid.FailureMessage}
		if v.failure.Code == "" {
			v.failure.Code = "PAYMENT_" + string(paid.Status)
		}
	case StatusWaiting:
		v.kind = unknown
	default: // READY, IN_PROGRESS, none
		if charge.Age >= uncapturable {
			v.kind, v.failure = declined, Failure{Code: "PAYMENT_NOT_CAPTURED"}
		}
	}
	if v.kind == unknown && mismatch != "" {
		v.kind, v.failure = declined, Failure{Code: "PAYMENT_MISMATCH", Message: mismatch}
	}
	return v
}

func mismatchOf(charge Charge, paid ProviderPayment) string {
	switch {
	case paid.OrderID != charge.OrderID:
		return fmt.Sprintf("order %s instead of %s", paid.OrderID, charge.OrderID)
	case paid.Currency != currency:
		return fmt.Sprintf("currency %s instead of %s", paid.Currency, currency)
	case paid.Total != charge.Amount:
		return fmt.Sprintf("total %d instead of %d", paid.Total, charge.Amount)
	}
	return ""
}

// settle stores a verdict, in one transaction.
func (s *Service) settle(ctx context.Context, charge Charge, v verdict) error {
	// What the provider told must be stored even if the caller is shutting down.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), getTimeout)
	defer cancel()
	charge.N, charge.Answered = v.n, v.answered
	var settled Settlement
	var err error
	switch v.kind {
	case captured:
		settled, err = s.store.Capture(ctx, charge, v.paid, s.tickets)
	case declined:
		settled, err = s.store.Decline(ctx, charge, v.failure)
	case foreign:
		s.alarm(ctx, "payment_mismatch", "payment", charge.PaymentID, "booking", charge.BookingID, "detail", v.failure.Message)
		settled, err = s.store.Return(ctx, charge, v.paid, v.failure)
	default:
		return s.postpone(ctx, charge)
	}
	if err != nil {
		return fmt.Errorf("settle payment %s: %w", charge.PaymentID, err)
	}
	if settled.Moved {
		s.wakes.Wake(ctx, charge.PaymentID)
	}
	s.announce(ctx, settled)
	return nil
}

// patience is how long an outcome is looked for every 30 s; then every minute, and an
// operator is told. Longer pauses would keep a payment open long after the provider
// is back: see also pulse.
const (
	patience  = 12 * time.Minute
	usualLook = 30 * time.Second
	lateLook  = time.Minute
)

var firstLooks = [...]time.Duration{1 * time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 20 * time.Second}

// nextLook is the pause after the given number of looks, age after the request.
func nextLook(checks int, age time.Duration) time.Duration {
	switch {
	case age >= patience:
		return lateLook
	case checks < len(firstLooks):
		return firstLooks[checks]
	}
	return usualLook
}

func (s *Service) postpone(ctx context.Context, charge Charge) error {
	delay := nextLook(charge.Checks, charge.Age)
	if charge.Age >= patience {
		s.alarm(ctx, "payment_unknown", "payment", charge.PaymentID, "booking", charge.BookingID, "age", charge.Age)
	}
	if err := s.store.Postpone(ctx, charge, delay); err != nil {
		return fmt.Errorf("postpone payment %s: %w", charge.PaymentID, err)
	}
	return nil
}
