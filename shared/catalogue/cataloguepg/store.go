// Package cataloguepg keeps the catalogue in Postgres. What a purchase needs
// (showtime, sale, seat map) is remembered in memory for moments.
package cataloguepg

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/money"
)

// How old what a read returns may be.
const (
	saleTTL     = time.Second
	showtimeTTL = 5 * time.Second
	hallTTL     = time.Minute
	showTTL     = 30 * time.Second
	pageTTL     = time.Second
	salesTTL    = 5 * time.Second

	// staleFor is for how much longer what a hold needs is served as it was when it
	// cannot be read anew: holds go on for so long while Postgres is down.
	staleFor = 5 * time.Minute
)

// Store reads the catalogue and keeps a sale's sold-out mark. Safe for
// concurrent use. Failures of the database come back as they are; what is not
// there is one of catalogue's NotFound errors.
type Store struct {
	pool      *pgxpool.Pool
	showtimes *cache[catalogue.Showtime]
	sales     *cache[catalogue.Sale]
	halls     *cache[catalogue.Hall]
	open      *cache[[]catalogue.Sale] // under one key
	shows     *cache[catalogue.Performance]
	pages     *cache[performancePage]
	kinds     *cache[[]string]           // categories, under one key
	bodies    *cache[[]byte]             // by hall and version: gzip of the compact JSON
	maps      *cache[*catalogue.SeatMap] // by hall and version
	stale     *prometheus.CounterVec
}

// New returns a store on pool.
func New(pool *pgxpool.Pool) *Store {
	s := &Store{pool: pool, stale: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fairgate_catalogue_stale_reads_total",
		Help: "Reads of the catalogue that were answered with something older than usual, because Postgres failed or was slow.",
	}, []string{"kind"})}
	s.showtimes = mayAge(s, "showtime", newCache(showtimeTTL, s.readShowtime))
	s.sales = mayAge(s, "sale", newCache(saleTTL, s.readSale))
	s.open = mayAge(s, "sales", newCache(salesTTL, s.readOpen))
	s.halls = mayAge(s, "hall", newCache(hallTTL, s.readHall))
	s.shows = newCache(showTTL, s.readPerformance)
	s.pages = newCache(pageTTL, s.readPerformances)
	s.pages.most = maxPages
	s.kinds = newCache(showTTL, s.readCategories)
	s.bodies = newCache(0, s.readBody)
	s.maps = newCache(0, s.readMap)
	return s
}

// mayAge lets a cache serve what it has for staleFor longer while Postgres fails.
func mayAge[V any](s *Store, kind string, c *cache[V]) *cache[V] {
	c.stale, c.aged = staleFor, s.stale.WithLabelValues(kind).Inc
	return c
}

// Metrics count the reads that were answered with something older than usual.
func (s *Store) Metrics() prometheus.Collector { return s.stale }

// Showtime returns one showtime with its prices, at most 5 s old while Postgres
// answers. The prices are shared: do not change them.
func (s *Store) Showtime(ctx context.Context, id string) (catalogue.Showtime, error) {
	return s.showtimes.get(ctx, id)
}

const showtimeColumns = `
	s.id, s.performance_id, COALESCE(s.sale_id, ''), s.hall_id, s.starts_at,
	array_agg(p.grade ORDER BY p.grade) FILTER (WHERE p.grade IS NOT NULL),
	array_agg(p.amount ORDER BY p.grade) FILTER (WHERE p.grade IS NOT NULL)
	FROM showtime s LEFT JOIN showtime_price p ON p.showtime_id = s.id`

func (s *Store) readShowtime(ctx context.Context, id string) (catalogue.Showtime, error) {
	const q = `SELECT ` + showtimeColumns + ` WHERE s.id = $1 GROUP BY s.id`
	rows, err := s.pool.Query(ctx, q, id)
	if err != nil {
		return catalogue.Showtime{}, err
	}
	showtime, err := pgx.CollectExactlyOneRow(rows, scanShowtime)
	return showtime, orNotFound(err, catalogue.ErrShowtimeNotFound)
}

func scanShowtime(row pgx.CollectableRow) (catalogue.Showtime, error) {
	var t catalogue.Showtime
	var grades []string
	var amounts []int64
	err := row.Scan(&t.ID, &t.PerformanceID, &t.SaleID, &t.HallID, &t.StartsAt, &grades, &amounts)
	t.StartsAt = t.StartsAt.UTC()
	t.Prices = make(map[string]money.KRW, len(grades))
	for i, grade := range grades {
		t.Prices[grade] = money.KRW(amounts[i])
	}
	return t, err
}

// Sale returns one sale with the ids of its showtimes, earliest first, at most 1 s old
// while Postgres answers.
func (s *Store) Sale(ctx context.Context, id string) (catalogue.Sale, error) {
	return s.sales.get(ctx, id)
}

const saleColumns = `
	sale.id, sale.performance_id, sale.opens_at, sale.closes_at, sale.queued,
	sale.max_seats_per_account, sale.hold_seconds, sale.sold_out,
	ARRAY(SELECT t.id FROM showtime t WHERE t.sale_id = sale.id ORDER BY t.starts_at, t.id)`

func (s *Store) readSale(ctx context.Context, id string) (catalogue.Sale, error) {
	const q = `SELECT ` + saleColumns + ` FROM sale WHERE sale.id = $1`
	rows, err := s.pool.Query(ctx, q, id)
	if err != nil {
		return catalogue.Sale{}, err
	}
	sale, err := pgx.CollectExactlyOneRow(rows, scanSale)
	return sale, orNotFound(err, catalogue.ErrSaleNotFound)
}

