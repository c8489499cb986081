package cataloguepg_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/catalogue/cataloguepg"
	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/platform/backendtest/pgtest"
)

// shelf is a catalogue of 60 performances whose names share syllables, and what the
// test knows of them.
type shelf struct {
	pool  *pgxpool.Pool
	shows []catalogue.Performance
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	pool := pgtest.Pool(t)
	s := &shelf{pool: pool}
	titles, halls := []string{"달빛의 밤", "밤의 왈츠", "빛", "Moonlight 100%", "봄_날"}, []string{"서울 아트홀", "Blue Square"}
	casts := [][]catalogue.Performer{{{ID: "f1", Name: "김달"}, {ID: "f2", Name: "빛나리"}}, {{ID: "f3", Name: "MOON"}}, {}}
	first := time.Date(2030, 3, 1, 0, 0, 0, 0, time.UTC)
	s.write(t, func(ctx context.Context, tx pgx.Tx) error {
		for i, name := range halls {
			if err := cataloguepg.PutVenue(ctx, tx, catalogue.Venue{ID: fmt.Sprintf("v%d", i), Name: name, Region: "서울"}); err != nil {
				return err
			}
		}
		for i := range 60 {
			v := i % len(halls)
			p := catalogue.Performance{
				ID: fmt.Sprintf("p%02d", i), Title: titles[i%len(titles)], Category: []string{"concert", "play"}[i/30],
				VenueID: fmt.Sprintf("v%d", v), VenueName: halls[v], Cast: casts[i%len(casts)],
				StartsOn: first.AddDate(0, 0, i*7%20), EndsOn: first.AddDate(0, 0, i*7%20+i%5),
			}
			s.shows = append(s.shows, p)
			if err := cataloguepg.PutPerformance(ctx, tx, p); err != nil {
				return err
			}
		}
		return nil
	})
	return s
}

func (s *shelf) write(t *testing.T, f func(ctx context.Context, tx pgx.Tx) error) {
	t.Helper()
	ctx := context.Background()
	if err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error { return f(ctx, tx) }); err != nil {
		t.Fatal(err)
	}
}

// all reads a list page by page, as it is now.
func (s *shelf) all(t *testing.T, q catalogue.PerformanceQuery) (ids []string) {
	t.Helper()
	store := cataloguepg.New(s.pool) // one that remembers nothing
	for q.Limit = 7; ; {
		items, next, err := store.Performances(context.Background(), q)
		if err != nil {
			t.Fatalf("%+v: %v", q, err)
		}
		for _, p := range items {
			ids = append(ids, p.ID)
		}
		if next == nil {
			return ids
		}
		q.After = next
	}
}

// wanted are the ids of what matches, in the order of the list.
func (s *shelf) wanted(before func(a, b catalogue.Performance) int, matches func(catalogue.Performance) bool) (ids []string) {
	found := slices.DeleteFunc(slices.Clone(s.shows), func(p catalogue.Performance) bool { return !matches(p) })
	slices.SortFunc(found, func(a, b catalogue.Performance) int {
		if order := before(a, b); order != 0 {
			return order
		}
		return strings.Compare(a.ID, b.ID)
	})
	for _, p := range found {
		ids = append(ids, p.ID)
	}
	return ids
}

func byDate(a, b catalogue.Performance) int  { return a.StartsOn.Compare(b.StartsOn) }
func byTitle(a, b catalogue.Performance) int { return strings.Compare(a.Title, b.Title) }

// contains is what a keyword means, said plainly.
func contains(p catalogue.Performance, keyword string) bool {
	names := []string{p.Title, p.VenueName}
	for _, f := range p.Cast {
		names = append(names, f.Name)
	}
	return slices.ContainsFunc(names, func(name string) bool {
		return strings.Contains(strings.ToLower(name), strings.ToLower(keyword))
	})
}

func TestKeywordsFindPartsOfNames(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	for _, keyword := range []string{
		"달", "달빛", "달빛의", "달빛의 밤", "빛의 밤", "빛", "밤", "의", "왈츠", "moon", "MOON", "light 1", "%", "_", "100%", "나리",
		"빛나리", "김달", "아트홀", "blue square", "서울 아트홀", "밤서울", "없는 말", "\\", "'",
	} {
		for _, category := range []string{"", "play"} {
			got := s.all(t, catalogue.PerformanceQuery{Text: keyword, Category: category})
			want := s.wanted(byDate, func(p catalogue.Performance) bool {
				return contains(p, keyword) && (category == "" || p.Category == category)
			})
			if !slices.Equal(got, want) {
				t.Errorf("%q in %q: %v, want %v", keyword, category, got, want)
			}
		}
	}
}

