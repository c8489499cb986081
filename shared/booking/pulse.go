package booking

import (
	"context"
	"sync/atomic"
	"time"
)

// illAfter is how many requests in a row the provider must leave unanswered, or
// answer with an error of its own, to count as ill.
const illAfter = 5

// pulse watches whether the provider answers. While it does not, one look at a time
// is enough; with its first answer everything that was put off is due at once, so
// that nobody waits for a back-off that has lost its reason.
type pulse struct {
	Provider
	failures  atomic.Int64 // in a row
	recovered func(ctx context.Context)
}

func (p *pulse) ill() bool { return p.failures.Load() >= illAfter }

// beat takes note of an answer.
func (p *pulse) beat(ctx context.Context, err error) {
	if err != nil {
		switch answerOf(err).Kind {
		case NoAnswer, Failing:
			p.failures.Add(1)
			return
		case Processing:
			return
		}
	}
	if p.failures.Load() > 0 && p.failures.Swap(0) >= illAfter {
		p.recovered(ctx)
	}
}

func (p *pulse) Confirm(ctx context.Context, key string, request ConfirmRequest) (ProviderPayment, error) {
	paid, err := p.Provider.Confirm(ctx, key, request)
	p.beat(ctx, err)
	return paid, err
}

func (p *pulse) Get(ctx context.Context, paymentKey string) (ProviderPayment, error) {
	paid, err := p.Provider.Get(ctx, paymentKey)
	p.beat(ctx, err)
	return paid, err
}

func (p *pulse) GetByOrder(ctx context.Context, orderID string) (ProviderPayment, error) {
	paid, err := p.Provider.GetByOrder(ctx, orderID)
	p.beat(ctx, err)
	return paid, err
}

func (p *pulse) Cancel(ctx context.Context, key string, request CancelRequest) (ProviderPayment, error) {
	paid, err := p.Provider.Cancel(ctx, key, request)
	p.beat(ctx, err)
	return paid, err
}

const hastenTimeout = 5 * time.Second

// hasten makes everything due that waits for its next look.
func (s *Service) hasten(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), hastenTimeout)
	defer cancel()
	n, err := s.store.Hasten(ctx)
	s.log.InfoContext(ctx, "the payment provider answers again", "hastened", n, "error", err)
}

// width is how many may ask the provider side by side.
func (s *Service) width() int {
	if s.provider.ill() {
		return 1
	}
	return reconcilers
}
