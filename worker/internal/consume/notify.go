package consume

import (
	"context"

	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/event"
	"github.com/fairgate/fairgate/shared/notify"
	"github.com/fairgate/fairgate/shared/platform/rabbit"
)

// templateOf returns the template that tells people about an event.
func templateOf(eventType string) (notify.Template, error) {
	template, known := map[string]notify.Template{
		event.TypeBookingConfirmed: notify.BookingConfirmed,
		event.TypeBookingCancelled: notify.BookingCancelled,
		event.TypeBookingExpired:   notify.BookingExpired,
		event.TypePaymentRefunded:  notify.PaymentRefunded,
	}[eventType]
	if !known {
		return "", errs.ErrValidationFailed.WithMessage("Nobody is told about %q.", eventType)
	}
	return template, nil
}

// told decodes a booking and finds the template for its event.
func told(f func(ctx context.Context, t notify.Template, b event.Booking) error) rabbit.Handler {
	return on(func(ctx context.Context, e event.Envelope, b event.Booking) error {
		template, err := templateOf(e.Type)
		if err != nil {
			return err
		}
		return f(ctx, template, b)
	})
}

// Mail writes to the fan.
type Mail struct {
	Writer  *notify.Writer
	Courier *notify.Courier
	Send    func(ctx context.Context, m notify.Mail) error
}

func (m Mail) send() rabbit.Handler {
	return told(func(ctx context.Context, t notify.Template, b event.Booking) error {
		if b.Email == "" {
			return nil // its owner wanted to be forgotten
		}
		letter, err := m.Writer.Mail(t, b)
		if err != nil {
			return err
		}
		return m.Courier.Deliver(ctx, letter.Delivery(), func(ctx context.Context) error { return m.Send(ctx, letter) })
	})
}

// Slack posts to the operators' channel, unless Post is nil.
type Slack struct {
	Writer  *notify.Writer
	Courier *notify.Courier
	Post    func(ctx context.Context, p notify.Post) error
}

func (s Slack) post() rabbit.Handler {
	return told(func(ctx context.Context, t notify.Template, b event.Booking) error {
		if s.Post == nil {
			return nil
		}
		post, err := s.Writer.Post(t, b)
		if err != nil {
			return err
		}
		return s.Courier.Deliver(ctx, post.Delivery(), func(ctx context.Context) error { return s.Post(ctx, post) })
	})
}

// Push stores the fan's notification and wakes their open streams.
type Push struct {
	Writer *notify.Writer
	Tell   func(ctx context.Context, n notify.Notification) error
}

func (p Push) tell() rabbit.Handler {
	return told(func(ctx context.Context, t notify.Template, b event.Booking) error {
		n, err := p.Writer.Notification(t, b)
		if err != nil {
			return err
		}
		return p.Tell(ctx, n)
	})
}
