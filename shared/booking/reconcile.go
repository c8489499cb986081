package booking

import (
	"context"
	"errors"
	"sync"
)

// reconcilers is how many payments, or refunds, are looked at side by side: all of a
// batch must fit into one lease even when the provider times out.
const reconcilers = 8

// ReconcileDue looks at every payment that is due: outcomes that are pending, money
// that a webhook hints at, cancels made in the provider's console. It returns how
// many it looked at. Several workers share the work; it needs no broker.
func (s *Service) ReconcileDue(ctx context.Context) (int, error) {
	return drain(ctx, s.store.LeaseDue, s.reconcile)
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

// drain leases batches and works on them side by side until nothing is due.
func drain[T any](ctx context.Context, lease func(context.Context, int) ([]T, error), work func(context.Context, T) error) (int, error) {
	total := 0
	var failures []error
	for ctx.Err() == nil {
		batch, err := lease(ctx, reconcilers)
		if err != nil || len(batch) == 0 {
			return total, errors.Join(append(failures, err)...)
		}
		failures = append(failures, inParallel(ctx, batch, work)...)
		total += len(batch)
	}
	return total, errors.Join(failures...)
}

func inParallel[T any](ctx context.Context, batch []T, work func(context.Context, T) error) []error {
	failures := make([]error, len(batch))
	var wg sync.WaitGroup
	for i := range batch {
		wg.Go(func() { failures[i] = work(ctx, batch[i]) })
	}
	wg.Wait()
	return failures
}
