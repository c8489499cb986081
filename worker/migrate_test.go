package worker_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairgate/fairgate/shared/platform/backendtest/pgtest"
	"github.com/fairgate/fairgate/shared/platform/config"
	"github.com/fairgate/fairgate/worker"
)

func migrate(t *testing.T, cfg worker.MigrateConfig, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := worker.Migrate(context.Background(), cfg, &out, args)
	return out.String(), err
}

func TestMigrateUpFromNothing(t *testing.T) {
	t.Parallel()
	url := pgtest.EmptyURL(t)
	cfg := worker.MigrateConfig{Env: config.Test, PostgresURL: config.Secret(url)}
	for _, step := range []struct{ command, want string }{
		{"status", "pending migrations/0004_message.sql"},
		{"up", "applied migrations/0004_message.sql"},
		{"up", "up to date"},
		{"status", "up to date"},
	} {
		out, err := migrate(t, cfg, step.command)
		if err != nil || !strings.Contains(out, step.want) {
			t.Fatalf("migrate %s: %q, %v; want %q", step.command, out, err, step.want)
		}
	}
}

func TestSeedTwiceStoresOnce(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	cfg := worker.MigrateConfig{Env: config.Development, PostgresURL: config.Secret(url)}
	if out, err := migrate(t, cfg, "seed"); err != nil || !strings.Contains(out, "seeded 3 accounts") {
		t.Fatalf("first: %q, %v", out, err)
	}
	if out, err := migrate(t, cfg, "seed"); err != nil || !strings.Contains(out, "seeded 0 accounts, 0 halls") {
		t.Fatalf("second: %q, %v", out, err)
	}
}

func TestSeedIsRefusedInProduction(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	if _, err := migrate(t, worker.MigrateConfig{Env: config.Production, PostgresURL: config.Secret(url)}, "seed"); err == nil {
		t.Fatal("seeded in production")
	}
	pool, err := pgxpool.New(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	var accounts int
	if err := pool.QueryRow(context.Background(), `SELECT count(*) FROM account`).Scan(&accounts); err != nil || accounts != 0 {
		t.Errorf("%d accounts, %v; want none", accounts, err)
	}
}

func TestMigrateTellsItsUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"down"}, {"up", "now"}} {
		if _, err := migrate(t, worker.MigrateConfig{}, args...); err == nil || !strings.Contains(err.Error(), "usage") {
			t.Errorf("migrate %v: %v", args, err)
		}
	}
}
