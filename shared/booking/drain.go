package booking

import (
	"context"
	"errors"
	"time"

	"github.com/fairgate/fairgate/shared/guard"
)

// Looked proves that a run left nothing out: what it took is what it dealt with and
// what failed.
type Looked struct{ Taken, Failed int }

const (
	// reconcilers is how many payments, or refunds, are looked at side by side.
	reconcilers = 8
	// lookTime is the longest that one look takes: a confirm, a get, and storing.
	lookTime = confirmTimeout + 2*getTimeout
	// emptyPause is how long a run in which nothing ends waits before it takes more.
	emptyPause = time.Second
)

// drain takes what is due and works on it side by side until nothing is due and
// nothing in hand. It leases only what it can begin at once, and whatever is slow
// holds up nobody else. It takes nothing more when ctx has too little time left.
func drain[T any](ctx context.Context, width func() int, lease func(context.Context, int) ([]T, error), work func(context.Context, T) error) (Looked, error) {
	var looked Looked
	var failures []error
	done, inHand, leasing := make(chan error, reconcilers), 0, true
	for {
		if free := width() - inHand; leasing && free > 0 {
			batch, err := lease(ctx, free)
			if err != nil {
				failures, leasing = append(failures, err), false
			}
			for _, item := range batch {
				guard.Go("reconciler", func() {
					done <- guard.Call("reconciler", func() error { return work(ctx, item) })
				})
			}
			inHand, looked.Taken = inHand+len(batch), looked.Taken+len(batch)
		}
		if inHand == 0 {
			return looked, errors.Join(failures...)
		}
		var again <-chan time.Time
		if leasing {
			again = time.After(emptyPause)
		}
		select {
		case err := <-done:
			inHand--
			if err != nil {
				looked.Failed, failures = looked.Failed+1, append(failures, err)
			}
		case <-again:
		}
		leasing = leasing && timeLeft(ctx)
	}
}

func timeLeft(ctx context.Context) bool {
	deadline, limited := ctx.Deadline()
	return ctx.Err() == nil && (!limited || time.Until(deadline) > lookTime)
}
