package booking

import (
	"context"
	"sync"
	"time"
)

// How holds are undone whose answer was lost.
const (
	undoPause = 250 * time.Millisecond // between looks at what is due
	undoAgain = time.Second            // after a look that found nothing; each later one waits twice as long
	undoFor   = time.Minute            // since Redis answers; no order is on its way for longer
	mostLost  = 10_000                 // remembered; what is beyond lapses by itself
)

// lostAnswers are orders that Redis may have carried out though nobody knows of it:
// a fan who was refused, or who got other seats, would block these until they lapse.
type lostAnswers struct {
	mu     sync.Mutex
	orders []lostOrder
}

type lostOrder struct {
	HoldOrder
	wanted bool      // Postgres has the same hold
	lapses time.Time // by itself, wherever it is
	until  time.Time // when the looking ends; zero while Redis has not answered
	due    time.Time
	wait   time.Duration // after a look that finds nothing
}

func (l *lostAnswers) add(order HoldOrder, wanted bool, now time.Time) {
	l.put(lostOrder{HoldOrder: order, wanted: wanted, lapses: now.Add(order.TTL), due: now, wait: undoAgain})
}

func (l *lostAnswers) put(orders ...lostOrder) {
	l.mu.Lock()
	defer l.mu.Unlock()
	room := mostLost - len(l.orders)
	l.orders = append(l.orders, orders[:min(room, len(orders))]...)
}

// take removes and returns the orders that are due.
func (l *lostAnswers) take(now time.Time) []lostOrder {
	l.mu.Lock()
	defer l.mu.Unlock()
	var due, later []lostOrder
	for _, o := range l.orders {
		if o.due.After(now) {
			later = append(later, o)
		} else {
			due = append(due, o)
		}
	}
	l.orders = later
	return due
}

// Run takes back the holds whose answers were lost as soon as Redis answers again,
// until ctx ends. Those that it leaves lapse by themselves.
func (h *Holds) Run(ctx context.Context) error {
	tick := time.NewTicker(undoPause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			h.undoLost(ctx)
		}
	}
}

// undoLost looks at every order that is due. One that is not there may still be on
// its way, so it is looked for again.
func (h *Holds) undoLost(ctx context.Context) {
	due := h.lost.take(h.clock.Now())
	for i, o := range due {
		undone, err := h.redis.Undo(ctx, o.HoldOrder, o.wanted)
		if err != nil {
			h.lost.put(due[i:]...)
			return
		}
		if undone {
			h.reportUndone()
			continue
		}
		if o = o.after(h.clock.Now()); !o.over() {
			h.lost.put(o)
		}
	}
}

// after is the order after a look at now that found nothing.
func (o lostOrder) after(now time.Time) lostOrder {
	if o.until.IsZero() {
		o.until = now.Add(undoFor)
	}
	o.due, o.wait = now.Add(o.wait), 2*o.wait
	return o
}

// over reports whether the next look would be too late to matter.
func (o lostOrder) over() bool { return o.due.After(o.until) || o.due.After(o.lapses) }

func (h *Holds) reportUndone() {
	if h.observe != nil {
		h.observe.HoldAsked("redis", "undone")
	}
}
