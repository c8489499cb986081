package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	manyPerformances = 100_000
	listConnections  = 16
)

// titleWords, in Korean as the shop's, give titles and names that share syllables,
// so that a keyword finds many, some or none.
func titleWords() []string {
	return []string{"달빛", "바람", "서울", "푸른", "밤하늘", "여름", "겨울", "정원", "편지", "기차", "소년", "소녀", "바다", "노을", "새벽",
		"꽃잎", "파도", "골목", "시계", "극장", "왈츠", "봄날", "무지개", "고래", "우주", "별자리", "청춘", "이별", "재회", "축제"}
}

// fillCatalogue stores performances, each with two of 5,000 performers, in 300 venues.
func (b *Bench) fillCatalogue(ctx context.Context) error {
	const pick = `($1::text[])[1 + (%s) %% cardinality($1::text[])]`
	word := func(of string) string { return fmt.Sprintf(pick, of) }
	statements := []string{
		`INSERT INTO venue (id, name, name_en, region, lat, lng, seats)
			SELECT 'bench-v' || i, ` + word("i") + ` || ' 아트홀 ' || i, 'Hall ' || i, '서울', 37 + i / 1000.0, 127 + i / 1000.0, 1000 FROM generate_series(1, 300) i`,
		`INSERT INTO performer (id, name)
			SELECT 'bench-f' || i, ` + word("i * 7") + ` || ` + word("i / 30") + ` || i FROM generate_series(1, 5000) i`,
		`INSERT INTO performance (id, title, category, venue_id, starts_on, ends_on, runtime, age, synopsis)
			SELECT 'bench-p' || i, ` + word("i * 11") + ` || '의 ' || ` + word("i * 17 / 30") + ` || ' ' || i,
				(ARRAY['concert','musical','play','classic','dance'])[1 + i % 5], 'bench-v' || 1 + i % 300,
				current_date + i % 365, current_date + i % 365 + i % 20, '120분', '만 7세 이상', repeat('오래 기다린 무대입니다. ', 8)
			FROM generate_series(1, ` + fmt.Sprint(manyPerformances) + `) i WHERE cardinality($1::text[]) > 0`,
		`INSERT INTO performance_cast (performance_id, position, performer_id)
			SELECT 'bench-p' || i, n, 'bench-f' || 1 + (i * 13 + n * 2503) % 5000
			FROM generate_series(1, ` + fmt.Sprint(manyPerformances) + `) i, generate_series(1, 2) n WHERE cardinality($1::text[]) > 0`,
	}
	start := time.Now()
	if err := pgx.BeginFunc(ctx, b.db, func(tx pgx.Tx) error { return insertWithoutTriggers(ctx, tx, statements) }); err != nil {
		return err
	}
	if _, err := b.db.Exec(ctx, "VACUUM ANALYZE venue, performer, performance, performance_cast"); err != nil {
		return err
	}
	b.say("filled in %.1f s", time.Since(start).Seconds())
	return nil
}

// insertWithoutTriggers runs the statements without triggers, then lets the triggers
// make the search text of each performance once, when its cast is there.
func insertWithoutTriggers(ctx context.Context, tx pgx.Tx, statements []string) error {
	if _, err := tx.Exec(ctx, `SET LOCAL session_replication_role = replica`); err != nil {
		return err
	}
	for _, statement := range statements {
		// A system that was kept has them already.
		if _, err := tx.Exec(ctx, statement+" ON CONFLICT DO NOTHING", titleWords()); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, `SET LOCAL session_replication_role = origin`); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `UPDATE performance SET search = '' WHERE search = '' AND id LIKE 'bench-p%'`)
	return err
}

// searches are the queries of the list: half of them by a keyword alone, the others
// within a category; words of titles, of performers, of venues and of none.
func searches() []string {
	var queries []string
	words := titleWords()
	for i, word := range words {
		next := words[(i+7)%len(words)]
		for n, keyword := range []string{word, word + "의", word + " 아트홀", word + "의 " + next, next + word, word[:3] + "없" + word[3:]} {
			query := "q=" + url.QueryEscape(keyword)
			if n%2 == 1 {
				query += "&category=" + []string{"concert", "musical", "play", "classic", "dance"}[i%5]
			}
			queries = append(queries, query)
		}
	}
	return queries
}

// measurePerformances compares the list of performances, filtered by keyword, with
// the naive join, while 16 connections ask.
func measurePerformances(ctx context.Context, b *Bench) (Outcome, error) {
	if err := b.fillCatalogue(ctx); err != nil {
		return Outcome{}, fmt.Errorf("filling the catalogue: %w", err)
	}
	stop, err := b.System.startBaseline(ctx, "performances")
	if err != nil {
		return Outcome{}, err
	}
	defer stop()
	queries := searches()
	if err := b.sameLists(ctx, queries); err != nil {
		return Outcome{}, err
	}
	list := func(addr string, length time.Duration) func(context.Context, int) (Sample, error) {
		return func(ctx context.Context, _ int) (Sample, error) {
			return load{addr: addr, connections: listConnections, warmUp: time.Second, length: length,
				next: func(worker int) func() request {
					n := worker * 11
					return func() request {
						n++
						return newRequest("GET", "/v1/performances?"+queries[n%len(queries)], "")
					}
				}}.run(ctx)
		}
	}
	samples, err := b.interleave(ctx, 3, side{"product", list(b.System.api(), 5*time.Second)}, side{"naive join", list(b.System.baseline(), 8*time.Second)})
	if err != nil {
		return Outcome{}, err
	}
	return ratioOutcome("lists", 20, samples[0], samples[1]), nil
}

// sameLists checks that product and baseline answer with the same performances.
func (b *Bench) sameLists(ctx context.Context, queries []string) error {
	found := 0
	for i := 0; i < len(queries); i += 7 {
		var lists [2][]string
		for side, addr := range []string{b.System.api(), b.System.baseline()} {
			raw, err := fetch(ctx, "GET", "http://"+addr+"/v1/performances?"+queries[i], nil)
			if err != nil {
				return err
			}
			var page struct{ Items []struct{ ID string } }
			if err := json.Unmarshal(raw, &page); err != nil {
				return err
			}
			for _, item := range page.Items {
				lists[side] = append(lists[side], item.ID)
			}
		}
		if !slices.Equal(lists[0], lists[1]) {
			return fmt.Errorf("%s: the product lists %v, the naive join %v", queries[i], lists[0], lists[1])
		}
		found += len(lists[0])
	}
	if found == 0 {
		return errors.New("no search finds anything")
	}
	return nil
}
