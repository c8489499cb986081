package redisx

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"
)

// faultyHook panics in its first pipelines, as a bug in a hook or in a command would.
type faultyHook struct{ left atomic.Int32 }

func (h *faultyHook) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (h *faultyHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (h *faultyHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, commands []redis.Cmder) error {
		if h.left.Add(-1) >= 0 {
			panic("a bug")
		}
		return next(ctx, commands)
	}
}

func TestAPanicOnTheWayFailsItsCallersAndTheLanesGoOn(t *testing.T) {
	t.Parallel()
	c, hook := coalescer(t), &faultyHook{}
	hook.left.Store(2 * lanes) // each lane more than once
	c.AddHook(hook)
	for range 2 * lanes {
		if err := echo.Run(context.Background(), c, nil, "x").Err(); err == nil || !strings.Contains(err.Error(), "panic: a bug") {
			t.Errorf("a caller whose pipeline panicked: %v", err)
		}
	}
	if got, err := echo.Run(context.Background(), c, nil, "x").Text(); got != "x" || err != nil {
		t.Errorf("after that: %q, %v", got, err)
	}
	until(t, "the lanes are free again", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.busy == 0
	})
}
