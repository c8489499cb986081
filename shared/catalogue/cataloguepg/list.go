package cataloguepg

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/errs"
)

// query is a SELECT of a page: its rows start with the sort key as text, and are
// ordered by the sort key and the id.
type query struct {
	key   order
	where []string
	args  []any
}

// order is the sort key of a list.
type order struct {
	by   string // SQL expression, as an index has it
	text string // the same as a text for cursors; empty: it is one
	from string // the inverse of text, with %s for its argument; empty: none is needed
}

// byText orders by an expression of type text, by its bytes.
func byText(expression string) order { return order{by: `(` + expression + `) COLLATE "C"`} }

// byDay orders by a date, whose text in a cursor checkDay has accepted.
func byDay(column string) order {
	return order{by: column, text: `to_char(` + column + `, 'YYYYMMDD')`, from: `to_date(%s, 'YYYYMMDD')`}
}

// checkDay refuses a cursor whose key no list by day has given.
func checkDay(page catalogue.Page) error {
	if page.After == nil {
		return nil
	}
	if _, err := time.Parse("20060102", page.After.Key); err != nil {
		return errs.ErrBadCursor
	}
	return nil
}

// arg adds a parameter and returns its placeholder.
func (q *query) arg(value any) string {
	q.args = append(q.args, value)
	return fmt.Sprintf("$%d", len(q.args))
}

func (q *query) filter(condition string) { q.where = append(q.where, condition) }

// sql returns the statement for one item more than the page holds, which tells
// whether there is a next page.
func (q *query) sql(columns, from, id string, page catalogue.Page) string {
	if page.After != nil {
		q.filter(fmt.Sprintf(`(%s, %s) > (%s, %s)`, q.key.by, id, q.after(page.After.Key), q.arg(page.After.ID)))
	}
	where := ""
	if len(q.where) > 0 {
		where = " WHERE " + strings.Join(q.where, " AND ")
	}
	return fmt.Sprintf(`SELECT %s, %s FROM %s%s ORDER BY %s, %s LIMIT %s`,
		cmp.Or(q.key.text, q.key.by), columns, from, where, q.key.by, id, q.arg(page.Limit+1))
}

// after is the key of the last page's end as a value of the type of the sort key.
func (q *query) after(key string) string {
	if q.key.from == "" {
		return q.arg(key)
	}
	return fmt.Sprintf(q.key.from, q.arg(key)+`::text`)
}

// distance is the great-circle distance in km between venue v and near.
func (q *query) distance(near *catalogue.Near) string {
	lat, lng := q.arg(near.Lat), q.arg(near.Lng)
	return fmt.Sprintf(`12742 * asin(sqrt(
		sin(radians(v.lat - %[1]s) / 2) ^ 2 +
		cos(radians(%[1]s)) * cos(radians(v.lat)) * sin(radians(v.lng - %[2]s) / 2) ^ 2))`, lat, lng)
}

// within restricts to a circle and returns the distance as a sortable key in metres.
func (q *query) within(near *catalogue.Near) string {
	distance := q.distance(near)
	q.filter(fmt.Sprintf(`%s <= %s`, distance, q.arg(near.RadiusKM)))
	return fmt.Sprintf(`lpad(round(1000 * %s)::bigint::text, 12, '0')`, distance)
}

// pattern returns the ILIKE pattern for "contains text".
func pattern(text string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text) + "%"
}

// keyed is an item with its sort key.
type keyed[T any] struct {
	key  string
	item T
}

// collect reads a page; next is nil at the end of the list.
func collect[T any](rows pgx.Rows, limit int, id func(T) string, scan func(pgx.Rows, *string, *T) error) (items []T, next *catalogue.Mark, err error) {
	found, err := pgx.CollectRows(rows, func(pgx.CollectableRow) (keyed[T], error) {
		var k keyed[T]
		err := scan(rows, &k.key, &k.item)
		return k, err
	})
	if err != nil {
		return nil, nil, err
	}
	items = make([]T, 0, min(len(found), limit))
	for i, k := range found {
		if i == limit {
			last := found[i-1]
			return items, &catalogue.Mark{Key: last.key, ID: id(last.item)}, nil
		}
		items = append(items, k.item)
	}
	return items, nil, nil
}

