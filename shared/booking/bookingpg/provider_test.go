package bookingpg_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/money"
)

// fault is what goes wrong with one request to the provider.
type fault struct {
	carriedOut bool // the request has its effect all the same; only its answer is lost
	err        *booking.ProviderError
}

var (
	silence     = fault{err: &booking.ProviderError{Kind: booking.NoAnswer, Cause: errors.New("timeout")}}
	lostAnswer  = fault{carriedOut: true, err: silence.err}
	processing  = fault{err: &booking.ProviderError{Kind: booking.Processing, Code: "IDEMPOTENT_REQUEST_PROCESSING"}}
	failing     = fault{err: &booking.ProviderError{Kind: booking.Failing, Code: "PROVIDER_ERROR"}}
	failingDone = fault{carriedOut: true, err: failing.err}
	noSession   = fault{err: &booking.ProviderError{Kind: booking.NoSession, Code: "NOT_FOUND_PAYMENT_SESSION"}}
	refused     = fault{err: &booking.ProviderError{Kind: booking.Declined, Code: "REJECT_CARD_COMPANY", Message: "한도 초과"}}
)

// fakeProvider stands in for the payment provider: it captures what fans approved,
// replays by idempotency key as the real one does, and fails on request.
type fakeProvider struct {
	mu       sync.Mutex
	payments map[string]*booking.ProviderPayment
	replays  map[string]func() (booking.ProviderPayment, error)
	faults   map[string][]fault // by method
	calls    map[string]int     // by method
	keys     []string           // idempotency keys of confirms, as they came
	captures int
	cancels  int
	arrived  atomic.Int32 // confirms, also those that wait for another to be answered
	// onConfirm, if set, runs in the middle of a confirm, after the capture.
	onConfirm func()
}

func newFakeProvider() *fakeProvider {
	return &fakeProvider{
		payments: map[string]*booking.ProviderPayment{}, replays: map[string]func() (booking.ProviderPayment, error){},
		faults: map[string][]fault{}, calls: map[string]int{},
	}
}

// approve is the fan approving in the window.
func (f *fakeProvider) approve(paymentKey, orderID string, amount money.KRW) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.payments[paymentKey] = &booking.ProviderPayment{
		PaymentKey: paymentKey, OrderID: orderID, Status: booking.StatusInProgress, Currency: "KRW", Total: amount,
	}
}

// change edits a payment behind our back.
func (f *fakeProvider) change(paymentKey string, edit func(p *booking.ProviderPayment)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	edit(f.payments[paymentKey])
}

func (f *fakeProvider) fail(method string, faults ...fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults[method] = append(f.faults[method], faults...)
}

func (f *fakeProvider) count(method string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[method]
}

// held is the money the provider has of all orders.
func (f *fakeProvider) held() money.KRW {
	f.mu.Lock()
	defer f.mu.Unlock()
	var sum money.KRW
	for _, p := range f.payments {
		sum += p.Balance
	}
	return sum
}

func (f *fakeProvider) next(method string) fault {
	f.calls[method]++
	queue := f.faults[method]
	if len(queue) == 0 {
		return fault{carriedOut: true}
	}
	f.faults[method] = queue[1:]
	return queue[0]
}

func (f *fakeProvider) Confirm(_ context.Context, key string, r booking.ConfirmRequest) (booking.ProviderPayment, error) {
	f.arrived.Add(1)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.keys = append(f.keys, key)
	now := f.next("confirm")
	paid, err := f.once(key, now, func() (booking.ProviderPayment, error) { return f.capture(r) })
	if f.onConfirm != nil {
		f.onConfirm()
	}
	return paid, err
}

