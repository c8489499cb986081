package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"
)

const (
	holdConnections = 64
	holdSeconds     = 3 // so that seats are free again before their turn comes round
)

// measureHolds compares the API's 2-seat hold of free seats with a handler that
// does only what cannot be left out.
func measureHolds(ctx context.Context, b *Bench) (Outcome, error) {
	sale, err := b.newSale(ctx, hurry(saleOptions{Seats: 100_000, MaxSeatsPerAccount: 100, HoldSeconds: holdSeconds, Price: 50_000}))
	if err != nil {
		return Outcome{}, err
	}
	seats, err := b.seats(ctx, sale.Showtime)
	if err != nil {
		return Outcome{}, err
	}
	fans, err := b.entered(ctx, sale.ID, 2_048)
	if err != nil {
		return Outcome{}, err
	}
	stop, err := b.System.startBoth(ctx, "hold", "HOLD_MS="+strconv.Itoa(holdSeconds*1000),
		"ACCESS_KEYS=http://"+b.System.api()+"/.well-known/jwks.json", "PASS_KEYS=http://"+b.System.gateway()+"/.well-known/jwks.json")
	if err != nil {
		return Outcome{}, err
	}
	defer stop()
	hold := func(name, addr string) func(context.Context, int) (Sample, error) {
		return func(ctx context.Context, round int) (Sample, error) {
			// Seats of the last round are free again.
			if err := pause(ctx, holdSeconds*time.Second); err != nil {
				return Sample{}, err
			}
			return load{addr: addr, connections: holdConnections, warmUp: time.Second, length: 5 * time.Second,
				next: holdsOf(sale.Showtime, seats, fans, name+strconv.Itoa(round))}.run(ctx)
		}
	}
	samples, err := b.interleave(ctx, 3, side{"product", hold("product", b.System.api())},
		side{"plain", hold("plain", b.System.baseline())}, side{"coalesced", hold("coalesced", b.System.coalesced())})
	if err != nil {
		return Outcome{}, err
	}
	return coalescedOutcome("holds", 0.7, samples), nil
}

// holdsOf gives each connection fans and pairs of seats of its own.
func holdsOf(showtimeID string, seats []string, fans []*fan, round string) func(int) func() request {
	return func(worker int) func() request {
		n := 0
		return func() request {
			pair := 2 * ((worker + holdConnections*n) % (len(seats) / 2))
			f := fans[(worker+holdConnections*n)%len(fans)]
			n++
			return f.holdRequest(showtimeID, seats[pair:pair+2], fmt.Sprintf("%s-%d-%d", round, worker, n))
		}
	}
}

// ratioOutcome compares the rates of product and baseline.
func ratioOutcome(unit string, target float64, product, baseline []Sample) Outcome {
	ours, theirs := medianOf(product, perSecond), medianOf(baseline, perSecond)
	o := Outcome{Value: fmt.Sprintf("%.2f ×", ours/theirs), Hit: ours/theirs >= target}
	o.add(unit, ours, "/s")
	o.add("p50", medianOf(product, p50ms), "ms")
	o.add("p99", medianOf(product, p99ms), "ms")
	o.add("baseline", theirs, "/s")
	o.add("baseline p99", medianOf(baseline, p99ms), "ms")
	return o.failures(product, baseline)
}

// tail makes p99 count as well: the baseline's must be at least target times the product's.
func (o Outcome) tail(target float64, product, baseline []Sample) Outcome {
	ratio := medianOf(baseline, p99ms) / medianOf(product, p99ms)
	o.Value += fmt.Sprintf(", p99 %.2f ×", ratio)
	o.Hit = o.Hit && ratio >= target
	return o
}

// coalescedOutcome compares the product with the baseline that shares pipelines as it
// does; samples are of product, plain baseline and that one.
func coalescedOutcome(unit string, target float64, samples [][]Sample) Outcome {
	o := ratioOutcome(unit, target, samples[0], samples[2])
	plain := medianOf(samples[1], perSecond)
	o.add("baseline without shared pipelines", plain, "/s")
	o.add(unit+" ÷ that", medianOf(samples[0], perSecond)/plain, "")
	return o.failures(samples[1])
}

