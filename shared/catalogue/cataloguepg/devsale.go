package cataloguepg

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/catalogue/sample"
	"github.com/fairgate/fairgate/shared/ident"
	"github.com/fairgate/fairgate/shared/money"
	"github.com/fairgate/fairgate/shared/platform/postgres"
)

const largestTheatre = 4000 // seats; above it a hall is an arena, above 20,000 a stadium

// CreateTestSale stores a sale of its own hall, performance and one showtime a week
// ahead, open since a minute ago; for load runs, in development and tests only.
func (s *Store) CreateTestSale(ctx context.Context, t catalogue.TestSale) (catalogue.Sale, error) {
	now := time.Now().UTC().Truncate(time.Second)
	id := ident.New("load")
	kind := sample.Theatre
	switch {
	case t.Seats > 20_000:
		kind = sample.Stadium
	case t.Seats > largestTheatre:
		kind = sample.Arena
	}
	seats := sample.SeatMap(id, kind, t.Seats)
	showtime := catalogue.Showtime{
		ID: id, PerformanceID: id, SaleID: id, HallID: id, StartsAt: now.AddDate(0, 0, 7), Prices: map[string]money.KRW{},
	}
	for _, grade := range seats.Grades {
		showtime.Prices[grade.Code] = t.Price
	}
	sale := catalogue.Sale{
		ID: id, PerformanceID: id, ShowtimeIDs: []string{id}, OpensAt: now.Add(-time.Minute), ClosesAt: showtime.StartsAt,
		Queued: t.Queued, MaxSeatsPerAccount: t.MaxSeatsPerAccount, HoldSeconds: t.HoldSeconds,
	}
	day := showtime.StartsAt.Truncate(24 * time.Hour)
	err := postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SET LOCAL statement_timeout = '60s'`); err != nil {
			return err
		}
		if err := PutVenue(ctx, tx, catalogue.Venue{ID: id, Name: "부하 시험장", NameEN: "Load test hall", Region: catalogue.LoadRun, Seats: t.Seats}); err != nil {
			return err
		}
		hall := catalogue.Hall{ID: id, VenueID: id, Name: "부하 시험장", Seats: t.Seats, MapVersion: seats.Version}
		if err := PutHalls(ctx, tx, []catalogue.Hall{hall}, []*catalogue.SeatMap{seats}); err != nil {
			return err
		}
		performance := catalogue.Performance{
			ID: id, Title: "부하 시험 공연", Category: catalogue.LoadRun, VenueID: id, StartsOn: day, EndsOn: day, Colour: "#3a3f5c",
		}
		if err := PutPerformance(ctx, tx, performance); err != nil {
			return err
		}
		if err := PutSale(ctx, tx, sale); err != nil {
			return err
		}
		return AddShowtimes(ctx, tx, []catalogue.Showtime{showtime})
	})
	return sale, err
}
