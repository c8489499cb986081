package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// measureAvailability compares the state of 100,000 seats as the API tells it with
// reading them from Postgres.
func measureAvailability(ctx context.Context, b *Bench) (Outcome, error) {
	const taken = `INSERT INTO seat_claim (showtime_id, seat, kind, until)
		SELECT $1, s.no, 'blocked', 'infinity' FROM hall_seat s WHERE s.hall_id = $1 AND s.idx % 5 = 0`
	sold, err := b.newSale(ctx, saleOptions{Seats: 100_000, MaxSeatsPerAccount: 4, HoldSeconds: 300, Price: 50_000})
	if err != nil {
		return Outcome{}, err
	}
	if _, err := b.db.Exec(ctx, taken, sold.Showtime); err != nil {
		return Outcome{}, err
	}
	path := "/v1/showtimes/" + sold.Showtime + "/availability"
	if err := b.seesTaken(ctx, path); err != nil {
		return Outcome{}, err
	}
	stop, err := b.System.startBaseline(ctx, "availability", "SHOWTIME="+sold.Showtime)
	if err != nil {
		return Outcome{}, err
	}
	defer stop()
	ask := func(addr string, connections int, length time.Duration) func(context.Context, int) (Sample, error) {
		return func(ctx context.Context, _ int) (Sample, error) {
			return load{addr: addr, connections: connections, warmUp: time.Second, length: length, next: always(newRequest("GET", path, ""))}.run(ctx)
		}
	}
	samples, err := b.interleave(ctx, 3, side{"product", ask(b.System.api(), 32, 3*time.Second)}, side{"SELECT", ask(b.System.baseline(), 4, 6*time.Second)})
	if err != nil {
		return Outcome{}, err
	}
	return ratioOutcome("answers", 100, samples[0], samples[1]), nil
}

// seesTaken waits until the API has read the taken seats.
func (b *Bench) seesTaken(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		raw, err := fetch(ctx, "GET", "http://"+b.System.api()+path+"?format=list", nil)
		if err != nil {
			return err
		}
		var seats struct{ Taken []string }
		if json.Unmarshal(raw, &seats) == nil && len(seats.Taken) == 20_000 {
			return nil
		}
		if err := pause(ctx, 500*time.Millisecond); err != nil {
			return fmt.Errorf("the API sees %d taken seats: %w", len(seats.Taken), err)
		}
	}
}
