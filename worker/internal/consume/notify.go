package consume

import (
	"context"
	"errors"
	"time"

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

// news is what people are told of.
type news struct {
	template notify.Template
	booking  event.Booking
	at       time.Time // it happened
}

// told decodes a booking and finds the template for its event.
func told(f func(ctx context.Context, n news) error) rabbit.Handler {
	return on(func(ctx context.Context, e event.Envelope, b event.Booking) error {
		template, err := templateOf(e.Type)
		if err != nil {
			return err
		}
		return f(ctx, news{template, b, e.OccurredAt})
	})
}

// DeletedAt returns when an account was deleted; zero of one that was not.
type DeletedAt func(ctx context.Context, accountID string) (time.Time, error)

// isOfMoney reports whether an account that was deleted at that time is told all the same:
// that its money goes back, or was taken after its end, as a payment that had begun may be.
// Nothing else of us tells of that any more.
func (n news) isOfMoney(deleted time.Time) bool {
	taken := n.template == notify.BookingConfirmed && n.booking.Amount > 0 && n.at.After(deleted)
	return taken || n.template == notify.PaymentRefunded || n.booking.RefundAmount > 0
}

// Mail writes to the fan, unless the account is deleted by then; a mail may have waited
// for hours. What deleted accounts are written to about: see isOfMoney.
type Mail struct {
	Deleted DeletedAt
	Writer  *notify.Writer
	Courier *notify.Courier
	Send    func(ctx context.Context, m notify.Mail) error
}

func (m Mail) send() rabbit.Handler {
	return told(func(ctx context.Context, n news) error {
		if n.booking.Email == "" {
			return nil // its owner wanted to be forgotten
		}
		letter, err := m.Writer.Mail(n.template, n.booking)
		if err != nil {
			return err
		}
		err = m.Courier.Deliver(ctx, letter.Delivery(), func(ctx context.Context) error {
			// As late as can be: whatever a mail waited for is behind it.
			deleted, err := m.Deleted(ctx, n.booking.AccountID)
			if err != nil {
				return err
			}
			if !deleted.IsZero() && !n.isOfMoney(deleted) {
				return notify.ErrUnwanted
			}
			return m.Send(ctx, letter)
		})
		if errors.Is(err, notify.ErrUnwanted) {
			return nil
		}
		return err
	})
}

// Slack posts to the operators' channel, unless Post is nil.
type Slack struct {
	Writer  *notify.Writer
	Courier *notify.Courier
	Post    func(ctx context.Context, p notify.Post) error
}

func (s Slack) post() rabbit.Handler {
	return told(func(ctx context.Context, n news) error {
		if s.Post == nil {
			return nil
		}
		post, err := s.Writer.Post(n.template, n.booking)
		if err != nil {
			return err
		}
		return s.Courier.Deliver(ctx, post.Delivery(), func(ctx context.Context) error { return s.Post(ctx, post) })
	})
}

// Push stores the fan's notification and wakes their open streams. A deleted account has
// no inbox.
type Push struct {
	Deleted DeletedAt
	Writer  *notify.Writer
	Tell    func(ctx context.Context, n notify.Notification) error
}

func (p Push) tell() rabbit.Handler {
	return told(func(ctx context.Context, n news) error {
		notification, err := p.Writer.Notification(n.template, n.booking)
		if err != nil {
			return err
		}
		deleted, err := p.Deleted(ctx, n.booking.AccountID)
		if err != nil {
			return err
		}
		if !deleted.IsZero() {
			return nil
		}
		return p.Tell(ctx, notification)
	})
}
