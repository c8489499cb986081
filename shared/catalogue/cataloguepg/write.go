package cataloguepg

import (
	"bytes"
	"compress/gzip"
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/fairgate/fairgate/shared/catalogue"
)

// PutVenue stores or replaces a venue.
func PutVenue(ctx context.Context, tx pgx.Tx, v catalogue.Venue) error {
	const q = `
		INSERT INTO venue (id, name, name_en, region, address, lat, lng, seats)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (id) DO UPDATE SET name = excluded.name, name_en = excluded.name_en, region = excluded.region,
			address = excluded.address, lat = excluded.lat, lng = excluded.lng, seats = excluded.seats`
	_, err := tx.Exec(ctx, q, v.ID, v.Name, v.NameEN, v.Region, v.Address, v.Lat, v.Lng, v.Seats)
	return err
}

// PutHalls stores new versions of halls' maps and makes them the current ones. All
// seats of all maps travel in one COPY.
func PutHalls(ctx context.Context, tx pgx.Tx, halls []catalogue.Hall, maps []*catalogue.SeatMap) error {
	const putHall = `
		INSERT INTO hall (id, venue_id, name, seats, map_version) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (id) DO UPDATE SET venue_id = excluded.venue_id, name = excluded.name,
			seats = excluded.seats, map_version = excluded.map_version`
	const putMap = `INSERT INTO seat_map (hall_id, version, body) VALUES ($1, $2, $3)`
	batch := &pgx.Batch{}
	for i, h := range halls {
		body, err := compress(maps[i])
		if err != nil {
			return err
		}
		batch.Queue(putHall, h.ID, h.VenueID, h.Name, h.Seats, h.MapVersion)
		batch.Queue(putMap, h.ID, h.MapVersion, body)
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return err
	}
	return copySeats(ctx, tx, maps)
}

func compress(m *catalogue.SeatMap) ([]byte, error) {
	compact, err := catalogue.EncodeSeatMap(m)
	if err != nil {
		return nil, err
	}
	var body bytes.Buffer
	w, err := gzip.NewWriterLevel(&body, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(compact); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return body.Bytes(), nil
}

func copySeats(ctx context.Context, tx pgx.Tx, maps []*catalogue.SeatMap) error {
	columns := []string{"hall_id", "version", "idx", "no", "zone", "grade", "row_label", "col_label", "accessible"}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"hall_seat"}, columns, &seatRows{maps: maps, next: -1})
	return err
}

// seatRows feeds COPY seat by seat.
type seatRows struct {
	maps []*catalogue.SeatMap
	next int // index of the current seat in the first map
}

func (r *seatRows) Next() bool {
	r.next++
	for len(r.maps) > 0 && r.next >= len(r.maps[0].Seats) {
		r.maps, r.next = r.maps[1:], 0
	}
	return len(r.maps) > 0
}

func (r *seatRows) Values() ([]any, error) {
	m := r.maps[0]
	s := m.Seats[r.next]
	return []any{
		m.HallID, m.Version, r.next, s.No, m.Zones[s.Zone].Code, m.Grades[s.Grade].Code, s.Row, s.Col, s.Accessible,
	}, nil
}

func (r *seatRows) Err() error { return nil }

// PutPerformance stores or replaces a performance with its cast.
func PutPerformance(ctx context.Context, tx pgx.Tx, p catalogue.Performance) error {
	const put = `
		INSERT INTO performance (id, title, category, venue_id, starts_on, ends_on, runtime, age, synopsis, poster_url, colour)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
		ON CONFLICT (id) DO UPDATE SET title = excluded.title, category = excluded.category, venue_id = excluded.venue_id,
			starts_on = excluded.starts_on, ends_on = excluded.ends_on, runtime = excluded.runtime, age = excluded.age,
			synopsis = excluded.synopsis, poster_url = excluded.poster_url, colour = excluded.colour`
	const clearCast = `DELETE FROM performance_cast WHERE performance_id = $1`
	const putPerformer = `INSERT INTO performer (id, name) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET name = excluded.name`
	const putCast = `INSERT INTO performance_cast (performance_id, position, performer_id) VALUES ($1, $2, $3)`
	batch := &pgx.Batch{}
	batch.Queue(put, p.ID, p.Title, p.Category, p.VenueID, p.StartsOn, p.EndsOn, p.Runtime, p.Age, p.Synopsis, p.PosterURL, p.Colour)
	batch.Queue(clearCast, p.ID)
	for i, performer := range p.Cast {
		batch.Queue(putPerformer, performer.ID, performer.Name)
		batch.Queue(putCast, p.ID, i, performer.ID)
	}
	return tx.SendBatch(ctx, batch).Close()
}

// AddShowtimes stores new showtimes with their prices, in two COPYs.
func AddShowtimes(ctx context.Context, tx pgx.Tx, showtimes []catalogue.Showtime) error {
	var times, prices [][]any
	for _, t := range showtimes {
		var sale any
		if t.SaleID != "" {
			sale = t.SaleID
		}
		times = append(times, []any{t.ID, t.PerformanceID, sale, t.HallID, t.StartsAt})
		for grade, amount := range t.Prices {
			prices = append(prices, []any{t.ID, grade, int64(amount)})
		}
	}
	columns := []string{"id", "performance_id", "sale_id", "hall_id", "starts_at"}
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{"showtime"}, columns, pgx.CopyFromRows(times)); err != nil {
		return err
	}
	columns = []string{"showtime_id", "grade", "amount"}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"showtime_price"}, columns, pgx.CopyFromRows(prices))
	return err
}

// PutSale stores or replaces a sale; its ShowtimeIDs are not looked at, showtimes
// name their sale.
func PutSale(ctx context.Context, tx pgx.Tx, s catalogue.Sale) error {
	const q = `
		INSERT INTO sale (id, performance_id, opens_at, closes_at, queued, max_seats_per_account, hold_seconds, sold_out)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (id) DO UPDATE SET performance_id = excluded.performance_id, opens_at = excluded.opens_at,
			closes_at = excluded.closes_at, queued = excluded.queued, hold_seconds = excluded.hold_seconds,
			max_seats_per_account = excluded.max_seats_per_account, sold_out = excluded.sold_out`
	_, err := tx.Exec(ctx, q, s.ID, s.PerformanceID, s.OpensAt, s.ClosesAt, s.Queued, s.MaxSeatsPerAccount, s.HoldSeconds, s.SoldOut)
	return err
}