const venueColumns = `v.id, v.name, v.name_en, v.region, v.address, v.lat, v.lng, v.seats`

func venueFields(v *catalogue.Venue) []any {
	return []any{&v.ID, &v.Name, &v.NameEN, &v.Region, &v.Address, &v.Lat, &v.Lng, &v.Seats}
}

// Venues lists venues by name, or by distance when asked for near.
func (s *Store) Venues(ctx context.Context, v catalogue.VenueQuery) ([]catalogue.Venue, *catalogue.Mark, error) {
	q := query{key: byText("v.name")}
	if v.Near != nil {
		q.key = byText(q.within(v.Near))
	}
	if v.Text != "" {
		q.filter(fmt.Sprintf(`(v.name ILIKE %[1]s OR v.name_en ILIKE %[1]s)`, q.arg(pattern(v.Text))))
	}
	q.filter(named("v.region", v.Region, &q))
	sql := q.sql(venueColumns, "venue v", "v.id", v.Page)
	rows, err := s.pool.Query(ctx, sql, q.args...)
	if err != nil {
		return nil, nil, err
	}
	return collect(rows, v.Limit, func(v catalogue.Venue) string { return v.ID },
		func(rows pgx.Rows, key *string, v *catalogue.Venue) error {
			return rows.Scan(append([]any{key}, venueFields(v)...)...)
		})
}

// named restricts a column to one name, or to all but those of load runs.
func named(column, name string, q *query) string {
	if name == "" {
		return column + ` <> ` + q.arg(catalogue.LoadRun)
	}
	return column + ` = ` + q.arg(name)
}

// Venue returns one venue.
func (s *Store) Venue(ctx context.Context, id string) (catalogue.Venue, error) {
	const q = `SELECT ` + venueColumns + ` FROM venue v WHERE v.id = $1`
	var v catalogue.Venue
	err := s.pool.QueryRow(ctx, q, id).Scan(venueFields(&v)...)
	return v, orNotFound(err, catalogue.ErrVenueNotFound)
}

// Halls returns a venue's halls, by id.
func (s *Store) Halls(ctx context.Context, venueID string) ([]catalogue.Hall, error) {
	const q = `SELECT id, venue_id, name, seats, map_version FROM hall WHERE venue_id = $1 ORDER BY id`
	rows, err := s.pool.Query(ctx, q, venueID)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (catalogue.Hall, error) {
		var h catalogue.Hall
		err := row.Scan(&h.ID, &h.VenueID, &h.Name, &h.Seats, &h.MapVersion)
		return h, err
	})
}

// Performers lists performers by name.
func (s *Store) Performers(ctx context.Context, p catalogue.PerformerQuery) ([]catalogue.Performer, *catalogue.Mark, error) {
	q := query{key: byText("name")}
	if p.Text != "" {
		q.filter(`name ILIKE ` + q.arg(pattern(p.Text)))
	}
	sql := q.sql("id, name", "performer", "id", p.Page)
	rows, err := s.pool.Query(ctx, sql, q.args...)
	if err != nil {
		return nil, nil, err
	}
	return collect(rows, p.Limit, func(p catalogue.Performer) string { return p.ID },
		func(rows pgx.Rows, key *string, p *catalogue.Performer) error { return rows.Scan(key, &p.ID, &p.Name) })
}

// Performer returns one performer.
func (s *Store) Performer(ctx context.Context, id string) (catalogue.Performer, error) {
	const q = `SELECT id, name FROM performer WHERE id = $1`
	var p catalogue.Performer
	err := s.pool.QueryRow(ctx, q, id).Scan(&p.ID, &p.Name)
	return p, orNotFound(err, catalogue.ErrPerformerNotFound)
}

