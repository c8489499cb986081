package booking

import (
	"context"
	"time"
)

// Hint is a webhook of the provider. It is unsigned: it never changes anything by
// itself, it only makes us ask.
type Hint struct {
	TransmissionID string // stored once by it
	Type           string // "PAYMENT_STATUS_CHANGED"
	OrderID        string
	PaymentKey     string
	Status         ProviderStatus // as it claims
	Body           []byte         // as received
}

// HintBody is how much of a webhook's body is kept, in bytes.
const HintBody = 4 << 10

// HintPause is the shortest time between two questions about one payment for the
// sake of webhooks.
const HintPause = 5 * time.Second

// WebhookHint stores a webhook if it may be news to us, and has ReconcileDue ask the
// provider. It asks nothing itself, so that the webhook is answered at once.
func (s *Service) WebhookHint(ctx context.Context, hint Hint) error {
	_, err := s.store.Hint(ctx, hint)
	return err
}

// IsNews reports whether a payment in state should be looked at because of a webhook
// that claims status. leased says that somebody is asking the provider just now: then
// they hear of the money themselves, and the webhook must not wait for their row.
func (h Hint) IsNews(state PaymentState, leased bool) bool {
	switch state {
	case PaymentConfirming, PaymentUnknown:
		return !leased || h.Status != StatusDone
	case PaymentWaitingForDeposit:
		return true
	case PaymentDone, PaymentPartiallyCancelled:
		return h.Status != StatusDone
	case PaymentReady, PaymentFailed, PaymentExpired:
		return h.Status == StatusDone || h.Status == StatusPartialCanceled
	}
	return false
}
