package run

import (
	"context"
	"time"

	"github.com/fairgate/fairgate/shared/guard"
)

// Finish returns a context for work that is in hand when ctx ends: it ends only
// grace later, or when cancel is called.
func Finish(ctx context.Context, grace time.Duration) (finishing context.Context, cancel context.CancelFunc) {
	finishing, end := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, guard.Func("finish", func() {
		defer end() // also should the wait panic
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-finishing.Done():
		}
	}))
	return finishing, func() { stop(); end() }
}