const performanceColumns = `
	p.id, p.title, p.category, p.venue_id, v.name, p.starts_on, p.ends_on,
	p.runtime, p.age, p.synopsis, p.poster_url, p.colour,
	ARRAY(SELECT c.performer_id FROM performance_cast c WHERE c.performance_id = p.id ORDER BY c.position),
	ARRAY(SELECT f.name FROM performance_cast c JOIN performer f ON f.id = c.performer_id
	      WHERE c.performance_id = p.id ORDER BY c.position)`

const performanceTables = `performance p JOIN venue v ON v.id = p.venue_id`

// scanPerformance reads prefix's columns, then performanceColumns.
func scanPerformance(row pgx.Row, p *catalogue.Performance, prefix ...any) error {
	var ids, names []string
	err := row.Scan(append(prefix, &p.ID, &p.Title, &p.Category, &p.VenueID, &p.VenueName, &p.StartsOn, &p.EndsOn,
		&p.Runtime, &p.Age, &p.Synopsis, &p.PosterURL, &p.Colour, &ids, &names)...)
	p.Cast = make([]catalogue.Performer, len(ids))
	for i := range ids {
		p.Cast[i] = catalogue.Performer{ID: ids[i], Name: names[i]}
	}
	return err
}

// performancePage is one page of a list of performances; next is nil at its end.
type performancePage struct {
	items []catalogue.Performance
	next  *catalogue.Mark
}

// Performances lists performances in the order asked for, at most 1 s old: a crowd
// asks for the same few pages. They are shared: do not change them.
func (s *Store) Performances(ctx context.Context, p catalogue.PerformanceQuery) ([]catalogue.Performance, *catalogue.Mark, error) {
	key, err := json.Marshal(p)
	if err != nil {
		return nil, nil, err
	}
	page, err := s.pages.get(ctx, string(key))
	return page.items, page.next, err
}

// Categories returns the categories that have performances, by name and at most 30 s
// old, except catalogue.LoadRun. They are shared: do not change them.
func (s *Store) Categories(ctx context.Context) ([]string, error) { return s.kinds.get(ctx, "") }

