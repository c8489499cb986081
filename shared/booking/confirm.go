package booking

import (
	"context"
	"time"
)

// Confirm takes what the fan brings back from the payment window, checked in this
// order: the owner (ErrBookingNotFound), the amount (ErrAmountMismatch, recorded),
// the state (ErrNotPayable). It pins the seats and asks for the capture, which the
// worker carries out: see Await. A booking of ₩0 is confirmed at once. A payment key
// that was presented before changes nothing and is answered as it stands.
func (s *Service) Confirm(ctx context.Context, command ConfirmCommand) (Confirmation, error) {
	settled, err := s.store.Confirm(ctx, command, s.tickets)
	s.announce(ctx, settled) // also when a seat was lost: the others are free again
	if err != nil {
		return Confirmation{}, err
	}
	if settled.Moved {
		s.store.AfterCommit(ctx, s.requested)
	}
	return ConfirmationOf(settled.Booking), nil
}

// How long Await sleeps between two looks: from the first to the longest when nothing
// wakes it, else always the longest, because a wake may be lost.
const (
	firstLook   = 20 * time.Millisecond
	longestLook = 300 * time.Millisecond
)

// Await returns how the payment stands as soon as that is final, at the latest after
// maxWait; 0 only looks. No connection is held meanwhile.
func (s *Service) Await(ctx context.Context, paymentID string, maxWait time.Duration) (Confirmation, error) {
	woken, stop := s.wakes.Wait(paymentID)
	defer stop()
	now, err := s.store.Outcome(ctx, paymentID)
	if err != nil {
		return now, err
	}
	return s.watch(ctx, now, woken, maxWait)
}

// ConfirmOnce is Confirm for a request that may come again with the same key, and
// then Await. It begins to listen before the commit, so that the first look can wait
// for the first news.
func (s *Service) ConfirmOnce(ctx context.Context, key Key, command ConfirmCommand, maxWait time.Duration) (Confirmation, error) {
	var asked Confirmation
	var woken <-chan struct{}
	stop := func() {}
	defer func() { stop() }()
	answer, err := s.store.Once(ctx, key, func(ctx context.Context) (Answer, error) {
		var err error
		if asked, err = s.Confirm(ctx, command); err != nil {
			return Answer{}, err
		}
		stop()
		woken, stop = s.wakes.Wait(asked.PaymentID)
		return Answer{Ref: asked.PaymentID}, nil
	})
	switch {
	case err != nil:
		return Confirmation{}, err
	case answer.Replayed:
		return s.Await(ctx, answer.Ref, maxWait)
	}
	return s.watch(ctx, asked, woken, maxWait)
}

// watch looks again until the payment, which stood so just now, is final, or maxWait
// is over.
func (s *Service) watch(ctx context.Context, now Confirmation, woken <-chan struct{}, maxWait time.Duration) (Confirmation, error) {
	deadline := time.NewTimer(maxWait)
	defer deadline.Stop()
	pause := firstLook
	if woken != nil {
		pause = longestLook
	}
	for ; !now.Final() && maxWait > 0; pause = min(pause*3/2, longestLook) {
		look := time.NewTimer(pause)
		select {
		case <-look.C:
		case <-woken:
		case <-deadline.C:
			maxWait = 0 // one last look
		case <-ctx.Done():
			look.Stop()
			return now, ctx.Err()
		}
		look.Stop()
		var err error
		if now, err = s.store.Outcome(ctx, now.PaymentID); err != nil {
			return now, err
		}
	}
	return now, nil
}
