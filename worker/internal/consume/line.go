package consume

import (
	"context"
	"time"

	"github.com/fairgate/fairgate/shared/event"
	"github.com/fairgate/fairgate/shared/platform/rabbit"
	"github.com/fairgate/fairgate/shared/queue"
)

// Sessions is what a line can do with a booking session. Both calls may be
// repeated, and do nothing once the session is over.
type Sessions interface {
	ExtendSession(ctx context.Context, ref queue.SessionRef, until time.Time) (active bool, err error)
	EndSession(ctx context.Context, ref queue.SessionRef) (wasActive bool, err error)
}

// Line keeps a fan's session in step with the booking: it lasts until the booking
// can no longer be paid, and ends when it is confirmed, which frees its slot.
type Line struct{ Sessions Sessions }

func (l Line) follow() rabbit.Handler {
	return on(func(ctx context.Context, e event.Envelope, b event.Booking) error {
		if b.Session == nil {
			return nil
		}
		ref := queue.SessionRef{SaleID: b.Session.SaleID, Epoch: b.Session.Epoch, N: b.Session.N}
		var err error
		if e.Type == event.TypeBookingCreated {
			_, err = l.Sessions.ExtendSession(ctx, ref, b.PayBefore)
		} else {
			_, err = l.Sessions.EndSession(ctx, ref)
		}
		return err
	})
}
