package booking

import (
	"context"
	"log/slog"
	"time"

	"github.com/fairgate/fairgate/shared/catalogue"
)

// Programme is what a booking copies from the catalogue. It answers from memory.
type Programme interface {
	Catalogue
	Performance(ctx context.Context, id string) (catalogue.Performance, error)
}

// HoldReader finds the hold that a booking is made from.
type HoldReader interface {
	// Get returns the account's hold: ErrHoldNotFound if it is not one of ours or not
	// theirs, ErrHoldExpired if it lapsed or was released.
	Get(ctx context.Context, accountID, holdID string) (Hold, error)
}

// Wakes lets those who wait for a payment sleep. It may lose a call: waiters also
// look by themselves.
type Wakes interface {
	// Wake says that the payment's state has changed.
	Wake(ctx context.Context, paymentID string)
	// Wait returns a channel that receives after a Wake; stop ends it.
	Wait(paymentID string) (woken <-chan struct{}, stop func())
}

// Options are what a Service is made of.
type Options struct {
	Store        Store
	Holds        HoldReader // API only
	Programme    Programme  // API only
	Provider     Provider   // worker only
	ProviderName string     // "toss"
	Feed         SeatFeed
	Wakes        Wakes // nil: waiters only poll
	// Requested tells the workers that a capture has been asked for; it may be lost.
	Requested func(ctx context.Context) // nil: they find out by themselves
	Tickets   *TicketKey                // nil: those that are confirmed here ask for tickets by an event
	Log       *slog.Logger
	// Alarm counts what an operator must look at, by kind; nil: only logged.
	Alarm func(kind string)
}

// Service is the use cases of bookings. Safe for concurrent use.
type Service struct {
	store     Store
	holds     HoldReader
	programme Programme
	provider  *pulse
	name      string
	feed      SeatFeed
	wakes     Wakes
	requested func(ctx context.Context)
	tickets   *TicketKey
	log       *slog.Logger
	alarms    func(kind string)
}

// NewService returns the use cases made of o.
func NewService(o Options) *Service {
	s := &Service{
		store: o.Store, holds: o.Holds, programme: o.Programme, name: o.ProviderName,
		feed: o.Feed, wakes: o.Wakes, requested: o.Requested, tickets: o.Tickets, log: o.Log, alarms: o.Alarm,
	}
	s.provider = &pulse{Provider: o.Provider, recovered: s.hasten}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.wakes == nil {
		s.wakes = noWakes{}
	}
	if s.requested == nil {
		s.requested = func(context.Context) {}
	}
	if s.alarms == nil {
		s.alarms = func(string) {}
	}
	return s
}

type noWakes struct{}

func (noWakes) Wake(context.Context, string)                     {}
func (noWakes) Wait(string) (woken <-chan struct{}, stop func()) { return nil, func() {} }

// alarm tells an operator about something that no code can put right.
func (s *Service) alarm(ctx context.Context, kind string, args ...any) {
	s.alarms(kind)
	s.log.ErrorContext(ctx, "alarm: "+kind, args...)
}

const publishTimeout = time.Second

// announce publishes the seats that a settlement changed, once it is committed. A lost publish is healed by the readers' reload.
func (s *Service) announce(ctx context.Context, settled Settlement) {
	if !settled.Moved || len(settled.Seats) == 0 || s.feed == nil {
		return
	}
	s.store.AfterCommit(ctx, func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), publishTimeout)
		defer cancel()
		b := settled.Booking
		if err := s.feed.Publish(ctx, b.PerformanceID, b.ShowtimeID, settled.Seats); err != nil {
			s.log.WarnContext(ctx, "seat changes not published", "booking", b.ID, "error", err)
		}
	})
}
