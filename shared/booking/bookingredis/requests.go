package bookingredis

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/fairgate/fairgate/shared/guard"
	"github.com/fairgate/fairgate/shared/platform/redisx"
)

// requestPause is the shortest time between two rings of one process: a relay that
// has just been woken looks about as often by itself.
const requestPause = 10 * time.Millisecond

// Requests tells the workers that a capture has been asked for, so that an idle relay
// need not look often. A ring that is lost costs a moment.
type Requests struct {
	bell  *redisx.Bell
	store *Store
	last  atomic.Int64 // ring, Unix nanoseconds
}

// NewRequests returns requests on the store's Redis. Run must run where they are heard.
func NewRequests(store *Store) *Requests {
	return &Requests{bell: redisx.NewBell(store.client, store.keys.prefix+"requests"), store: store}
}

// Ring wakes the relays, unless it has just done so.
func (r *Requests) Ring(ctx context.Context) {
	now, last := time.Now().UnixNano(), r.last.Load()
	if now-last < int64(requestPause) || !r.last.CompareAndSwap(last, now) {
		return
	}
	_ = r.store.do(ctx, func(ctx context.Context) error { return r.bell.Ring(ctx, "") })
}

// Run calls heard for each ring, and when one may have been missed, until ctx ends.
func (r *Requests) Run(ctx context.Context, heard func()) error {
	rings, stop := r.bell.Listen("")
	defer stop()
	ended := make(chan error, 1)
	guard.Go("capture_requests", func() {
		ended <- guard.Call("capture_requests", func() error { return r.bell.Run(ctx) })
	})
	for {
		select {
		case err := <-ended:
			return err
		case <-rings:
			heard()
		}
	}
}
