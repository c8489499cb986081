package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fairgate/fairgate/loadtest/verify"
)

const (
	orderSeats     = 24_000
	lineBuyers     = 400 // fans who are on their way through the line at once
	checkoutBuyers = 48  // fans who hold, book and pay at once
	ordersWarmUp   = 3 * time.Second
	ordersLength   = 20 * time.Second
	pretixPerSec   = 25.0
)

// measureOrders sells seats end to end: through the line, hold, booking, payment,
// tickets and mail, with everything on this machine's cores.
func measureOrders(ctx context.Context, b *Bench) (Outcome, error) {
	sold, err := b.newSale(ctx, hurry(saleOptions{Seats: orderSeats, MaxSeatsPerAccount: 4, HoldSeconds: 300, Price: 50_000}))
	if err != nil {
		return Outcome{}, err
	}
	seats, err := b.seats(ctx, sold.Showtime)
	if err != nil {
		return Outcome{}, err
	}
	fans, err := b.accounts(ctx, orderSeats/2)
	if err != nil {
		return Outcome{}, err
	}
	n := &night{b: b, sale: sold, stock: &seatStock{seats: seats}}
	used := b.System.cpuSeconds()
	s, err := n.sell(ctx, fans)
	if err != nil {
		return Outcome{}, err
	}
	b.say("%s", describe(s))
	drained, err := b.mailed(ctx, sold.ID)
	if err != nil {
		return Outcome{}, err
	}
	b.say("%s", b.System.cpuPer(used, int(n.sold.Load())))
	violations, err := b.verify(ctx, sold.ID)
	if err != nil {
		return Outcome{}, err
	}
	for _, v := range violations {
		b.say("VIOLATION: %s", v)
	}
	o := Outcome{
		Value: fmt.Sprintf("%.0f orders/s = %.1f × pretix's, %d violations", s.PerSecond, s.PerSecond/pretixPerSec, len(violations)),
		Hit:   s.PerSecond >= 10*pretixPerSec && len(violations) == 0 && s.Failed == 0,
	}
	o.add("orders", s.PerSecond, "/s")
	o.add("confirm → confirmed p50", p50ms(s), "ms")
	o.add("p99", p99ms(s), "ms")
	o.add("last mail after the last order", drained.Seconds(), "s")
	o.add("failed orders", float64(s.Failed), "")
	if b.K6 == "" {
		b.say("k6 is not built, so its figure is missing; make load builds it")
		return o, nil
	}
	byK6, err := b.k6Orders(ctx)
	if err != nil {
		b.say("k6: %v", err)
		return o, nil
	}
	o.add("with k6 as the generator", byK6, "/s")
	return o, nil
}

// night is a sale that is being sold.
type night struct {
	b     *Bench
	sale  sale
	stock *seatStock

	sold atomic.Int64 // confirmed, also before and after the measured time

	mu     sync.Mutex
	times  []time.Duration // confirm → confirmed, of orders confirmed in the measured time
	failed int
	reason string
}

// sell lets fans through the line and has them buy until time is up, then waits for
// those who are in the middle of it.
func (n *night) sell(ctx context.Context, fans []*fan) (Sample, error) {
	arrivals, ready := make(chan *fan), make(chan *fan, checkoutBuyers)
	closing, cancel := context.WithTimeout(ctx, ordersWarmUp+ordersLength)
	defer cancel()
	begin := time.Now().Add(ordersWarmUp)
	go func() {
		defer close(arrivals)
		for _, f := range fans {
			select {
			case arrivals <- f:
			case <-closing.Done():
				return
			}
		}
	}()
	var inLine, atCheckout sync.WaitGroup
	for range lineBuyers {
		inLine.Go(func() { n.queueUp(closing, arrivals, ready) })
	}
	for range checkoutBuyers {
		atCheckout.Go(func() { n.checkOut(closing, begin, ready) })
	}
	inLine.Wait()
	close(ready)
	atCheckout.Wait()
	s := sampleOf(n.times, n.failed, ordersLength)
	s.Reason = n.reason
	if s.Count == 0 {
		return s, fmt.Errorf("no order was confirmed: %s", n.reason)
	}
	return s, ctx.Err()
}

func (n *night) queueUp(ctx context.Context, arrivals <-chan *fan, ready chan<- *fan) {
	buyer := n.b.newBuyer()
	defer buyer.close()
	for f := range arrivals {
		if err := buyer.goThroughLine(ctx, f, n.sale.ID); err != nil {
			n.fail(ctx, err)
			continue
		}
		select {
		case ready <- f:
		case <-ctx.Done():
			return
		}
	}
}

func (n *night) checkOut(closing context.Context, begin time.Time, ready <-chan *fan) {
	buyer := n.b.newBuyer()
	defer buyer.close()
	for f := range ready {
		seats := n.stock.pair()
		if closing.Err() != nil || seats == nil {
			continue
		}
		took, err := buyer.order(f, n.sale.Showtime, seats)
		if err == nil {
			n.sold.Add(1)
		}
		switch {
		case err != nil:
			n.fail(context.Background(), err)
		case time.Now().After(begin) && closing.Err() == nil:
			n.mu.Lock()
			n.times = append(n.times, took)
			n.mu.Unlock()
		}
	}
}

// fail notes a failure, unless it comes of the end.
func (n *night) fail(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.failed++
	n.reason = err.Error()
}

// mailed waits until every confirmed booking of the sale has its mail, and returns
// how long that took.
func (b *Bench) mailed(ctx context.Context, saleID string) (time.Duration, error) {
	const q = `SELECT count(*) FROM booking b WHERE b.sale_id = $1 AND b.state IN ('paying', 'confirmed') AND NOT EXISTS (
		SELECT FROM delivery d WHERE d.channel = 'mail' AND d.entity = b.id AND d.state = 'sent')`
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	start := time.Now()
	for {
		var missing int
		if err := b.db.QueryRow(ctx, q, saleID).Scan(&missing); err != nil {
			return 0, err
		}
		if missing == 0 {
			return time.Since(start), nil
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return 0, fmt.Errorf("%d bookings have no mail: %w", missing, err)
		}
	}
}

// verify looks at what the sale left in the database and at the provider.
func (b *Bench) verify(ctx context.Context, saleID string) ([]string, error) {
	db, err := pgx.Connect(ctx, b.System.postgres())
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close(ctx) }()
	if err := verify.Settled(ctx, db, saleID, time.Minute); err != nil {
		return nil, err
	}
	payments, err := verify.Payments(ctx, "http://"+b.System.provider())
	if err != nil {
		return nil, err
	}
	report, err := verify.Check(ctx, db, payments, verify.Expectation{SaleID: saleID, Seats: orderSeats, Queued: true, MaxSeatsPerAccount: 4})
	return slices.Clone(report.Violations), errors.Join(err)
}
