package booking

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Cancel cancels a whole booking of the account: an unpaid one at once, a paid one
// by refunding it in full; its seats return when the provider has done that. Fails
// with ErrBookingNotFound, ErrNotCancellable (being paid, over, or already begun).
func (s *Service) Cancel(ctx context.Context, command CancelCommand) (Booking, error) {
	b, err := s.Get(ctx, command.AccountID, command.BookingID)
	if err != nil {
		return Booking{}, err
	}
	settled, err := s.store.Cancel(ctx, b.ID, command.Reason, command.RequestID)
	if err != nil {
		return Booking{}, err
	}
	s.announce(ctx, settled)
	return settled.Booking, nil
}

// Abandon cancels what an account that is no more has booked and not begun to pay, whose
// seats are free at once, and returns how many bookings that were. What is being paid, and
// what waits for a deposit, whose money may be on its way, goes on as if the account were
// there. It may be repeated.
func (s *Service) Abandon(ctx context.Context, accountID string) (int, error) {
	ids, err := s.store.Unpaid(ctx, accountID)
	if err != nil {
		return 0, err
	}
	cancelled := 0
	for _, id := range ids {
		settled, err := s.store.Abandon(ctx, id)
		if err != nil {
			return cancelled, err
		}
		s.announce(ctx, settled)
		if settled.Moved {
			cancelled++
		}
	}
	return cancelled, nil
}

const cancelTimeout = 10 * time.Second

// SendDueRefunds sends the refunds that are requested and asks about those whose
// outcome is unknown.
func (s *Service) SendDueRefunds(ctx context.Context) (Looked, error) {
	return drain(ctx, s.width, s.store.LeaseRefunds, s.refund)
}

func (s *Service) refund(ctx context.Context, order RefundOrder) error {
	if order.Fresh {
		return s.sendRefund(ctx, order)
	}
	return s.askRefund(ctx, order, func() error { return s.againRefund(ctx, order) })
}

func (s *Service) sendRefund(ctx context.Context, order RefundOrder) error {
	request := CancelRequest{PaymentKey: order.Refund.PaymentKey, Reason: markedReason(order.Refund)}
	if !order.All {
		request.Amount = order.Refund.Amount
	}
	sending, cancel := context.WithTimeout(ctx, cancelTimeout)
	paid, err := s.provider.Cancel(sending, refundKey(order.Refund.ID, order.N), request)
	cancel()
	if err == nil {
		return s.bookRefund(ctx, order, paid, func() error { return s.laterRefund(ctx, order) })
	}
	answer := answerOf(err)
	switch answer.Kind {
	case Declined, NotFound, NoSession:
		return s.rejectRefund(ctx, order, Failure{Code: answer.Code, Message: answer.Message})
	case AlreadyProcessed:
		// Nothing left to cancel: either it was ours, or somebody else gave it back.
		return s.askRefund(ctx, order, func() error {
			return s.rejectRefund(ctx, order, Failure{Code: answer.Code, Message: answer.Message})
		})
	case Failing:
		order.Answered = true
	}
	return s.laterRefund(ctx, order)
}

// askRefund looks for the refund among the payment's cancels; absent runs when the
// provider is certain that it is not there.
func (s *Service) askRefund(ctx context.Context, order RefundOrder, absent func() error) error {
	asking, cancel := context.WithTimeout(ctx, getTimeout)
	paid, err := s.provider.Get(asking, order.Refund.PaymentKey)
	cancel()
	if err != nil {
		return s.laterRefund(ctx, order)
	}
	return s.bookRefund(ctx, order, paid, absent)
}

func (s *Service) bookRefund(ctx context.Context, order RefundOrder, paid ProviderPayment, absent func() error) error {
	made, ok := findCancel(paid.Cancels, order.Refund.ID)
	if !ok && paid.Status == StatusCanceled {
		made, ok = foreignCancel(paid.Cancels, order)
	}
	if !ok {
		return absent()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), getTimeout)
	defer cancel()
	settled, err := s.store.RefundDone(ctx, order, made)
	if err != nil {
		return fmt.Errorf("refund %s: %w", order.Refund.ID, err)
	}
	s.announce(ctx, settled)
	return nil
}

// foreignCancel returns the cancel that stands for a refund of ours which the provider
// does not have, of a payment of which nothing is left: whoever made it, the fan has
// the money, which is all that a refund wants. It is none that another refund stands
// for, and best the one of the same amount; their order means nothing. What other
// cancels there are is found by the look for external ones.
func foreignCancel(cancels []ProviderCancel, order RefundOrder) (best ProviderCancel, found bool) {
	for _, c := range cancels {
		if RefundMark(c.Reason) != "" || slices.Contains(order.Booked, c.TransactionKey) {
			continue
		}
		if c.Amount == order.Refund.Amount {
			return c, true
		}
		if !found || c.Amount > best.Amount {
			best, found = c, true
		}
	}
	return best, found
}

func (s *Service) rejectRefund(ctx context.Context, order RefundOrder, failure Failure) error {
	s.alarm(ctx, "refund_rejected", "refund", order.Refund.ID, "booking", order.Refund.BookingID, "code", failure.Code)
	return s.store.RefundRejected(ctx, order, failure)
}

func (s *Service) laterRefund(ctx context.Context, order RefundOrder) error {
	age := time.Since(order.Refund.RequestedAt)
	delay := nextLook(order.Checks, age)
	if age >= patience {
		s.alarm(ctx, "refund_unknown", "refund", order.Refund.ID, "booking", order.Refund.BookingID, "age", age)
	}
	return s.store.RefundUnknown(ctx, order, delay)
}

// againRefund requests a refund once more. After silence the same idempotency key
// replays what may have happened meanwhile; after a received error only another key
// is carried out at all.
func (s *Service) againRefund(ctx context.Context, order RefundOrder) error {
	if order.Answered {
		order.N++
		order.Answered = false
	}
	return s.store.RefundAgain(ctx, order)
}
