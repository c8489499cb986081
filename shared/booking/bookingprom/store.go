// Package bookingprom counts what becomes of bookings, payments, refunds and the
// calls to the provider, for Prometheus. It stands before a store or a provider and
// changes nothing of what they do.
package bookingprom

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/errs"
)

// The outcomes that are no states.
const (
	requested    = "requested"
	captured     = "captured"
	capturedLate = "captured_late" // its booking could not be kept: the money goes back
	declined     = "declined"
	unknown      = "unknown"
	mismatch     = "mismatch" // money that is not what was asked for
	free         = "free"
	sent         = "sent"
	done         = "done"
	rejected     = "rejected"
	refused      = "refused"
)

// Store counts what a store has committed. What is rolled back is not counted.
type Store struct {
	booking.Store
	bookings *prometheus.CounterVec
	refusals *prometheus.CounterVec
	payments *prometheus.CounterVec
	refunds  *prometheus.CounterVec
}

// Observe counts what becomes of store's bookings, payments and refunds.
func Observe(store booking.Store, registerer prometheus.Registerer) *Store {
	factory := promauto.With(registerer)
	counter := func(name, help, label string, known ...string) *prometheus.CounterVec {
		c := factory.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
		for _, value := range known { // so that the first one of a kind already shows as an increase
			c.WithLabelValues(value)
		}
		return c
	}
	return &Store{
		Store: store,
		bookings: counter("fairgate_booking_bookings_total",
			"Bookings by what became of them here: created, refused, or the state they moved to.", "outcome",
			"created", refused, string(booking.Confirmed), string(booking.Expired), string(booking.Cancelling), string(booking.Cancelled)),
		refusals: counter("fairgate_booking_refusals_total",
			"Bookings that could not be made, by the code of the error.", "code",
			booking.ErrSeatTaken.Code, booking.ErrSeatLimit.Code, booking.ErrHoldUsed.Code),
		payments: counter("fairgate_booking_payments_total",
			"Payments by what became of them here: requested, captured, captured_late, free, declined, unknown, mismatch.", "outcome",
			requested, captured, capturedLate, free, declined, unknown, mismatch),
		refunds: counter("fairgate_booking_refunds_total",
			"Refunds by what became of them here: sent, done, rejected, unknown.", "outcome",
			sent, done, rejected, unknown),
	}
}

// count adds one once the transaction in ctx, if any, is committed.
func (s *Store) count(ctx context.Context, counter *prometheus.CounterVec, outcome string) {
	s.AfterCommit(ctx, func(context.Context) { counter.WithLabelValues(outcome).Inc() })
}

func (s *Store) countBooking(ctx context.Context, settled booking.Settlement, err error) {
	if err == nil && settled.Moved {
		s.count(ctx, s.bookings, string(settled.Booking.State))
	}
}

// Create implements booking.Store.
func (s *Store) Create(ctx context.Context, draft booking.Draft) (booking.Booking, error) {
	b, err := s.Store.Create(ctx, draft)
	if errors.Is(err, booking.ErrAnswered) || errors.Is(err, booking.ErrKeyInProgress) {
		return b, err // another request's booking
	}
	if err != nil { // at once: the transaction is rolled back
		s.bookings.WithLabelValues(refused).Inc()
		s.refusals.WithLabelValues(errs.From(err).Code).Inc()
		return b, err
	}
	s.count(ctx, s.bookings, "created")
	return b, nil
}

// ExpireDue implements booking.Store.
func (s *Store) ExpireDue(ctx context.Context, limit int) ([]booking.Settlement, error) {
	settled, err := s.Store.ExpireDue(ctx, limit)
	for _, one := range settled {
		s.countBooking(ctx, one, err)
	}
	return settled, err
}

// Confirm implements booking.Store. A booking that lost a seat expires instead.
func (s *Store) Confirm(ctx context.Context, command booking.ConfirmCommand, key *booking.TicketKey) (booking.Settlement, error) {
	settled, err := s.Store.Confirm(ctx, command, key)
	if !settled.Moved {
		return settled, err
	}
	switch state := settled.Booking.State; state {
	case booking.Paying:
		s.count(ctx, s.payments, requested)
	case booking.Confirmed:
		s.count(ctx, s.payments, free)
		s.count(ctx, s.bookings, string(state))
	default:
		s.count(ctx, s.bookings, string(state))
	}
	return settled, err
}

