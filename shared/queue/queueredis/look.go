package queueredis

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	lookEvery   = 250 * time.Millisecond // at most; in between an unknown line is not there
	lookTimeout = 500 * time.Millisecond
)

// look is when the list of lines was last read because somebody asked for a line that
// is not known here. One reading answers for all ids, so that a flood of unknown ones
// costs no more than a single one.
type look struct {
	mu sync.Mutex   // held by whoever reads
	at atomic.Int64 // Unix nanoseconds
}

// lookFor finds a line that was made after the last reading of the list, at this
// gateway or another, and copies it. It returns at once when somebody has just looked.
func (f *Front) lookFor(sale string) {
	if f.hasJustLooked() {
		return
	}
	f.look.mu.Lock()
	defer f.look.mu.Unlock()
	if f.hasJustLooked() {
		return
	}
	defer func() { f.look.at.Store(f.clock.Now().UnixNano()) }()
	ctx, cancel := context.WithTimeout(context.Background(), lookTimeout)
	defer cancel()
	sales, err := f.store.Lines(ctx)
	if err != nil || !slices.Contains(sales, sale) {
		return
	}
	f.learn([]string{sale})
	_ = f.Refresh(ctx, sale) // Run does it too
}

func (f *Front) hasJustLooked() bool {
	return f.clock.Now().UnixNano()-f.look.at.Load() < int64(lookEvery)
}