func scanSale(row pgx.CollectableRow) (catalogue.Sale, error) {
	var v catalogue.Sale
	err := row.Scan(&v.ID, &v.PerformanceID, &v.OpensAt, &v.ClosesAt, &v.Queued,
		&v.MaxSeatsPerAccount, &v.HoldSeconds, &v.SoldOut, &v.ShowtimeIDs)
	v.OpensAt, v.ClosesAt = v.OpensAt.UTC(), v.ClosesAt.UTC()
	return v, err
}

// SalesOpenAt returns the sales whose window contains t, sold out or not.
func (s *Store) SalesOpenAt(ctx context.Context, t time.Time) ([]catalogue.Sale, error) {
	const q = `SELECT ` + saleColumns + ` FROM sale WHERE opens_at <= $1 AND closes_at > $1 ORDER BY sale.id`
	rows, err := s.pool.Query(ctx, q, t)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanSale)
}

// SalesWithHolds returns the sales in which seats may be held: those that have opened
// and were not over when the oldest hold began. At most 5 s old while Postgres answers.
// The list is shared: do not change it.
func (s *Store) SalesWithHolds(ctx context.Context) ([]catalogue.Sale, error) {
	return s.open.get(ctx, "")
}

func (s *Store) readOpen(ctx context.Context, _ string) ([]catalogue.Sale, error) {
	const q = `
		SELECT ` + saleColumns + ` FROM sale
		WHERE opens_at <= now() AND closes_at > now() - make_interval(secs => $1) ORDER BY sale.id`
	rows, err := s.pool.Query(ctx, q, catalogue.MaxHoldTime.Seconds())
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanSale)
}

// SalesOf returns a performance's sales, by opening.
func (s *Store) SalesOf(ctx context.Context, performanceID string) ([]catalogue.Sale, error) {
	const q = `SELECT ` + saleColumns + ` FROM sale WHERE performance_id = $1 ORDER BY opens_at, sale.id`
	rows, err := s.pool.Query(ctx, q, performanceID)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanSale)
}

// SetSoldOut marks or unmarks a sale and says whether that changed it.
func (s *Store) SetSoldOut(ctx context.Context, saleID string, soldOut bool) (bool, error) {
	const q = `UPDATE sale SET sold_out = $2 WHERE id = $1 AND sold_out <> $2`
	tag, err := s.pool.Exec(ctx, q, saleID, soldOut)
	s.sales.forget(saleID)
	return tag.RowsAffected() == 1, err
}

// Hall returns one hall, at most a minute old.
func (s *Store) Hall(ctx context.Context, id string) (catalogue.Hall, error) {
	return s.halls.get(ctx, id)
}

func (s *Store) readHall(ctx context.Context, id string) (catalogue.Hall, error) {
	const q = `SELECT id, venue_id, name, seats, map_version FROM hall WHERE id = $1`
	var h catalogue.Hall
	err := s.pool.QueryRow(ctx, q, id).Scan(&h.ID, &h.VenueID, &h.Name, &h.Seats, &h.MapVersion)
	return h, orNotFound(err, catalogue.ErrHallNotFound)
}

// SeatMap returns a hall's current map. It is shared: do not change it.
func (s *Store) SeatMap(ctx context.Context, hallID string) (*catalogue.SeatMap, error) {
	hall, err := s.Hall(ctx, hallID)
	if err != nil {
		return nil, err
	}
	return s.maps.get(ctx, mapKey(hall))
}

// SeatMapBody returns the gzip of the compact JSON of a hall's current map (see
// catalogue.EncodeSeatMap) and the map's version.
func (s *Store) SeatMapBody(ctx context.Context, hallID string) ([]byte, int, error) {
	hall, err := s.Hall(ctx, hallID)
	if err != nil {
		return nil, 0, err
	}
	body, err := s.bodies.get(ctx, mapKey(hall))
	return body, hall.MapVersion, err
}

// mapKey has the version first, so that it can be read back whatever the hall's id holds.
func mapKey(h catalogue.Hall) string { return strconv.Itoa(h.MapVersion) + "/" + h.ID }

func readMapKey(key string) (hallID string, version int, err error) {
	number, hallID, _ := strings.Cut(key, "/")
	version, err = strconv.Atoi(number)
	return hallID, version, err
}

func (s *Store) readBody(ctx context.Context, key string) ([]byte, error) {
	const q = `SELECT body FROM seat_map WHERE hall_id = $1 AND version = $2`
	hallID, version, err := readMapKey(key)
	if err != nil {
		return nil, err
	}
	var body []byte
	err = s.pool.QueryRow(ctx, q, hallID, version).Scan(&body)
	return body, orNotFound(err, catalogue.ErrHallNotFound)
}

func (s *Store) readMap(ctx context.Context, key string) (*catalogue.SeatMap, error) {
	body, err := s.bodies.get(ctx, key)
	if err != nil {
		return nil, err
	}
	compact, err := catalogue.Unpack(body)
	if err != nil {
		return nil, fmt.Errorf("seat map %s: %w", key, err)
	}
	return catalogue.DecodeSeatMap(compact)
}

func orNotFound(err error, notFound *errs.Error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return notFound
	}
	return err
}
