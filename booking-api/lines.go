package bookingapi

import (
	"context"
	"sync"
	"time"

	"github.com/fairgate/fairgate/shared/queue"
)

const (
	lineFresh    = time.Second            // how long one answer about a line serves all pages
	linePatience = 300 * time.Millisecond // with the store of lines, while a page waits
	mostLines    = 1000
)

// lineStates says how lines stand, to pages: asked once a second for a line, whatever
// the crowd, and never long. Safe for concurrent use.
type lineStates struct {
	policy func(ctx context.Context, sale string) (queue.Policy, error)
	now    func() time.Time

	mu    sync.Mutex
	known map[string]lineState
}

type lineState struct {
	state queue.State
	err   error
	until time.Time
}

func newLineStates(policy func(ctx context.Context, sale string) (queue.Policy, error), now func() time.Time) *lineStates {
	return &lineStates{policy: policy, now: now, known: map[string]lineState{}}
}

// LineState implements web.Source.
func (l *lineStates) LineState(ctx context.Context, sale string) (queue.State, error) {
	l.mu.Lock()
	known, ok := l.known[sale]
	now := l.now()
	if ok && now.Before(known.until) {
		l.mu.Unlock()
		return known.state, known.err
	}
	// Others go on with what was known while this caller asks.
	known.until = now.Add(lineFresh)
	if !ok {
		known.err = queue.ErrUnavailable
	}
	if len(l.known) >= mostLines {
		clear(l.known)
	}
	l.known[sale] = known
	l.mu.Unlock()
	return l.ask(ctx, sale)
}

func (l *lineStates) ask(ctx context.Context, sale string) (queue.State, error) {
	// The answer is for all: it does not end with this caller's request.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), linePatience)
	defer cancel()
	policy, err := l.policy(ctx, sale)
	asked := lineState{state: policy.State, err: err, until: l.now().Add(lineFresh)}
	if policy.SoldOut {
		asked.state = queue.SoldOut
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known[sale] = asked
	return asked.state, asked.err
}