func TestListsAreReadPageByPage(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	from, to := time.Date(2030, 3, 8, 0, 0, 0, 0, time.UTC), time.Date(2030, 3, 12, 0, 0, 0, 0, time.UTC)
	plays := func(p catalogue.Performance) bool { return !p.EndsOn.Before(from) && !p.StartsOn.After(to) }
	everything := func(catalogue.Performance) bool { return true }
	for name, test := range map[string]struct {
		q    catalogue.PerformanceQuery
		want []string
	}{
		"by date":      {catalogue.PerformanceQuery{}, s.wanted(byDate, everything)},
		"by title":     {catalogue.PerformanceQuery{Sort: catalogue.SortTitle}, s.wanted(byTitle, everything)},
		"of some days": {catalogue.PerformanceQuery{From: from, To: to}, s.wanted(byDate, plays)},
		"of a performer": {catalogue.PerformanceQuery{PerformerID: "f3"}, s.wanted(byDate, func(p catalogue.Performance) bool {
			return len(p.Cast) == 1
		})},
	} {
		if got := s.all(t, test.q); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
	q := catalogue.PerformanceQuery{Page: catalogue.Page{Limit: 5, After: &catalogue.Mark{Key: "someday", ID: "p01"}}}
	if _, _, err := cataloguepg.New(s.pool).Performances(context.Background(), q); !errors.Is(err, errs.ErrBadCursor) {
		t.Errorf("a cursor that no list gave: %v", err)
	}
}

func TestKeywordsFollowEveryName(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	count := func(keyword string, want int) {
		t.Helper()
		if got := s.all(t, catalogue.PerformanceQuery{Text: keyword}); len(got) != want {
			t.Errorf("%q finds %v, want %d", keyword, got, want)
		}
	}
	exec := func(sql string) {
		s.write(t, func(ctx context.Context, tx pgx.Tx) error { _, err := tx.Exec(ctx, sql); return err })
	}
	count("서울 아트홀", 30)
	exec(`UPDATE venue SET name = '부산 극장' WHERE id = 'v0'`)
	count("서울 아트홀", 0)
	count("부산 극장", 30)
	count("빛나리", 20)
	exec(`UPDATE performer SET name = '어둠' WHERE id = 'f2'`)
	count("빛나리", 0)
	count("어둠", 20)
	exec(`DELETE FROM performance_cast WHERE performance_id < 'p30' AND performer_id = 'f2'`)
	count("어둠", 10)
	exec(`UPDATE performance_cast SET performance_id = 'p02' WHERE performance_id = 'p30' AND performer_id = 'f2'`)
	exec(`UPDATE performance_cast SET performer_id = 'f2' WHERE performance_id = 'p31'`)
	count("어둠", 11)
	exec(`UPDATE performance SET title = '새 이름', venue_id = 'v1' WHERE id = 'p00'`)
	count("새 이름", 1)
	count("부산 극장", 29)
}

// importing stores many performances and their casts in one transaction, which is
// rolled back, and returns how often all casts were read for it.
func importing(t *testing.T, s *shelf, before string) (wholeReads int) {
	t.Helper()
	ctx := context.Background()
	tx, err := s.pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(ctx) }()
	for _, sql := range []string{
		before,
		`ANALYZE performance_cast`, // few: reading all is what a planner chooses now
		`INSERT INTO performance (id, title, category, venue_id, starts_on, ends_on)
			SELECT 'new' || i, 'Title ' || i, 'play', 'v0', '2031-01-01', '2031-01-01' FROM generate_series(1, 200) i`,
		`INSERT INTO performance_cast (performance_id, position, performer_id)
			SELECT 'new' || i, n, 'f' || n FROM generate_series(1, 200) i, generate_series(1, 2) n`,
	} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	const q = `SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relid = 'performance_cast'::regclass`
	if err := tx.QueryRow(ctx, q).Scan(&wholeReads); err != nil {
		t.Fatal(err)
	}
	return wholeReads
}

// Every row of a large import looks up its own cast only, whatever the session's plan
// was made for.
func TestAnImportReadsEachCastAlone(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	if n := importing(t, s, `SELECT 1`); n != 0 {
		t.Errorf("all casts were read %d times", n)
	}
	if n := importing(t, s, `ALTER FUNCTION performance_search() RESET enable_seqscan`); n == 0 {
		t.Error("without the function's setting no casts are read either: the test shows nothing")
	}
}

func TestAPageIsRememberedForAMoment(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	store, ctx := cataloguepg.New(s.pool), context.Background()
	title := func() string {
		items, _, err := store.Performances(ctx, catalogue.PerformanceQuery{Page: catalogue.Page{Limit: 1}})
		if err != nil || len(items) != 1 {
			t.Fatalf("%v, %v", items, err)
		}
		return items[0].Title
	}
	before := title()
	s.write(t, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE performance SET title = title || '!'`)
		return err
	})
	for deadline := time.Now().Add(30 * time.Second); title() != before+"!"; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a page is remembered for ever")
		}
	}
	other := catalogue.PerformanceQuery{Page: catalogue.Page{Limit: 1, After: &catalogue.Mark{Key: "20300301", ID: "p00"}}}
	if items, _, err := store.Performances(ctx, other); err != nil || items[0].ID == "p00" {
		t.Errorf("another page: %v, %v", items, err)
	}
}

func TestCategoriesAreThoseOfPerformances(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.write(t, func(ctx context.Context, tx pgx.Tx) error {
		p := s.shows[0]
		p.ID, p.Category = "pload", catalogue.LoadRun
		return cataloguepg.PutPerformance(ctx, tx, p)
	})
	got, err := cataloguepg.New(s.pool).Categories(context.Background())
	if want := []string{"concert", "play"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("categories: got %v, %v; want %v", got, err, want)
	}
}
