package bookingpg_test

import (
	"context"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/booking"
)

// slowProvider lets something happen between its answer and what we make of it.
type slowProvider struct {
	*fakeProvider
	meanwhile func() // once
}

func (p *slowProvider) pass() {
	if f := p.meanwhile; f != nil {
		p.meanwhile = nil
		f()
	}
}

func (p *slowProvider) Get(ctx context.Context, paymentKey string) (booking.ProviderPayment, error) {
	paid, err := p.fakeProvider.Get(ctx, paymentKey)
	p.pass()
	return paid, err
}

func (p *slowProvider) GetByOrder(ctx context.Context, orderID string) (booking.ProviderPayment, error) {
	paid, err := p.fakeProvider.GetByOrder(ctx, orderID)
	p.pass()
	return paid, err
}

// What a webhook tells while the answer to an earlier question is being stored is
// not forgotten with that question: the provider does not tell it again.
func TestAWebhookDuringALookIsHeard(t *testing.T) {
	t.Parallel()
	hear := func(h *house, b booking.Booking, id string, status booking.ProviderStatus) {
		if err := h.WebhookHint(h.t.Context(), booking.Hint{TransmissionID: id, OrderID: b.OrderID, Status: status}); err != nil {
			h.t.Error(err)
		}
	}
	t.Run("cancelled in the console", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t)
		b, confirm := h.confirmed("fan", "A-1")
		h.Service = h.service(h.store, &slowProvider{h.provider, func() {
			h.provider.mu.Lock()
			_, err := h.provider.giveBack(booking.CancelRequest{PaymentKey: confirm.PaymentKey, Reason: "by hand"})
			h.provider.mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			hear(h, b, "tx-2", booking.StatusCanceled)
		}})
		hear(h, b, "tx-1", booking.StatusCanceled)
		h.reconcile(b.ID, 6*time.Second)
		h.reconcile(b.ID, 6*time.Second)
		h.want(b.ID, booking.Cancelled, booking.PaymentCancelled)
		h.sound()
	})
	t.Run("money after all", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t)
		b, confirm := h.approved("fan", "A-1")
		h.Service = h.service(h.store, &slowProvider{h.provider, func() {
			h.provider.change(confirm.PaymentKey, func(p *booking.ProviderPayment) { p.Status, p.Balance = booking.StatusDone, p.Total })
			hear(h, b, "tx-2", booking.StatusDone)
		}})
		hear(h, b, "tx-1", booking.StatusDone) // too early
		h.reconcile(b.ID, 6*time.Second)
		h.reconcile(b.ID, 6*time.Second)
		h.want(b.ID, booking.Confirmed, booking.PaymentDone)
		h.sound()
	})
}
