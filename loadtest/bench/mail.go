package bench

import (
	"context"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	mailRounds     = 3
	mailOrders     = 150 // a round
	mailPerSecond  = 20
	mailBuyers     = 16
	slowMailMillis = 1_000
)

// measureMail compares how long a payment takes to be confirmed while the mail
// server answers at once and while it takes a second for each mail.
func measureMail(ctx context.Context, b *Bench) (Outcome, error) {
	const orders = 2 * mailRounds * mailOrders
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
	stock, bought := &seatStock{seats: seats}, 0
	round := func(delay int) func(context.Context, int) (Sample, error) {
		return func(ctx context.Context, _ int) (Sample, error) {
			if err := b.slowMail(ctx, delay); err != nil {
				return Sample{}, err
			}
			some := fans[bought : bought+mailOrders]
			bought += mailOrders
			s, err := b.pacedOrders(ctx, sold.Showtime, some, stock)
			if err != nil {
				return s, err
			}
			if err := b.slowMail(ctx, 0); err != nil {
				return s, err
			}
			_, err = b.mailed(ctx, sold.ID) // so that no round pays for another's mails
			return s, err
		}
	}
	samples, err := b.interleave(ctx, mailRounds, side{"0 ms", round(0)}, side{"1,000 ms", round(slowMailMillis)})
	if err != nil {
		return Outcome{}, err
	}
	fast, slow := medianOf(samples[0], p50ms), medianOf(samples[1], p50ms)
	o := Outcome{Value: fmt.Sprintf("%+.1f %% (p50)", (slow/fast-1)*100), Hit: math.Abs(slow/fast-1) <= 0.05}
	o.add("p50 at 0 ms", fast, "ms")
	o.add("p50 at 1,000 ms", slow, "ms")
	o.add("p99 at 0 ms", medianOf(samples[0], p99ms), "ms")
	o.add("p99 at 1,000 ms", medianOf(samples[1], p99ms), "ms")
	return o.failures(samples...), nil
}

func (b *Bench) slowMail(ctx context.Context, delayMillis int) error {
	_, err := fetch(ctx, "PUT", "http://"+b.System.catcher()+"/api/faults", strings.NewReader(fmt.Sprintf(`{"smtp_delay_ms":%d}`, delayMillis)))
	return err
}

// pacedOrders lets each fan order once, at a steady pace far below what the system
// can take, so that nothing is measured but the way of one order.
func (b *Bench) pacedOrders(ctx context.Context, showtimeID string, fans []*fan, stock *seatStock) (Sample, error) {
	var mu sync.Mutex
	var times []time.Duration
	var failed error
	var next atomic.Int64
	start := time.Now()
	var buyers sync.WaitGroup
	for range mailBuyers {
		buyers.Go(func() {
			buyer := b.newBuyer()
			defer buyer.close()
			for {
				n := int(next.Add(1)) - 1
				if n >= len(fans) || pause(ctx, time.Until(start.Add(time.Duration(n)*time.Second/mailPerSecond))) != nil {
					return
				}
				took, err := buyer.order(fans[n], showtimeID, stock.pair())
				mu.Lock()
				if times = append(times, took); err != nil {
					failed = err
				}
				mu.Unlock()
			}
		})
	}
	buyers.Wait()
	if failed == nil {
		failed = ctx.Err()
	}
	return sampleOf(times, 0, time.Since(start)), failed
}
