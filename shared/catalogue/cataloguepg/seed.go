package cataloguepg

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/catalogue/sample"
	"github.com/fairgate/fairgate/shared/platform/postgres"
)

// The sales of the development data.
const (
	DemoOnSale = "demo-onsale" // queued
	DemoPlain  = "demo-plain"  // not queued
)

const seedLock = 7_301_985 // any number that nothing else locks

// Seeded says what a seeding did.
type Seeded struct {
	Halls   int // maps made
	Seats   int // of these maps
	Shows   int // performances stored or moved to new dates
	Renewed []string
}

// Seed stores the sample catalogue and the demonstration sales. Called again it
// adds what is missing, gives new dates to performances and sales whose dates have
// passed, and new showtimes to a demonstration sale that is sold out; what was
// booked stays. It belongs in development and tests only.
func Seed(ctx context.Context, pool *pgxpool.Pool, now time.Time) (Seeded, error) {
	set, err := sample.Load(now)
	if err != nil {
		return Seeded{}, err
	}
	var done Seeded
	err = postgres.InTx(ctx, pool, func(tx pgx.Tx) error {
		done = Seeded{}
		s := seeder{tx: tx, now: now, set: set, done: &done}
		return s.run(ctx)
	})
	return done, err
}

type seeder struct {
	tx   pgx.Tx
	now  time.Time
	set  sample.Set
	done *Seeded
}

func (s *seeder) run(ctx context.Context) error {
	if _, err := s.tx.Exec(ctx, `SET LOCAL statement_timeout = '60s'`); err != nil {
		return err
	}
	if _, err := s.tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, seedLock); err != nil {
		return err
	}
	if err := s.halls(ctx); err != nil {
		return err
	}
	plays, err := s.lastDays(ctx)
	if err != nil {
		return err
	}
	for _, show := range s.set.Shows {
		last, known := plays[show.ID]
		onSale := show.ID == sample.OnSalePerformance || show.ID == sample.PlainPerformance
		if onSale || known && !last.Before(s.now.Truncate(24*time.Hour)) {
			continue
		}
		if err := s.play(ctx, show, ""); err != nil {
			return err
		}
	}
	if err := s.sale(ctx, DemoOnSale, sample.OnSalePerformance, true); err != nil {
		return err
	}
	return s.sale(ctx, DemoPlain, sample.PlainPerformance, false)
}

// halls stores the venues whose halls have no map of the current version.
func (s *seeder) halls(ctx context.Context) error {
	const q = `SELECT id FROM hall WHERE map_version >= $1`
	rows, err := s.tx.Query(ctx, q, sample.MapVersion)
	if err != nil {
		return err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	done := map[string]bool{}
	for _, id := range ids {
		done[id] = true
	}
	var halls []catalogue.Hall
	var maps []*catalogue.SeatMap
	for _, h := range s.set.Halls {
		if !done[h.ID] {
			halls = append(halls, h.Hall)
			maps = append(maps, sample.SeatMap(h.ID, h.Kind, h.Seats))
			s.done.Seats += h.Seats
		}
	}
	if s.done.Halls = len(halls); s.done.Halls == 0 {
		return nil
	}
	for _, v := range s.set.Venues {
		if err := PutVenue(ctx, s.tx, v); err != nil {
			return err
		}
	}
	return PutHalls(ctx, s.tx, halls, maps)
}

// lastDays returns the last day of each performance that is stored.
func (s *seeder) lastDays(ctx context.Context) (map[string]time.Time, error) {
	const q = `SELECT id, ends_on FROM performance`
	rows, err := s.tx.Query(ctx, q)
	if err != nil {
		return nil, err
	}
	days := map[string]time.Time{}
	var id string
	var day time.Time
	_, err = pgx.ForEachRow(rows, []any{&id, &day}, func() error {
		days[id] = day
		return nil
	})
	return days, err
}

// play stores the show with new showtimes, which belong to saleID if it is not empty.
func (s *seeder) play(ctx context.Context, show sample.Show, saleID string) error {
	s.done.Shows++
	if err := PutPerformance(ctx, s.tx, show.Performance); err != nil {
		return err
	}
	return AddShowtimes(ctx, s.tx, show.Showtimes(saleID))
}

// sale makes or renews a demonstration sale.
func (s *seeder) sale(ctx context.Context, id, performanceID string, queued bool) error {
	first, soldOut, err := s.firstShowtime(ctx, id)
	if err != nil {
		return err
	}
	if first.After(s.now.Add(24*time.Hour)) && !soldOut {
		return nil
	}
	show, err := s.nextRun(ctx, performanceID)
	if err != nil {
		return err
	}
	s.done.Renewed = append(s.done.Renewed, id)
	if err := PutPerformance(ctx, s.tx, show.Performance); err != nil {
		return err
	}
	err = PutSale(ctx, s.tx, catalogue.Sale{
		ID: id, PerformanceID: performanceID, Queued: queued, MaxSeatsPerAccount: 4, HoldSeconds: 300,
		OpensAt: s.now.Add(-time.Hour).Truncate(time.Hour), ClosesAt: show.Starts[len(show.Starts)-1],
	})
	if err != nil {
		return err
	}
	const release = `UPDATE showtime SET sale_id = NULL WHERE sale_id = $1`
	if _, err := s.tx.Exec(ctx, release, id); err != nil {
		return err
	}
	return s.play(ctx, show, id)
}

// firstShowtime returns when the first showtime of a sale starts, zero if there is
// no such sale or it has none, and whether the sale is sold out.
func (s *seeder) firstShowtime(ctx context.Context, saleID string) (time.Time, bool, error) {
	const q = `
		SELECT sale.sold_out, (SELECT min(t.starts_at) FROM showtime t WHERE t.sale_id = sale.id)
		FROM sale WHERE sale.id = $1`
	var soldOut bool
	var first *time.Time
	err := s.tx.QueryRow(ctx, q, saleID).Scan(&soldOut, &first)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && first == nil {
		return time.Time{}, false, nil
	}
	if err != nil {
		return time.Time{}, false, err
	}
	return *first, soldOut, nil
}

// nextRun returns the show at its usual dates, or in the first week after those
// for which it has showtimes already.
func (s *seeder) nextRun(ctx context.Context, performanceID string) (sample.Show, error) {
	const q = `SELECT COALESCE(max(starts_at), 'epoch') FROM showtime WHERE performance_id = $1`
	var last time.Time
	if err := s.tx.QueryRow(ctx, q, performanceID).Scan(&last); err != nil {
		return sample.Show{}, err
	}
	for _, show := range s.set.Shows {
		if show.ID == performanceID {
			for !show.Starts[0].After(last) {
				show = show.Later(1)
			}
			return show, nil
		}
	}
	return sample.Show{}, catalogue.ErrPerformanceNotFound
}
