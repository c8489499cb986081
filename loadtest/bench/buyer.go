package bench

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// seatStock hands out pairs of seats, each once.
type seatStock struct {
	seats []string
	taken atomic.Int64
}

// pair returns two neighbours in the map's order; nil when all are given.
func (s *seatStock) pair() []string {
	last := int(s.taken.Add(2))
	if last > len(s.seats) {
		return nil
	}
	return s.seats[last-2 : last]
}

// buyer buys like a fan's browser: through the gateway and the provider's window,
// one request after the other.
type buyer struct {
	gateway, provider connection
}

func (b *Bench) newBuyer() *buyer {
	return &buyer{gateway: connection{addr: b.System.gateway()}, provider: connection{addr: b.System.provider()}}
}

func (b *buyer) close() {
	b.gateway.close()
	b.provider.close()
}

var errNotConfirmed = errors.New("the booking is not confirmed")

// order holds the seats, books them, approves the payment and confirms it. It
// returns how long it took from confirm to confirmed.
func (b *buyer) order(f *fan, showtimeID string, seats []string) (time.Duration, error) {
	key := "order-" + seats[0]
	var hold struct {
		ID string `json:"hold_id"`
	}
	if err := ask(&b.gateway, f.holdRequest(showtimeID, seats, key), &hold); err != nil {
		return 0, err
	}
	var booking struct {
		OrderID string `json:"order_id"`
		Amount  int64  `json:"amount"`
	}
	book := newRequest("POST", "/v1/bookings", `{"hold_id":"`+hold.ID+`"}`, f.headers(header{"Idempotency-Key", key})...)
	if err := ask(&b.gateway, book, &booking); err != nil {
		return 0, err
	}
	var payment struct {
		Key string `json:"payment_key"`
	}
	approve := fmt.Sprintf(`{"order_id":%q,"amount":%d,"method":"카드"}`, booking.OrderID, booking.Amount)
	if err := ask(&b.provider, newRequest("POST", "/sim/payments", approve), &payment); err != nil {
		return 0, err
	}
	confirm := newRequest("POST", "/v1/payments/confirm",
		fmt.Sprintf(`{"payment_key":%q,"order_id":%q,"amount":%d}`, payment.Key, booking.OrderID, booking.Amount),
		f.headers(header{"Idempotency-Key", key}, header{"Prefer", "wait=10"})...)
	var outcome struct {
		State string `json:"booking_state"`
	}
	start := time.Now()
	if err := ask(&b.gateway, confirm, &outcome); err != nil {
		return 0, err
	}
	if outcome.State != "confirmed" {
		return 0, fmt.Errorf("%w: %s is %s", errNotConfirmed, booking.OrderID, outcome.State)
	}
	return time.Since(start), nil
}

// goThroughLine joins and waits until it has its pass.
func (b *buyer) goThroughLine(ctx context.Context, f *fan, saleID string) error {
	if err := f.join(&b.gateway, saleID); err != nil {
		return err
	}
	for {
		retry, err := f.enter(&b.gateway, saleID)
		if err != nil || f.pass != "" {
			return err
		}
		if err := pause(ctx, retry); err != nil {
			return err
		}
	}
}
