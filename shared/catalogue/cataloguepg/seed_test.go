package cataloguepg_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/catalogue/cataloguepg"
	"github.com/fairgate/fairgate/shared/catalogue/sample"
	"github.com/fairgate/fairgate/shared/platform/backendtest/pgtest"
)

func seed(t *testing.T, pool *pgxpool.Pool, now time.Time) cataloguepg.Seeded {
	t.Helper()
	start := time.Now()
	done, err := cataloguepg.Seed(context.Background(), pool, now)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v in %s", done, time.Since(start).Round(time.Millisecond))
	return done
}

func TestSeedAgainChangesNothingUntilDatesPassOrSeatsRunOut(t *testing.T) {
	t.Parallel()
	ctx, pool := context.Background(), pgtest.Pool(t)
	now := time.Now()
	first := seed(t, pool, now)
	if first.Halls != 20 || first.Shows < 60 || len(first.Renewed) != 2 {
		t.Errorf("first seeding: %+v", first)
	}
	if again := seed(t, pool, now); again.Halls != 0 || again.Shows != 0 || len(again.Renewed) != 0 {
		t.Errorf("second seeding did something: %+v", again)
	}

	before, err := cataloguepg.New(pool).Sale(ctx, cataloguepg.DemoOnSale)
	if err != nil {
		t.Fatal(err)
	}
	if !before.Queued || before.State(now) != "open" || before.MaxSeatsPerAccount != 4 {
		t.Errorf("demo-onsale: %+v, state %s", before, before.State(now))
	}
	if _, err := cataloguepg.New(pool).SetSoldOut(ctx, cataloguepg.DemoOnSale, true); err != nil {
		t.Fatal(err)
	}
	refilled := seed(t, pool, now)
	if len(refilled.Renewed) != 1 || refilled.Renewed[0] != cataloguepg.DemoOnSale {
		t.Errorf("after selling out: %+v", refilled)
	}
	after, err := cataloguepg.New(pool).Sale(ctx, cataloguepg.DemoOnSale)
	if err != nil {
		t.Fatal(err)
	}
	if after.SoldOut || len(after.ShowtimeIDs) == 0 || after.ShowtimeIDs[0] == before.ShowtimeIDs[0] {
		t.Errorf("refilled sale: %+v, before: %+v", after, before)
	}
	if _, err := cataloguepg.New(pool).Showtime(ctx, before.ShowtimeIDs[0]); err != nil {
		t.Errorf("the sold out showtime is gone: %v", err)
	}

	later := now.AddDate(0, 6, 0)
	if renewed := seed(t, pool, later); renewed.Shows < 60 || len(renewed.Renewed) != 2 {
		t.Errorf("half a year later: %+v", renewed)
	}
	sale, err := cataloguepg.New(pool).Sale(ctx, cataloguepg.DemoPlain)
	if err != nil || sale.State(later) != "open" || sale.Queued {
		t.Errorf("demo-plain half a year later: %+v, %v", sale, err)
	}
}

func TestDemoOnSaleHasAtLeast10000SeatsAtTheirPrice(t *testing.T) {
	t.Parallel()
	ctx, pool := context.Background(), pgtest.Pool(t)
	seed(t, pool, time.Now())
	store := cataloguepg.New(pool)
	sale, err := store.Sale(ctx, cataloguepg.DemoOnSale)
	if err != nil {
		t.Fatal(err)
	}
	showtime, err := store.Showtime(ctx, sale.ShowtimeIDs[0])
	if err != nil || showtime.SaleID != sale.ID {
		t.Fatalf("%+v, %v", showtime, err)
	}
	seats, err := store.SeatMap(ctx, showtime.HallID)
	if err != nil {
		t.Fatal(err)
	}
	if len(seats.Seats) < 10_000 {
		t.Errorf("%d seats", len(seats.Seats))
	}
	for _, grade := range seats.Grades {
		if showtime.Prices[grade.Code] < 10_000 {
			t.Errorf("grade %s costs %d", grade.Code, showtime.Prices[grade.Code])
		}
	}
}

// The figure this test reports is the one ARCHITECTURE.md gives.
func TestCopyOf100000Seats(t *testing.T) {
	t.Parallel()
	ctx, pool := context.Background(), pgtest.Pool(t)
	const seats = 100_000
	generating := time.Now()
	m := sample.SeatMap("hall-100k", sample.Stadium, seats)
	generated := time.Since(generating)
	var stored time.Duration
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		venue := catalogue.Venue{ID: "v", Name: "v", NameEN: "v", Region: "서울", Seats: seats}
		if err := cataloguepg.PutVenue(ctx, tx, venue); err != nil {
			return err
		}
		hall := catalogue.Hall{ID: m.HallID, VenueID: "v", Name: "v", Seats: seats, MapVersion: m.Version}
		storing := time.Now()
		defer func() { stored = time.Since(storing) }()
		return cataloguepg.PutHalls(ctx, tx, []catalogue.Hall{hall}, []*catalogue.SeatMap{m})
	})
	if err != nil {
		t.Fatal(err)
	}
	var rows, numbers int
	const q = `SELECT count(*), count(DISTINCT idx) FROM hall_seat WHERE hall_id = 'hall-100k'`
	if err := pool.QueryRow(ctx, q).Scan(&rows, &numbers); err != nil {
		t.Fatal(err)
	}
	if rows != seats || numbers != seats {
		t.Errorf("%d rows, %d indices", rows, numbers)
	}
	t.Logf("100,000 seats: generated in %s, compressed and stored by one COPY in %s", generated, stored)
}
