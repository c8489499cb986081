// Package hub wakes the streams of fans when there is something new to tell them.
package hub

import (
	"context"
	"sync"
	"time"

	"github.com/fairgate/fairgate/shared/queue"
)

const lookEvery = 500 * time.Millisecond

// Lines is what the hub looks at, all in memory.
type Lines interface {
	// Present notes that a fan is there; waiting is true while nothing has to be said.
	Present(ref queue.PlaceRef) (waiting bool, err error)
	// Notice returns what of a line's status every fan is told when it changes.
	Notice(sale string) string
}

// Hub holds the subscriptions of one gateway's streams. Safe for concurrent use.
type Hub struct {
	lines Lines

	mu   sync.Mutex
	subs map[string]map[*subscription]struct{} // by sale
	told map[string]string                     // the last notice by sale
}

type subscription struct {
	ref     queue.PlaceRef
	waiting bool
	wake    chan struct{}
}

// New makes a hub.
func New(lines Lines) *Hub {
	return &Hub{lines: lines, subs: map[string]map[*subscription]struct{}{}, told: map[string]string{}}
}

// Watch returns a channel that receives soon after the place stops or starts to
// wait, or its line's notice changes. stop must be called in the end.
func (h *Hub) Watch(ref queue.PlaceRef) (wake <-chan struct{}, stop func()) {
	sub := &subscription{ref: ref, waiting: true, wake: make(chan struct{}, 1)}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.subs[ref.SaleID] == nil {
		h.subs[ref.SaleID] = map[*subscription]struct{}{}
		h.told[ref.SaleID] = h.lines.Notice(ref.SaleID)
	}
	h.subs[ref.SaleID][sub] = struct{}{}
	return sub.wake, func() { h.forget(sub) }
}

func (h *Hub) forget(sub *subscription) {
	h.mu.Lock()
	defer h.mu.Unlock()
	of := h.subs[sub.ref.SaleID]
	delete(of, sub)
	if len(of) == 0 {
		delete(h.subs, sub.ref.SaleID)
		delete(h.told, sub.ref.SaleID)
	}
}

// Run looks for changes twice a second, and when told of one, until ctx ends.
func (h *Hub) Run(ctx context.Context, told <-chan struct{}) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			h.Look()
		case <-told:
			h.Look()
		}
	}
}

// Look wakes whoever has something new to hear. An open stream is a sign of life,
// also while nothing is sent on it.
func (h *Hub) Look() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for sale, subs := range h.subs {
		notice := h.lines.Notice(sale)
		everybody := notice != h.told[sale]
		h.told[sale] = notice
		for sub := range subs {
			waiting, err := h.lines.Present(sub.ref)
			if everybody || err != nil || waiting != sub.waiting {
				sub.waiting = waiting && err == nil
				select {
				case sub.wake <- struct{}{}:
				default: // it has not woken up from the last time yet
				}
			}
		}
	}
}
