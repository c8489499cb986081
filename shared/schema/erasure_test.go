package schema_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"golang.org/x/text/unicode/norm"

	"github.com/fairgate/fairgate/shared/platform/backendtest/pgtest"
	"github.com/fairgate/fairgate/shared/schema"
)

// migratedBefore returns a connection to a database as it was before a migration.
func migratedBefore(t *testing.T, first string) *pgx.Conn {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, pgtest.EmptyURL(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(ctx) })
	exec(t, conn, `CREATE TABLE schema_migration (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())`)
	files, err := filepath.Glob("migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files)
	for _, file := range files {
		if filepath.Base(file) >= first {
			break
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		exec(t, conn, string(text))
		exec(t, conn, `INSERT INTO schema_migration (name) VALUES ($1)`, filepath.ToSlash(file))
	}
	return conn
}

func exec(t *testing.T, conn *pgx.Conn, q string, args ...any) {
	t.Helper()
	if _, err := conn.Exec(context.Background(), q, args...); err != nil {
		t.Fatalf("%.80s: %v", q, err)
	}
}

// TestRowsFromBeforeAreNormalisedAndForgotten migrates what earlier versions stored.
func TestRowsFromBeforeAreNormalisedAndForgotten(t *testing.T) {
	t.Parallel()
	ctx, conn := context.Background(), migratedBefore(t, "0021")
	exec(t, conn, `INSERT INTO account (id, email, password_hash, name, deleted_at) VALUES
		('acc-1', 'Alone@B.test', 'h', 'a', NULL), ('acc-2', 'Two@b.test', 'h', 'a', NULL), ('acc-3', 'two@b.test', 'h', 'a', NULL), ('acc-4', NULL, NULL, '', now())`)
	exec(t, conn, `INSERT INTO login (id, account_id) VALUES ('lgn-1', 'acc-1'), ('lgn-4', 'acc-4')`)
	exec(t, conn, `INSERT INTO performer (id, name) VALUES ('prf-1', $1)`, norm.NFD.String("파란밤"))
	exec(t, conn, `INSERT INTO notification (account_id, kind, entity, title, body, link) VALUES ('acc-1', 'k', 'bkg-1', '', '', ''), ('acc-4', 'k', 'bkg-1', '', '', '')`)
	exec(t, conn, `INSERT INTO booking (id, order_id, hold_id, account_id, email, name, locale, sale_id, performance_id, performance_title, venue_name,
		showtime_id, starts_at, seat_count, seat_limit, price, discount, amount, state, pay_before, expires_at)
		VALUES ('bkg-1', 'o', 'h', 'acc-1', 'alone@b.test', 'a', 'ko', 's', 'p', 't', 'v', 's', now(), 1, 4, 0, 0, 0, 'confirmed', now(), now())`)
	exec(t, conn, `INSERT INTO delivery (channel, template, entity, recipient, state) VALUES
		('mail', 'booking_confirmed', 'bkg-1', 'alone@b.test', 'sent'), ('slack', 'booking_confirmed', 'bkg-1', 'operators', 'sent')`)
	applied, err := schema.Migrate(ctx, conn)
	if err != nil || len(applied) == 0 {
		t.Fatal(applied, err)
	}
	for q, want := range map[string]string{
		`SELECT string_agg(coalesce(email, '-'), ' ' ORDER BY id) FROM account`:              "alone@b.test Two@b.test two@b.test -",
		`SELECT string_agg(id, ' ' ORDER BY id) FROM login`:                                  "lgn-1",
		`SELECT name FROM performer`:                                                         "파란밤",
		`SELECT string_agg(account_id, ' ') FROM notification`:                               "acc-1",
		`SELECT string_agg(account_id, ' ') FROM forgotten_account`:                          "acc-4",
		`SELECT string_agg(channel || '=' || recipient, ' ' ORDER BY channel) FROM delivery`: "mail=acc-1 slack=operators",
	} {
		var got string
		if err := conn.QueryRow(ctx, q).Scan(&got); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", strings.Fields(q)[1], got, err, want)
		}
	}
}
