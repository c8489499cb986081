package schedule

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairgate/fairgate/shared/booking/bookingpg"
	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/catalogue/cataloguepg"
	"github.com/fairgate/fairgate/shared/clock"
	"github.com/fairgate/fairgate/shared/platform/backendtest"
	"github.com/fairgate/fairgate/shared/platform/backendtest/pgtest"
	"github.com/fairgate/fairgate/shared/queue"
	"github.com/fairgate/fairgate/shared/queue/queueredis"
)

func claim(t *testing.T, pool *pgxpool.Pool, showtime, kind string, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		const q = `INSERT INTO seat_claim (showtime_id, seat, kind, until) VALUES ($1, $2, $3, 'infinity')`
		if _, err := pool.Exec(context.Background(), q, showtime, fmt.Sprint("seat-", i), kind); err != nil {
			t.Fatal(err)
		}
	}
}

// addShowtime gives the sale of a showtime another one in the same hall.
func addShowtime(t *testing.T, pool *pgxpool.Pool, shop *cataloguepg.Store, like, id string) {
	t.Helper()
	ctx := context.Background()
	showtime, err := shop.Showtime(ctx, like)
	if err != nil {
		t.Fatal(err)
	}
	showtime.ID, showtime.StartsAt = id, showtime.StartsAt.Add(24*time.Hour)
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		return cataloguepg.AddShowtimes(ctx, tx, []catalogue.Showtime{showtime})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSoldOutIsMarkedAndTakenBack(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	pool := pgtest.Pool(t)
	client, prefix := backendtest.Redis(t)
	shop, lines := cataloguepg.New(pool), queueredis.New(client, prefix, nil)
	const seats = 20
	sale, err := shop.CreateTestSale(ctx, catalogue.TestSale{Seats: seats, Price: 10_000, Queued: true, MaxSeatsPerAccount: 4, HoldSeconds: 300})
	if err != nil {
		t.Fatal(err)
	}
	first, second := sale.ShowtimeIDs[0], "showtime-2"
	addShowtime(t, pool, shop, first, second)
	policy := queue.DefaultPolicy(sale.ID)
	policy.State = queue.Open
	if _, err := lines.Ensure(ctx, policy); err != nil {
		t.Fatal(err)
	}
	claims, now := bookingpg.NewClaims(pool), clock.NewManual(time.Now())
	job := SoldOut{Shop: shop, Line: lines, Gone: claims.Gone, Moved: claims.Moved, Clock: now}
	expect := func(step string, want bool) {
		t.Helper()
		now.Advance(everySale)
		if tally, err := job.look(ctx); err != nil || tally.Selected != 1 || tally.Done != 1 {
			t.Fatalf("%s: %+v, %v", step, tally, err)
		}
		shown, err := lines.Policy(ctx, sale.ID)
		if err != nil {
			t.Fatal(err)
		}
		var marked bool
		if err := pool.QueryRow(ctx, `SELECT sold_out FROM sale WHERE id = $1`, sale.ID).Scan(&marked); err != nil {
			t.Fatal(err)
		}
		if marked != want || shown.SoldOut != want {
			t.Errorf("%s: sale %t, line %t; want %t", step, marked, shown.SoldOut, want)
		}
	}
	expect("nothing sold", false)
	claim(t, pool, first, "sold", 0, seats)
	expect("one showtime sold", false)
	claim(t, pool, second, "sold", 0, seats-2)
	claim(t, pool, second, "blocked", seats-2, seats-1)
	claim(t, pool, second, "reserved", seats-1, seats)
	expect("the last seat is only reserved", false)
	if _, err := pool.Exec(ctx, `UPDATE seat_claim SET kind = 'sold' WHERE kind = 'reserved'`); err != nil {
		t.Fatal(err)
	}
	expect("all sold", true)
	expect("still all sold", true)
	if _, err := pool.Exec(ctx, `DELETE FROM seat_claim WHERE seat = 'seat-3'`); err != nil {
		t.Fatal(err)
	}
	expect("two seats came back", false)
}

// Between its looks at everything, only sales in which something has moved cost
// anything, and those are looked at twice.
func TestOnlySalesThatMovedAreLookedAt(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	pool := pgtest.Pool(t)
	client, prefix := backendtest.Redis(t)
	shop, lines := cataloguepg.New(pool), queueredis.New(client, prefix, nil)
	var sales []string
	for range 2 {
		sale, err := shop.CreateTestSale(ctx, catalogue.TestSale{Seats: 10, Price: 10_000, MaxSeatsPerAccount: 4, HoldSeconds: 300})
		if err != nil {
			t.Fatal(err)
		}
		sales = append(sales, sale.ID)
	}
	claims, now := bookingpg.NewClaims(pool), clock.NewManual(time.Now())
	job := SoldOut{Shop: shop, Line: lines, Gone: claims.Gone, Moved: claims.Moved, Clock: now}
	look := func(step string, want int) {
		t.Helper()
		now.Advance(time.Second)
		if tally, err := job.look(ctx); err != nil || tally.Selected != want || tally.Done != want {
			t.Fatalf("%s: %+v, %v; want %d sales looked at", step, tally, err, want)
		}
	}
	moves := func(booking, state string) {
		t.Helper()
		const q = `INSERT INTO ledger (booking_id, entry, to_state) VALUES ($1, 'booking', $2)`
		if _, err := pool.Exec(ctx, q, booking, state); err != nil {
			t.Fatal(err)
		}
	}
	const booked = `
		INSERT INTO booking (id, order_id, hold_id, account_id, email, name, locale, sale_id, performance_id, performance_title, venue_name,
			showtime_id, starts_at, seat_count, seat_limit, price, discount, amount, state, pay_before, expires_at)
		VALUES ('bkg-1', 'ord-1', 'hold-1', 'acc-1', '', '', 'ko', $1, '', '', '', $1, now(), 10, 10, 0, 0, 0, 'confirmed', now(), now())`
	if _, err := pool.Exec(ctx, booked, sales[0]); err != nil {
		t.Fatal(err)
	}
	moves("bkg-1", "pending_payment")
	look("at first", 2)
	look("nothing moved", 0)
	claim(t, pool, sales[0], "sold", 0, 10)
	look("nothing is said to have moved", 0)
	moves("bkg-1", "pending_payment")
	look("nothing that matters moved", 0)
	moves("bkg-1", "confirmed")
	look("one is sold out", 1)
	if sale, err := shop.SalesOpenAt(ctx, now.Now()); err != nil || !sale[0].SoldOut || sale[1].SoldOut {
		t.Errorf("sales = %+v, %v; want the first marked", sale, err)
	}
	look("the same once more", 1)
	look("nothing moved any more", 0)
	now.Advance(everySale)
	look("everything again", 2)
}
