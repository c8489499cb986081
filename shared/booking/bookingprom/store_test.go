package bookingprom_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/booking/bookingprom"
)

// answers is a store that says what it is told to say, inside a transaction that is
// committed later or not at all.
type answers struct {
	booking.Store
	settled booking.Settlement
	err     error
	after   []func(context.Context)
}

func (a *answers) AfterCommit(_ context.Context, f func(context.Context)) {
	a.after = append(a.after, f)
}

func (a *answers) commit() {
	for _, f := range a.after {
		f(context.Background())
	}
}

func (a *answers) Create(context.Context, booking.Draft) (booking.Booking, error) {
	return booking.Booking{}, a.err
}

func (a *answers) Confirm(context.Context, booking.ConfirmCommand, *booking.TicketKey) (booking.Settlement, error) {
	return a.settled, a.err
}

func (a *answers) Capture(context.Context, booking.Charge, booking.ProviderPayment, *booking.TicketKey) (booking.Settlement, error) {
	return a.settled, a.err
}

func (a *answers) Decline(context.Context, booking.Charge, booking.Failure) (booking.Settlement, error) {
	return a.settled, a.err
}

func (a *answers) Postpone(context.Context, booking.Charge, time.Duration) error { return a.err }

func (a *answers) RefundRejected(context.Context, booking.RefundOrder, booking.Failure) error {
	return a.err
}

func moved(state booking.State, paymentKey string) booking.Settlement {
	return booking.Settlement{Moved: true, Booking: booking.Booking{State: state, Payment: booking.Payment{PaymentKey: paymentKey}}}
}

func TestWhatIsCommittedIsCounted(t *testing.T) {
	t.Parallel()
	ctx, charge := context.Background(), booking.Charge{PaymentKey: "key", State: booking.PaymentConfirming}
	capture := func(s booking.Store) { _, _ = s.Capture(ctx, charge, booking.ProviderPayment{}, nil) }
	decline := func(s booking.Store) { _, _ = s.Decline(ctx, charge, booking.Failure{}) }
	confirm := func(s booking.Store) { _, _ = s.Confirm(ctx, booking.ConfirmCommand{}, nil) }
	const bookings, payments, refunds = "fairgate_booking_bookings_total ", "fairgate_booking_payments_total ", "fairgate_booking_refunds_total "
	cases := []struct {
		name    string
		do      func(s booking.Store)
		settled booking.Settlement
		err     error
		want    []string // metric and outcome, each counted once; everything else is 0
	}{
		{"created", func(s booking.Store) { _, _ = s.Create(ctx, booking.Draft{}) }, booking.Settlement{}, nil, []string{bookings + "created"}},
		{"refused", func(s booking.Store) { _, _ = s.Create(ctx, booking.Draft{}) }, booking.Settlement{}, booking.ErrSeatTaken,
			[]string{bookings + "refused", "fairgate_booking_refusals_total " + booking.ErrSeatTaken.Code}},
		{"answered before", func(s booking.Store) { _, _ = s.Create(ctx, booking.Draft{}) }, booking.Settlement{}, booking.ErrAnswered, nil},
		{"free", confirm, moved(booking.Confirmed, ""), nil, []string{bookings + "confirmed", payments + "free"}},
		{"requested", confirm, moved(booking.Paying, "key"), nil, []string{payments + "requested"}},
		{"lost a seat", confirm, moved(booking.Expired, "key"), booking.ErrNotPayable, []string{bookings + "expired"}},
		{"asked twice", confirm, booking.Settlement{Booking: booking.Booking{State: booking.Paying}}, nil, nil},
		{"captured", capture, moved(booking.Confirmed, "key"), nil, []string{bookings + "confirmed", payments + "captured"}},
		{"captured too late", capture, moved(booking.Expired, "key"), nil, []string{payments + "captured_late"}},
		{"captured twice", capture, moved(booking.Confirmed, "another"), nil, []string{payments + "mismatch"}},
		{"settled before", capture, booking.Settlement{Booking: booking.Booking{State: booking.Confirmed}}, nil, nil},
		{"declined", decline, moved(booking.PendingPayment, "key"), nil, []string{payments + "declined"}},
		{"declined late", decline, moved(booking.Expired, "key"), nil, []string{payments + "declined", bookings + "expired"}},
		{"not stored", decline, moved(booking.Expired, "key"), errors.New("no database"), nil},
		{"unknown", func(s booking.Store) { _ = s.Postpone(ctx, charge, time.Second) }, booking.Settlement{}, nil, []string{payments + "unknown"}},
		{"rejected refund", func(s booking.Store) { _ = s.RefundRejected(ctx, booking.RefundOrder{}, booking.Failure{}) }, booking.Settlement{}, nil,
			[]string{refunds + "rejected"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			registry := prometheus.NewRegistry()
			store := &answers{settled: c.settled, err: c.err}
			c.do(bookingprom.Observe(store, registry))
			if before := counted(t, registry); c.err == nil && len(before) > 0 {
				t.Errorf("counted before the commit: %v", before)
			}
			store.commit()
			got := counted(t, registry)
			if len(got) != len(c.want) {
				t.Errorf("counted %v, want %v", got, c.want)
			}
			for _, name := range c.want {
				if got[name] != 1 {
					t.Errorf("%s is %v, want 1", name, got[name])
				}
			}
		})
	}
}

// counted returns the counters that are not 0 by their name and label.
func counted(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if value := m.GetCounter().GetValue(); value != 0 {
				found[family.GetName()+" "+m.GetLabel()[0].GetValue()] = value
			}
		}
	}
	return found
}

// provider answers every confirm with err.
type provider struct {
	booking.Provider
	err error
}

func (p provider) Confirm(context.Context, string, booking.ConfirmRequest) (booking.ProviderPayment, error) {
	return booking.ProviderPayment{}, p.err
}

func TestProviderCallsAreTimedByWhatTheAnswerSays(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"answered": nil,
		"refused":  &booking.ProviderError{Kind: booking.Declined},
		"failed":   &booking.ProviderError{Kind: booking.Failing},
	} {
		registry := prometheus.NewRegistry()
		_, _ = bookingprom.ObserveProvider(provider{err: err}, registry).Confirm(context.Background(), "", booking.ConfirmRequest{})
		families, gatherErr := registry.Gather()
		if gatherErr != nil {
			t.Fatal(gatherErr)
		}
		for _, m := range families[0].GetMetric() {
			hit := m.GetLabel()[0].GetValue() == "confirm" && m.GetLabel()[1].GetValue() == want
			if count := m.GetHistogram().GetSampleCount(); (count == 1) != hit {
				t.Errorf("%v: %v was counted %d times", err, m.GetLabel(), count)
			}
		}
	}
}
