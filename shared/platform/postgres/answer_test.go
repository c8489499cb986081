package postgres_test

import (
	"context"
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/platform/backendtest"
	"github.com/fairgate/fairgate/shared/platform/backendtest/pgtest"
	"github.com/fairgate/fairgate/shared/platform/postgres"
)

// A Postgres that hangs keeps its connections and answers nothing, not even that a
// statement took too long. The callers have no deadline of their own here.
func TestNothingWaitsForEverForAPostgresThatHangs(t *testing.T) {
	t.Parallel()
	u, err := url.Parse(pgtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	proxy := backendtest.NewProxy(t, u.Host)
	u.Host = proxy.Addr
	pool, err := postgres.Open(context.Background(), u.String(), 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	t.Cleanup(func() { proxy.Freeze(false) })
	ask := func(q string) error { _, err := pool.Exec(context.Background(), q); return err }
	if err := ask(`SELECT 1`); err != nil {
		t.Fatal(err)
	}
	proxy.Freeze(true)
	for _, connection := range []string{"an open connection", "a new connection"} {
		ended := make(chan error, 1)
		go func() { ended <- ask(`SELECT 1`) }()
		select {
		case err := <-ended:
			if err := postgres.Explain(err); !errors.Is(err, errs.ErrUpstream) {
				t.Errorf("on %s: %v; want that Postgres is away", connection, err)
			}
		case <-time.After(time.Minute):
			t.Fatalf("on %s: still waiting after a minute", connection)
		}
	}
	proxy.Freeze(false)
	for deadline := time.Now().Add(time.Minute); ask(`SELECT 1`) != nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no answer though Postgres goes on")
		}
	}
}

// The limit is for a server that hangs, not for one that works or for a connection
// that has nothing to do.
func TestAStatementHasAllItsTime(t *testing.T) {
	t.Parallel()
	pool, err := postgres.Open(context.Background(), pgtest.URL(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	if _, err := pool.Exec(context.Background(), `SELECT pg_sleep(4)`); err != nil {
		t.Errorf("a statement of 4 s: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	begun := time.Now()
	if _, err := pool.Exec(ctx, `SELECT pg_sleep(4)`); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) > 4*time.Second {
		t.Errorf("a caller with 100 ms: %v after %s", err, time.Since(begun))
	}
}
