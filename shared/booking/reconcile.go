package booking

import "context"

// ReconcileDue looks at every payment that is due: outcomes that are pending, money
// that a webhook hints at, cancels made in the provider's console. Several workers
// share the work; it needs no broker.
func (s *Service) ReconcileDue(ctx context.Context) (Looked, error) {
	return drain(ctx, s.width, s.store.LeaseDue, s.reconcile)
}

func (s *Service) reconcile(ctx context.Context, charge Charge) error {
	switch charge.State {
	case PaymentConfirming, PaymentUnknown:
		return s.settle(ctx, charge, s.capture(ctx, charge))
	case PaymentDone, PaymentPartiallyCancelled:
		return s.reconcileCaptured(ctx, charge)
	case PaymentReady, PaymentFailed, PaymentExpired:
		return s.reconcileUnpaid(ctx, charge)
	}
	return s.store.Postpone(ctx, charge, -1)
}

// reconcileCaptured looks for cancels that we did not make.
func (s *Service) reconcileCaptured(ctx context.Context, charge Charge) error {
	asking, cancel := context.WithTimeout(ctx, getTimeout)
	paid, err := s.provider.Get(asking, charge.PaymentKey)
	cancel()
	if err != nil {
		return s.postpone(ctx, charge)
	}
	if mismatch := mismatchOf(charge, paid); mismatch != "" {
		s.alarm(ctx, "payment_mismatch", "payment", charge.PaymentID, "detail", mismatch)
		return s.store.Postpone(ctx, charge, -1)
	}
	settled, err := s.store.External(ctx, charge, paid)
	if err != nil {
		return err
	}
	s.announce(ctx, settled)
	return nil
}

// reconcileUnpaid looks for money of an order that, as far as we knew, had none.
func (s *Service) reconcileUnpaid(ctx context.Context, charge Charge) error {
	asking, cancel := context.WithTimeout(ctx, getTimeout)
	paid, err := s.provider.GetByOrder(asking, charge.OrderID)
	cancel()
	if err != nil && answerOf(err).Kind != NotFound {
		return s.postpone(ctx, charge)
	}
	charge.PaymentKey = paid.PaymentKey
	v := judge(charge, paid, verdict{n: charge.N, answered: charge.Answered})
	if err != nil || (v.kind != captured && v.kind != foreign) {
		return s.store.Postpone(ctx, charge, -1)
	}
	return s.settle(ctx, charge, v)
}
