package verify_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fairgate/fairgate/loadtest/verify"
)

// database returns a connection to a new database with the product's own schema.
func database(t *testing.T) *pgx.Conn {
	t.Helper()
	ctx := context.Background()
	server := os.Getenv("TEST_POSTGRES_URL")
	if server == "" {
		t.Fatal("TEST_POSTGRES_URL is not set: run the tests with 'make test'")
	}
	admin, err := pgx.Connect(ctx, server)
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("verify_%d", time.Now().UnixNano())
	if _, err := admin.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	db, err := pgx.Connect(ctx, u.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = db.Close(ctx)
		_, _ = admin.Exec(ctx, "DROP DATABASE "+name)
		_ = admin.Close(ctx)
	})
	migrate(t, db)
	return db
}

func migrate(t *testing.T, db *pgx.Conn) {
	t.Helper()
	files, err := filepath.Glob("../../shared/schema/migrations/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("no migrations found: %v", err)
	}
	slices.Sort(files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(context.Background(), string(text)); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
}

// sell plants a confirmed booking of one seat for ₩10,000, with its claim and ticket.
func sell(t *testing.T, db *pgx.Conn, n int, seat string) {
	t.Helper()
	statements := []string{
		`INSERT INTO booking (id, order_id, hold_id, account_id, email, name, locale, sale_id, performance_id, performance_title, venue_name,
			showtime_id, starts_at, seat_count, seat_limit, price, discount, amount, state, session_epoch, session_n, pay_before, expires_at)
			VALUES ('b%[1]d', 'order-%[1]d', 'h%[1]d', 'a%[1]d', 'e', 'n', 'ko', 'sale', 'pf', 't', 'v',
			'st', now(), 1, 4, 10000, 0, 10000, 'confirmed', 1, %[1]d, now(), now())`,
		`INSERT INTO booking_seat (booking_id, showtime_id, seat, grade, price, state) VALUES ('b%[1]d', 'st', '%[2]s', 'R', 10000, 'sold')`,
		`INSERT INTO seat_claim (showtime_id, seat, booking_id, account_id, kind, until) VALUES ('st', '%[2]s', 'b%[1]d', 'a%[1]d', 'sold', 'infinity') ON CONFLICT DO NOTHING`,
		`INSERT INTO ticket (id, booking_id, account_id, showtime_id, seat, code) VALUES ('t%[1]d', 'b%[1]d', 'a%[1]d', 'st', '%[2]s', 'c%[1]d')`,
	}
	for _, s := range statements {
		exec(t, db, fmt.Sprintf(s+" -- %[1]d %[2]s", n, seat))
	}
}

func exec(t *testing.T, db *pgx.Conn, sql string) {
	t.Helper()
	if _, err := db.Exec(context.Background(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func captured(orders ...int) []verify.Payment {
	var all []verify.Payment
	for _, n := range orders {
		all = append(all, verify.Payment{PaymentKey: fmt.Sprint("k", n), OrderID: fmt.Sprint("order-", n), BalanceAmount: 10_000, Status: "DONE"})
	}
	return all
}

var twoSeats = verify.Expectation{SaleID: "sale", Seats: 2, SoldOut: true, Queued: true, MaxSeatsPerAccount: 4}

func TestACleanSalePasses(t *testing.T) {
	t.Parallel()
	db := database(t)
	sell(t, db, 1, "A-1")
	sell(t, db, 2, "A-2")
	got, err := verify.Check(t.Context(), db, captured(1, 2), twoSeats)
	if err != nil || len(got.Violations) > 0 {
		t.Fatalf("violations %q, error %v", got.Violations, err)
	}
	if got.SeatsSold != 2 || got.Bookings != 2 || got.Captured != 20_000 {
		t.Errorf("report %+v", got)
	}
}

func TestPlantedViolationsAreFound(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		plant func(t *testing.T, db *pgx.Conn)
		paid  []verify.Payment
		want  string
	}{
		{"double sale", func(t *testing.T, db *pgx.Conn) {
			exec(t, db, `DROP INDEX booking_seat_sold_once`)
			sell(t, db, 3, "A-2")
		}, captured(1, 2, 3), "sold twice"},
		{"unsold seat", func(t *testing.T, db *pgx.Conn) {
			exec(t, db, `UPDATE booking SET state = 'expired' WHERE id = 'b2'`)
		}, captured(1), "only 1 of 2 seats sold"},
		{"money without a booking", func(t *testing.T, db *pgx.Conn) {
			exec(t, db, `UPDATE booking SET state = 'expired' WHERE id = 'b2'`)
		}, captured(1, 2), "there is no confirmed booking"},
		{"free ticket", func(*testing.T, *pgx.Conn) {}, captured(1), "the provider keeps ₩0"},
		{"double capture", func(*testing.T, *pgx.Conn) {}, captured(1, 2, 2), "captured twice"},
		{"no session", func(t *testing.T, db *pgx.Conn) {
			exec(t, db, `UPDATE booking SET session_n = NULL WHERE id = 'b2'`)
		}, captured(1, 2), "nobody who had entered"},
		{"shared session", func(t *testing.T, db *pgx.Conn) {
			exec(t, db, `UPDATE booking SET session_n = 1`)
		}, captured(1, 2), "several accounts"},
		{"over the limit", func(t *testing.T, db *pgx.Conn) {
			exec(t, db, `UPDATE booking SET seat_count = 5 WHERE id = 'b2'`)
		}, captured(1, 2), "more live seats than allowed"},
		{"missing ticket", func(t *testing.T, db *pgx.Conn) {
			exec(t, db, `DELETE FROM ticket WHERE id = 't2'`)
		}, captured(1, 2), "valid tickets"},
		{"lost claim", func(t *testing.T, db *pgx.Conn) {
			exec(t, db, `DELETE FROM seat_claim WHERE seat = 'A-2'`)
		}, captured(1, 2), "without a pinned claim"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			db := database(t)
			sell(t, db, 1, "A-1")
			sell(t, db, 2, "A-2")
			test.plant(t, db)
			got, err := verify.Check(t.Context(), db, test.paid, twoSeats)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(strings.Join(got.Violations, "\n"), test.want) {
				t.Errorf("violations %q, want one that says %q", got.Violations, test.want)
			}
		})
	}
}

func TestSettledReportsWhatIsStillOpen(t *testing.T) {
	t.Parallel()
	db := database(t)
	sell(t, db, 1, "A-1")
	if err := verify.Settled(t.Context(), db, "sale", time.Second); err != nil {
		t.Fatal(err)
	}
	exec(t, db, `UPDATE booking SET state = 'paying'`)
	if err := verify.Settled(t.Context(), db, "sale", 50*time.Millisecond); err == nil {
		t.Error("a booking that is paying counts as settled")
	}
}

func TestWhatIsNotKnownIsNotJudged(t *testing.T) {
	t.Parallel()
	db := database(t)
	sell(t, db, 1, "A-1")
	unknown := twoSeats
	unknown.Seats, unknown.SoldOut, unknown.WithoutMoney = 0, false, true
	if got, err := verify.Check(t.Context(), db, nil, unknown); err != nil || len(got.Violations) > 0 || got.SeatsSold != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	unknown.WithoutMoney = false
	if got, err := verify.Check(t.Context(), db, nil, unknown); err != nil || len(got.Violations) != 1 {
		t.Errorf("a ticket without money passes: %+v, %v", got, err)
	}
}
