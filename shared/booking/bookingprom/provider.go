package bookingprom

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/fairgate/fairgate/shared/booking"
)

// Provider times the calls to a payment provider.
type Provider struct {
	provider booking.Provider
	duration *prometheus.HistogramVec
}

// ObserveProvider times provider's calls.
func ObserveProvider(provider booking.Provider, registerer prometheus.Registerer) *Provider {
	duration := promauto.With(registerer).NewHistogramVec(prometheus.HistogramOpts{
		Name:    "fairgate_provider_call_duration_seconds",
		Help:    "Time the payment provider took, by call (confirm, get, cancel) and outcome (answered, refused: it said no, failed: no clear answer).",
		Buckets: []float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 10},
	}, []string{"call", "outcome"})
	for _, call := range []string{"confirm", "get", "cancel"} {
		for _, outcome := range []string{"answered", "refused", "failed"} {
			duration.WithLabelValues(call, outcome)
		}
	}
	return &Provider{provider, duration}
}

func (p *Provider) call(name string, f func() (booking.ProviderPayment, error)) (booking.ProviderPayment, error) {
	started := time.Now()
	paid, err := f()
	p.duration.WithLabelValues(name, outcomeOf(err)).Observe(time.Since(started).Seconds())
	return paid, err
}

func outcomeOf(err error) string {
	if err == nil {
		return "answered"
	}
	var answer *booking.ProviderError
	if !errors.As(err, &answer) || answer.Kind <= booking.Failing { // the kinds that say nothing about the money
		return "failed"
	}
	return "refused"
}

// Confirm implements booking.Provider.
func (p *Provider) Confirm(ctx context.Context, key string, request booking.ConfirmRequest) (booking.ProviderPayment, error) {
	return p.call("confirm", func() (booking.ProviderPayment, error) { return p.provider.Confirm(ctx, key, request) })
}

// Get implements booking.Provider.
func (p *Provider) Get(ctx context.Context, paymentKey string) (booking.ProviderPayment, error) {
	return p.call("get", func() (booking.ProviderPayment, error) { return p.provider.Get(ctx, paymentKey) })
}

// GetByOrder implements booking.Provider.
func (p *Provider) GetByOrder(ctx context.Context, orderID string) (booking.ProviderPayment, error) {
	return p.call("get", func() (booking.ProviderPayment, error) { return p.provider.GetByOrder(ctx, orderID) })
}

// Cancel implements booking.Provider.
func (p *Provider) Cancel(ctx context.Context, key string, request booking.CancelRequest) (booking.ProviderPayment, error) {
	return p.call("cancel", func() (booking.ProviderPayment, error) { return p.provider.Cancel(ctx, key, request) })
}
