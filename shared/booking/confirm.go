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
	deadline := time.NewTimer(maxWait)
	defer deadline.Stop()
	pause := firstLook
	if woken != nil {
		pause = longestLook
	}
	for ; ; pause = min(pause*3/2, longestLook) {
		now, err := s.store.Outcome(ctx, paymentID)
		if err != nil || now.Final() || maxWait <= 0 {
			return now, err
		}
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
	}
}
