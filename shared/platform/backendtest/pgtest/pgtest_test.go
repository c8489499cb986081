package pgtest_test

import (
	"context"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fairgate/fairgate/shared/platform/backendtest/pgtest"
	"github.com/fairgate/fairgate/shared/schema"
)

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func TestDatabasesAreMigratedAndApart(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	urls := make([]string, 4)
	var all sync.WaitGroup
	for i := range urls {
		all.Go(func() { urls[i] = pgtest.URL(t) })
	}
	all.Wait()
	for i, url := range urls {
		conn := connect(t, url)
		if missing, err := schema.Pending(ctx, conn); err != nil || len(missing) > 0 {
			t.Errorf("database %d: %d migrations are missing, %v", i, len(missing), err)
		}
		if _, err := conn.Exec(ctx, `CREATE TABLE mine ()`); err != nil {
			t.Errorf("database %d is not its own: %v", i, err)
		}
	}
}

func TestAnEmptyDatabaseHasNoTables(t *testing.T) {
	t.Parallel()
	missing, err := schema.Pending(context.Background(), connect(t, pgtest.EmptyURL(t)))
	if err != nil || len(missing) < 2 {
		t.Errorf("%d migrations are missing, %v; want all", len(missing), err)
	}
}