func (s *Store) countPayment(ctx context.Context, settled booking.Settlement, err error, outcome string) {
	if err == nil && settled.Moved {
		s.count(ctx, s.payments, outcome)
	}
}

// Capture implements booking.Store.
func (s *Store) Capture(ctx context.Context, charge booking.Charge, paid booking.ProviderPayment, key *booking.TicketKey) (booking.Settlement, error) {
	settled, err := s.Store.Capture(ctx, charge, paid, key)
	switch b := settled.Booking; {
	case b.Payment.PaymentKey != charge.PaymentKey: // a second one for a booking that is paid
		s.countPayment(ctx, settled, err, mismatch)
	case b.State == booking.Confirmed:
		s.countBooking(ctx, settled, err)
		s.countPayment(ctx, settled, err, captured)
	default:
		s.countPayment(ctx, settled, err, capturedLate)
	}
	return settled, err
}

// Decline implements booking.Store.
func (s *Store) Decline(ctx context.Context, charge booking.Charge, failure booking.Failure) (booking.Settlement, error) {
	settled, err := s.Store.Decline(ctx, charge, failure)
	s.countPayment(ctx, settled, err, declined)
	if settled.Booking.State == booking.Expired {
		s.countBooking(ctx, settled, err)
	}
	return settled, err
}

// Return implements booking.Store.
func (s *Store) Return(ctx context.Context, charge booking.Charge, paid booking.ProviderPayment, failure booking.Failure) (booking.Settlement, error) {
	settled, err := s.Store.Return(ctx, charge, paid, failure)
	s.countPayment(ctx, settled, err, mismatch)
	return settled, err
}

// Postpone implements booking.Store. An outcome that stays unknown is counted once.
func (s *Store) Postpone(ctx context.Context, charge booking.Charge, delay time.Duration) error {
	err := s.Store.Postpone(ctx, charge, delay)
	if err == nil && charge.State == booking.PaymentConfirming {
		s.count(ctx, s.payments, unknown)
	}
	return err
}

// Cancel implements booking.Store.
func (s *Store) Cancel(ctx context.Context, bookingID, reason, requestID string) (booking.Settlement, error) {
	settled, err := s.Store.Cancel(ctx, bookingID, reason, requestID)
	s.countBooking(ctx, settled, err)
	return settled, err
}

// Abandon implements booking.Refunds.
func (s *Store) Abandon(ctx context.Context, bookingID string) (booking.Settlement, error) {
	settled, err := s.Store.Abandon(ctx, bookingID)
	s.countCancelled(ctx, settled, err)
	return settled, err
}

// External implements booking.Store.
func (s *Store) External(ctx context.Context, charge booking.Charge, paid booking.ProviderPayment) (booking.Settlement, error) {
	settled, err := s.Store.External(ctx, charge, paid)
	s.countCancelled(ctx, settled, err)
	return settled, err
}

func (s *Store) countCancelled(ctx context.Context, settled booking.Settlement, err error) {
	if settled.Booking.State == booking.Cancelled {
		s.countBooking(ctx, settled, err)
	}
}

// LeaseRefunds implements booking.Store.
func (s *Store) LeaseRefunds(ctx context.Context, limit int) ([]booking.RefundOrder, error) {
	orders, err := s.Store.LeaseRefunds(ctx, limit)
	for _, order := range orders {
		if order.Fresh {
			s.count(ctx, s.refunds, sent)
		}
	}
	return orders, err
}

// RefundDone implements booking.Store.
func (s *Store) RefundDone(ctx context.Context, order booking.RefundOrder, made booking.ProviderCancel) (booking.Settlement, error) {
	settled, err := s.Store.RefundDone(ctx, order, made)
	if err == nil && settled.Moved {
		s.count(ctx, s.refunds, done)
	}
	s.countCancelled(ctx, settled, err)
	return settled, err
}

// RefundRejected implements booking.Store.
func (s *Store) RefundRejected(ctx context.Context, order booking.RefundOrder, failure booking.Failure) error {
	return s.countRefund(ctx, rejected, s.Store.RefundRejected(ctx, order, failure))
}

// RefundUnknown implements booking.Store. It is counted at each look in vain.
func (s *Store) RefundUnknown(ctx context.Context, order booking.RefundOrder, delay time.Duration) error {
	return s.countRefund(ctx, unknown, s.Store.RefundUnknown(ctx, order, delay))
}

func (s *Store) countRefund(ctx context.Context, outcome string, err error) error {
	if err == nil {
		s.count(ctx, s.refunds, outcome)
	}
	return err
}