// readCategories walks the index of categories from one to the next.
func (s *Store) readCategories(ctx context.Context, _ string) ([]string, error) {
	const q = `
		WITH RECURSIVE kind AS (
			(SELECT category FROM performance ORDER BY category LIMIT 1)
			UNION ALL
			SELECT (SELECT p.category FROM performance p WHERE p.category > kind.category ORDER BY p.category LIMIT 1)
			FROM kind WHERE kind.category IS NOT NULL)
		SELECT category FROM kind WHERE category IS NOT NULL AND category <> $1 ORDER BY category`
	rows, err := s.pool.Query(ctx, q, catalogue.LoadRun)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// readPerformances reads the page that the JSON of a catalogue.PerformanceQuery asks for.
func (s *Store) readPerformances(ctx context.Context, key string) (page performancePage, err error) {
	var p catalogue.PerformanceQuery
	if err := json.Unmarshal([]byte(key), &p); err != nil {
		return page, err
	}
	page.items, page.next, err = s.listPerformances(ctx, p)
	return page, err
}

func (s *Store) listPerformances(ctx context.Context, p catalogue.PerformanceQuery) ([]catalogue.Performance, *catalogue.Mark, error) {
	q := query{key: byDay("p.starts_on")}
	near := ""
	if p.Near != nil {
		near = q.within(p.Near)
	}
	switch p.Sort {
	case catalogue.SortTitle:
		q.key = order{by: `p.title COLLATE "C"`}
	case catalogue.SortDistance:
		q.key = byText(near)
	default:
		if err := checkDay(p.Page); err != nil {
			return nil, nil, err
		}
	}
	filterPerformances(&q, p)
	sql := q.sql(performanceColumns, performanceTables, "p.id", p.Page)
	// Planned for these very words: how rare they are decides between the index of
	// words and a walk in the list's order.
	rows, err := s.pool.Query(ctx, sql, append([]any{pgx.QueryExecModeCacheDescribe}, q.args...)...)
	if err != nil {
		return nil, nil, err
	}
	return collect(rows, p.Limit, func(p catalogue.Performance) string { return p.ID },
		func(rows pgx.Rows, key *string, p *catalogue.Performance) error { return scanPerformance(rows, p, key) })
}

func filterPerformances(q *query, p catalogue.PerformanceQuery) {
	q.filter(named("p.category", p.Category, q))
	if !p.From.IsZero() {
		q.filter(`p.ends_on >= ` + q.arg(p.From))
	}
	if !p.To.IsZero() {
		q.filter(`p.starts_on <= ` + q.arg(p.To))
	}
	if p.VenueID != "" {
		q.filter(`p.venue_id = ` + q.arg(p.VenueID))
	}
	if p.PerformerID != "" {
		q.filter(`EXISTS (SELECT FROM performance_cast c WHERE c.performance_id = p.id AND c.performer_id = ` + q.arg(p.PerformerID) + `)`)
	}
	if p.Text != "" {
		filterByText(q, p.Text)
	}
}

// filterByText keeps what has text in its title, its venue's or a performer's name:
// the index of pieces finds candidates, then the text itself is looked for.
func filterByText(q *query, text string) {
	keyword := `lower(` + q.arg(text) + `::text)`
	q.filter(fmt.Sprintf(`strpos(p.search, %s) > 0`, keyword))
	q.filter(fmt.Sprintf(`search_grams(p.search, 1) @> search_grams(%[1]s, least(2, length(%[1]s)))`, keyword))
}

// Performance returns one performance, at most 30 s old. Its cast is shared: do not
// change it.
func (s *Store) Performance(ctx context.Context, id string) (catalogue.Performance, error) {
	return s.shows.get(ctx, id)
}

func (s *Store) readPerformance(ctx context.Context, id string) (catalogue.Performance, error) {
	const q = `SELECT ` + performanceColumns + ` FROM ` + performanceTables + ` WHERE p.id = $1`
	var p catalogue.Performance
	err := scanPerformance(s.pool.QueryRow(ctx, q, id), &p)
	return p, orNotFound(err, catalogue.ErrPerformanceNotFound)
}

// Showtimes lists a performance's showtimes by time; ErrPerformanceNotFound.
func (s *Store) Showtimes(ctx context.Context, t catalogue.ShowtimeQuery) ([]catalogue.Showtime, *catalogue.Mark, error) {
	const exists = `SELECT EXISTS (SELECT FROM performance WHERE id = $1)`
	var found bool
	if err := s.pool.QueryRow(ctx, exists, t.PerformanceID).Scan(&found); err != nil {
		return nil, nil, err
	}
	if !found {
		return nil, nil, catalogue.ErrPerformanceNotFound
	}
	q := query{key: byText(`to_char(t.starts_at AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISS')`)}
	q.filter(`t.performance_id = ` + q.arg(t.PerformanceID))
	if !t.From.IsZero() {
		q.filter(`t.starts_at >= ` + q.arg(t.From))
	}
	if !t.To.IsZero() {
		q.filter(`t.starts_at < ` + q.arg(t.To))
	}
	sql := q.sql("t.id", "showtime t", "t.id", t.Page)
	rows, err := s.pool.Query(ctx, sql, q.args...)
	if err != nil {
		return nil, nil, err
	}
	ids, next, err := collect(rows, t.Limit, func(id string) string { return id },
		func(rows pgx.Rows, key *string, id *string) error { return rows.Scan(key, id) })
	if err != nil {
		return nil, nil, err
	}
	showtimes, err := s.showtimesByID(ctx, ids)
	return showtimes, next, err
}

// showtimesByID reads the showtimes named, by time.
func (s *Store) showtimesByID(ctx context.Context, ids []string) ([]catalogue.Showtime, error) {
	const q = `SELECT ` + showtimeColumns + ` WHERE s.id = ANY($1) GROUP BY s.id ORDER BY s.starts_at, s.id`
	rows, err := s.pool.Query(ctx, q, ids)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanShowtime)
}

// ShowtimesOn lists the sale's showtimes by time.
func (s *Store) ShowtimesOn(ctx context.Context, sale catalogue.Sale) ([]catalogue.Showtime, error) {
	return s.showtimesByID(ctx, sale.ShowtimeIDs)
}