// failures counts the answers that were not as they should be; any makes the row a miss.
func (o Outcome) failures(sides ...[]Sample) Outcome {
	failed := 0
	for _, samples := range sides {
		for _, s := range samples {
			failed += s.Failed
		}
	}
	if failed > 0 {
		o.Hit = false
		o.add("failed answers", float64(failed), "")
	}
	return o
}

const (
	contestedSeats = 500
	contenders     = 2_000
)

// measureContention lets 2,000 fans hold pairs of the same 500 seats at once.
func measureContention(ctx context.Context, b *Bench) (Outcome, error) {
	sale, err := b.newSale(ctx, hurry(saleOptions{Seats: contestedSeats, MaxSeatsPerAccount: 4, HoldSeconds: 600, Price: 50_000}))
	if err != nil {
		return Outcome{}, err
	}
	seats, err := b.seats(ctx, sale.Showtime)
	if err != nil {
		return Outcome{}, err
	}
	fans, err := b.entered(ctx, sale.ID, contenders)
	if err != nil {
		return Outcome{}, err
	}
	c := contest{holders: map[string]int{}}
	start := time.Now()
	var all sync.WaitGroup
	for i, f := range fans {
		all.Go(func() { c.tryToHold(ctx, b.System.api(), sale.Showtime, seats, f, i) })
	}
	all.Wait()
	return c.outcome(time.Since(start))
}

// contest is what came of fans who want the same seats.
type contest struct {
	mu      sync.Mutex
	holders map[string]int // holds by seat
	times   []time.Duration
	held    int
	refused int
	wrong   int
	reason  string
}

const triesOfEach = 5 // pairs that a fan asks for until it has one

func (c *contest) tryToHold(ctx context.Context, addr, showtimeID string, seats []string, f *fan, n int) {
	conn := connection{addr: addr}
	defer conn.close()
	for try := range triesOfEach {
		if ctx.Err() != nil {
			return
		}
		pair := 2 * rand.IntN(len(seats)/2)
		start := time.Now()
		status, body, err := conn.do(f.holdRequest(showtimeID, seats[pair:pair+2], fmt.Sprintf("c%d-%d", n, try)))
		if c.note(time.Since(start), status, body, err) {
			return
		}
	}
}

// note counts an answer and reports whether the fan holds seats now.
func (c *contest) note(took time.Duration, status int, body []byte, err error) bool {
	var hold struct {
		Seats []string
		Code  string
	}
	if err == nil {
		err = json.Unmarshal(body, &hold)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.times = append(c.times, took)
	switch {
	case err == nil && status == 201:
		c.held++
		for _, seat := range hold.Seats {
			c.holders[seat]++
		}
		return true
	case err == nil && hold.Code == "seat_taken":
		c.refused++
	default:
		c.wrong++
		c.reason = fmt.Sprintf("%d %.100s %v", status, body, err)
	}
	return false
}

func (c *contest) outcome(elapsed time.Duration) (Outcome, error) {
	double := 0
	for _, holds := range c.holders {
		if holds > 1 {
			double++
		}
	}
	if c.wrong > 0 {
		return Outcome{}, fmt.Errorf("%d answers that are neither a hold nor seat_taken: %s", c.wrong, c.reason)
	}
	s := sampleOf(c.times, 0, elapsed)
	o := Outcome{Value: fmt.Sprintf("%d double holds", double), Hit: double == 0 && c.held > 0}
	o.add("p99", p99ms(s), "ms")
	o.add("p50", p50ms(s), "ms")
	o.add("tries", s.PerSecond, "/s")
	o.add("holds", float64(c.held), "")
	o.add("refused", float64(c.refused), "")
	return o, nil
}