// once replays what a key was answered with; a request that never arrived, and one
// that is still being processed, leave no answer behind.
func (f *fakeProvider) once(key string, now fault, effect func() (booking.ProviderPayment, error)) (booking.ProviderPayment, error) {
	if replay, ok := f.replays[key]; ok && now.err == nil {
		return replay()
	}
	if now.err == nil || now.carriedOut {
		if _, done := f.replays[key]; !done {
			paid, err := effect()
			f.replays[key] = func() (booking.ProviderPayment, error) { return paid, err }
		}
	}
	if now.err == nil {
		return f.replays[key]()
	}
	if now.err.Kind == booking.Failing || now.err.Kind == booking.Declined {
		f.replays[key] = func() (booking.ProviderPayment, error) { return booking.ProviderPayment{}, now.err }
	}
	return booking.ProviderPayment{}, now.err
}

func (f *fakeProvider) capture(r booking.ConfirmRequest) (booking.ProviderPayment, error) {
	p, ok := f.payments[r.PaymentKey]
	switch {
	case !ok:
		return booking.ProviderPayment{}, noSession.err
	case p.Status != booking.StatusInProgress:
		return booking.ProviderPayment{}, &booking.ProviderError{Kind: booking.AlreadyProcessed, Code: "ALREADY_PROCESSED_PAYMENT"}
	case p.OrderID != r.OrderID || p.Total != r.Amount:
		return booking.ProviderPayment{}, &booking.ProviderError{Kind: booking.Declined, Code: "INVALID_REQUEST"}
	}
	f.captures++
	p.Status, p.Balance, p.Method, p.ApprovedAt = booking.StatusDone, p.Total, "카드", time.Now().UTC()
	return *p, nil
}

func (f *fakeProvider) Get(_ context.Context, paymentKey string) (booking.ProviderPayment, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := f.next("get"); now.err != nil {
		return booking.ProviderPayment{}, now.err
	}
	return f.find(func(p *booking.ProviderPayment) bool { return p.PaymentKey == paymentKey })
}

func (f *fakeProvider) GetByOrder(_ context.Context, orderID string) (booking.ProviderPayment, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := f.next("order"); now.err != nil {
		return booking.ProviderPayment{}, now.err
	}
	return f.find(func(p *booking.ProviderPayment) bool { return p.OrderID == orderID })
}

func (f *fakeProvider) find(match func(*booking.ProviderPayment) bool) (booking.ProviderPayment, error) {
	for _, p := range f.payments {
		if match(p) {
			return *p, nil
		}
	}
	return booking.ProviderPayment{}, &booking.ProviderError{Kind: booking.NotFound, Code: "NOT_FOUND_PAYMENT"}
}

func (f *fakeProvider) Cancel(_ context.Context, key string, r booking.CancelRequest) (booking.ProviderPayment, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.next("cancel")
	return f.once(key, now, func() (booking.ProviderPayment, error) { return f.giveBack(r) })
}

func (f *fakeProvider) giveBack(r booking.CancelRequest) (booking.ProviderPayment, error) {
	p, ok := f.payments[r.PaymentKey]
	if !ok {
		return booking.ProviderPayment{}, &booking.ProviderError{Kind: booking.NotFound, Code: "NOT_FOUND_PAYMENT"}
	}
	amount := r.Amount
	if amount == 0 {
		amount = p.Balance
	}
	if p.Balance == 0 {
		return booking.ProviderPayment{}, &booking.ProviderError{Kind: booking.AlreadyProcessed, Code: "ALREADY_CANCELED_PAYMENT"}
	}
	if amount > p.Balance {
		return booking.ProviderPayment{}, &booking.ProviderError{Kind: booking.Declined, Code: "NOT_CANCELABLE_AMOUNT"}
	}
	f.cancels++
	p.Balance -= amount
	p.Status = booking.StatusPartialCanceled
	if p.Balance == 0 {
		p.Status = booking.StatusCanceled
	}
	p.Cancels = append(p.Cancels[:len(p.Cancels):len(p.Cancels)], booking.ProviderCancel{
		TransactionKey: fmt.Sprintf("%s-cancel-%d", r.PaymentKey, len(p.Cancels)+1), Amount: amount, Reason: r.Reason, CanceledAt: time.Now().UTC(),
	})
	return *p, nil
}
