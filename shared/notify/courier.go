package notify

import (
	"context"
	"errors"
	"time"

	"github.com/fairgate/fairgate/shared/errs"
)

// Template names what a message says; the same word is the kind of a notification.
type Template string

// The templates.
const (
	BookingConfirmed Template = "booking_confirmed"
	BookingCancelled Template = "booking_cancelled"
	BookingExpired   Template = "booking_expired"
	// PaymentRefunded is for money that came too late for its booking, or was not
	// what had been asked for.
	PaymentRefunded Template = "payment_refunded"
)

// Channel is a way to reach somebody outside.
type Channel string

// The channels with deliveries of their own.
const (
	ByMail  Channel = "mail"
	BySlack Channel = "slack"
)

// Delivery identifies one mail or post: there is never a second one with the
// same four.
type Delivery struct {
	Channel   Channel
	Template  Template
	Entity    string // a booking's id
	Recipient string // an account's id, never its address; or the name of a Slack channel
}

// Lease is the right to send a delivery, until it lapses.
type Lease struct {
	Delivery
	Attempt int // 1 for the first
}

// The outcomes of asking for a lease that are not a lease.
var (
	ErrDelivered = errs.New(errs.Gone, "delivered", "This was sent already.")
	ErrInHand    = errs.New(errs.Unavailable, "delivery_in_hand", "Somebody else is sending this just now.")
)

// ErrUnwanted is what sending ends with when the recipient is no more: the delivery is
// never sent, and the note of it says so.
var ErrUnwanted = errs.New(errs.Gone, "recipient_gone", "The account that this is for was deleted.")

// Deliveries keeps which mails and posts were sent.
type Deliveries interface {
	// Lease takes a delivery in hand for ttl: a new one, a pending one or one whose
	// lease has lapsed. ErrDelivered if it was sent, ErrInHand while another has it.
	Lease(ctx context.Context, d Delivery, ttl time.Duration) (Lease, error)
	// Sent marks a delivery as sent; also when its lease has lapsed meanwhile,
	// because it was sent all the same.
	Sent(ctx context.Context, l Lease) error
	// Release puts a delivery back to pending, with the reason, unless somebody
	// else has taken it over.
	Release(ctx context.Context, l Lease, cause error) error
}

// Courier sends each delivery once, as far as the other side allows.
type Courier struct {
	deliveries Deliveries
	lease      time.Duration
}

// NewCourier returns a courier whose leases last ttl, which must exceed the
// longest time that sending takes.
func NewCourier(deliveries Deliveries, ttl time.Duration) *Courier {
	return &Courier{deliveries: deliveries, lease: ttl}
}

// Deliver calls send unless d was sent before; then it returns nil at once. A
// failure of send comes back as it is, after d was put back to pending.
func (c *Courier) Deliver(ctx context.Context, d Delivery, send func(ctx context.Context) error) error {
	lease, err := c.deliveries.Lease(ctx, d, c.lease)
	if errors.Is(err, ErrDelivered) {
		return nil
	}
	if err != nil {
		return err
	}
	sending, cancel := context.WithTimeout(ctx, c.lease)
	defer cancel()
	sendErr := send(sending)
	// What became of it is stored even if the caller is shutting down.
	storing, cancelStoring := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancelStoring()
	if sendErr != nil {
		return errors.Join(sendErr, c.deliveries.Release(storing, lease, sendErr))
	}
	return c.deliveries.Sent(storing, lease)
}

const storeTimeout = 5 * time.Second
