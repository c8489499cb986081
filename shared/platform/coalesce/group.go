// Package coalesce lets concurrent callers share one round trip.
package coalesce

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/fairgate/fairgate/shared/guard"
)

// Group joins calls that come while others are on their way: what costs a database
// microseconds costs much more in system calls and commits when each travels alone.
// A call that finds nothing on its way leaves at once; all others leave together as
// soon as it is back.
//
// A call fails alone: where a joined one fails, each of its calls is made again by
// itself, so do must be safe to repeat. When a caller's context ends it stops
// waiting; its call may be on its way already.
type Group[In, Out any] struct {
	do      func(ctx context.Context, in []In) ([]Out, error)
	most    int
	timeout time.Duration

	mu      sync.Mutex
	waiting []*call[In, Out]
	busy    bool
}

type call[In, Out any] struct {
	in   In
	out  Out
	err  error
	done chan struct{}
}

// NewGroup returns a group of calls to do, at most so many in one, each within
// timeout. The i-th result of do belongs to its i-th argument.
func NewGroup[In, Out any](most int, timeout time.Duration, do func(ctx context.Context, in []In) ([]Out, error)) *Group[In, Out] {
	return &Group[In, Out]{do: do, most: most, timeout: timeout}
}

// Call returns what do returns for in.
func (g *Group[In, Out]) Call(ctx context.Context, in In) (Out, error) {
	c := &call[In, Out]{in: in, done: make(chan struct{})}
	g.enter(c)
	select {
	case <-c.done:
		return c.out, c.err
	case <-ctx.Done():
		var none Out
		return none, ctx.Err()
	}
}

func (g *Group[In, Out]) enter(c *call[In, Out]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = append(g.waiting, c)
	if !g.busy {
		g.busy = true
		guard.Go("coalesce", g.drive)
	}
}

func (g *Group[In, Out]) drive() {
	for {
		runtime.Gosched() // callers that are about to call come along
		calls := g.next()
		if len(calls) == 0 {
			return
		}
		g.send(calls)
		for _, c := range calls {
			close(c.done)
		}
	}
}

// next takes the calls that leave now.
func (g *Group[In, Out]) next() []*call[In, Out] {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := min(len(g.waiting), g.most)
	calls := g.waiting[:n:n]
	g.waiting = g.waiting[n:]
	if n == 0 {
		g.busy, g.waiting = false, nil
	}
	return calls
}

func (g *Group[In, Out]) send(calls []*call[In, Out]) {
	if g.together(calls) == nil || len(calls) == 1 {
		return
	}
	for i := range calls {
		_ = g.together(calls[i : i+1])
	}
}

func (g *Group[In, Out]) together(calls []*call[In, Out]) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), g.timeout)
	defer cancel()
	in := make([]In, len(calls))
	for i, c := range calls {
		in[i] = c.in
	}
	var out []Out
	defer func() {
		for i, c := range calls {
			if c.err = err; err == nil {
				c.out = out[i]
			}
		}
	}()
	return guard.Call("coalesce", func() (err error) {
		if out, err = g.do(ctx, in); err == nil && len(out) != len(in) {
			err = fmt.Errorf("coalesce: %d results for %d calls", len(out), len(in))
		}
		return err
	})
}
