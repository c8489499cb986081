package consume

import (
	"context"
	"time"

	"github.com/fairgate/fairgate/shared/event"
	"github.com/fairgate/fairgate/shared/platform/rabbit"
)

// Payments captures payments.
type Payments struct {
	// Execute captures once, however often it is called, and stores what the provider
	// does not tell; see booking.Service.ExecuteRequested.
	Execute func(ctx context.Context, request event.PaymentConfirmRequested, at time.Time) error
}

func (p Payments) confirm() rabbit.Handler {
	return on(func(ctx context.Context, e event.Envelope, data event.PaymentConfirmRequested) error {
		return p.Execute(ctx, data, e.OccurredAt)
	})
}

// Tickets gives confirmed bookings the tickets that they do not have yet: whoever
// captures money signs tickets with it, but a booking that costs nothing is confirmed
// where there is no key.
type Tickets struct {
	Issue func(ctx context.Context, bookingID string) error
}

func (t Tickets) issue() rabbit.Handler {
	return on(func(ctx context.Context, _ event.Envelope, data event.Booking) error { return t.Issue(ctx, data.ID) })
}
