package bookingredis

import (
	"context"

	"github.com/fairgate/fairgate/shared/platform/redisx"
)

// Wakes is a booking.Wakes over Redis pub/sub. Run must run where somebody waits.
type Wakes struct {
	*redisx.Bell
	store *Store
}

// NewWakes returns wakes on the store's Redis; while that fails they are dropped.
func NewWakes(store *Store) *Wakes {
	return &Wakes{redisx.NewBell(store.client, store.keys.prefix+"payments"), store}
}

// Wake implements booking.Wakes.
func (w *Wakes) Wake(ctx context.Context, paymentID string) {
	_ = w.store.do(ctx, func(ctx context.Context) error { return w.Ring(ctx, paymentID) }) // waiters also look by themselves
}

// Wait implements booking.Wakes.
func (w *Wakes) Wait(paymentID string) (woken <-chan struct{}, stop func()) {
	return w.Listen(paymentID)
}
