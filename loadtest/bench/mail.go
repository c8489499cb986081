package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The pace is what the eight consumers of mails keep up with while each mail takes a
// second, so that both sides do the same work while they are measured.
const (
	mailPairs      = 3  // of rounds: 0, 1,000, 1,000, 0 ms, and so on
	mailWarmUp     = 10 // orders of each round that do not count
	mailOrders     = 55 // of each round that do
	mailPerSecond  = 7
	mailBuyers     = 16
	slowMailMillis = 1_000
)

// mailRounds are the delays of all rounds in their order: whatever drifts meanwhile
// weighs on both sides alike.
func mailRounds() []int {
	var delays []int
	for range mailPairs {
		delays = append(delays, 0, slowMailMillis, slowMailMillis, 0)
	}
	return delays
}

// measureMail compares how long a payment takes to be confirmed while the mail
// server answers at once and while it takes a second for each mail.
func measureMail(ctx context.Context, b *Bench) (Outcome, error) {
	rounds := mailRounds()
	orders := mailOrders + len(rounds)*(mailWarmUp+mailOrders)
	sold, err := b.newSale(ctx, hurry(saleOptions{Seats: 2 * orders, MaxSeatsPerAccount: 4, HoldSeconds: 300, Price: 50_000}))
	if err != nil {
		return Outcome{}, err
	}
	seats, err := b.seats(ctx, sold.Showtime)
	if err != nil {
		return Outcome{}, err
	}
	fans, err := b.entered(ctx, sold.ID, orders)
	if err != nil {
		return Outcome{}, err
	}
	defer func() { _ = b.slowMail(context.WithoutCancel(ctx), 0) }()
	shop := shop{sale: sold, fans: fans, stock: &seatStock{seats: seats}}
	if _, err := b.pacedOrders(ctx, &shop, mailOrders); err != nil { // the first are slower than all others
		return Outcome{}, err
	}
	times := map[int][]time.Duration{}
	for n, delay := range rounds {
		took, err := b.mailRound(ctx, &shop, delay)
		if err != nil {
			return Outcome{}, fmt.Errorf("round %d, mail server answering in %d ms: %w", n+1, delay, err)
		}
		b.say("round %-2d  %5d ms  %s", n+1, delay, describe(sampleOf(slices.Clone(took), 0, mailOrders*time.Second/mailPerSecond)))
		times[delay] = append(times[delay], took...)
	}
	return mailOutcome(times[0], times[slowMailMillis]), nil
}

// mailOutcome compares the orders of all rounds.
func mailOutcome(fast, slow []time.Duration) Outcome {
	at0, at1000 := sampleOf(fast, 0, 0), sampleOf(slow, 0, 0)
	apart := p50ms(at1000)/p50ms(at0) - 1
	o := Outcome{Value: fmt.Sprintf("%+.1f %% (p50)", apart*100), Hit: math.Abs(apart) <= 0.05}
	o.add("p50 at 0 ms", p50ms(at0), "ms")
	o.add("p50 at 1,000 ms", p50ms(at1000), "ms")
	o.add("p99 at 0 ms", p99ms(at0), "ms")
	o.add("p99 at 1,000 ms", p99ms(at1000), "ms")
	o.add("orders a side", float64(at0.Count), "")
	return o
}

// mailRound lets some fans order while the mail server is as slow as that. It ends
// when every mail has left, so that no round pays for another's.
func (b *Bench) mailRound(ctx context.Context, s *shop, delayMillis int) ([]time.Duration, error) {
	if err := b.slowMail(ctx, delayMillis); err != nil {
		return nil, err
	}
	times, err := b.pacedOrders(ctx, s, mailWarmUp+mailOrders)
	if err != nil {
		return nil, err
	}
	if err := b.slowMail(ctx, 0); err != nil {
		return nil, err
	}
	_, err = b.mailed(ctx, s.sale.ID)
	return times[mailWarmUp:], err
}

func (b *Bench) slowMail(ctx context.Context, delayMillis int) error {
	_, err := fetch(ctx, "PUT", "http://"+b.System.catcher()+"/api/faults", strings.NewReader(fmt.Sprintf(`{"smtp_delay_ms":%d}`, delayMillis)))
	return err
}

// shop is a sale whose fans have entered and have not bought.
type shop struct {
	sale  sale
	fans  []*fan
	stock *seatStock
}

// pacedOrders lets the next fans order once each, at a steady pace far below what
// the system can take, so that nothing is measured but the way of one order. It
// returns how long each took, in the order in which they began: at a random moment of
// their turn, for mails that end a second later shall not always meet the same step.
func (b *Bench) pacedOrders(ctx context.Context, s *shop, orders int) ([]time.Duration, error) {
	fans := s.fans[:orders]
	s.fans = s.fans[orders:]
	times, failures := make([]time.Duration, orders), make([]error, mailBuyers)
	var next atomic.Int64
	start := time.Now()
	var buyers sync.WaitGroup
	for i := range mailBuyers {
		buyers.Go(func() {
			buyer := b.newBuyer()
			defer buyer.close()
			for failures[i] == nil {
				n := int(next.Add(1)) - 1
				if n >= orders {
					return
				}
				turn := (float64(n) + rand.Float64()) / mailPerSecond
				if failures[i] = pause(ctx, time.Until(start.Add(time.Duration(turn*float64(time.Second))))); failures[i] == nil {
					times[n], failures[i] = buyer.order(fans[n], s.sale.Showtime, s.stock.pair())
				}
			}
		})
	}
	buyers.Wait()
	return times, errors.Join(failures...)
}
