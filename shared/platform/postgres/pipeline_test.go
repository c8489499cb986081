package postgres_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairgate/fairgate/shared/platform/backendtest/pgtest"
	"github.com/fairgate/fairgate/shared/platform/postgres"
)

// A transaction commits all that was queued, or nothing; and its connection can be
// used again.
func TestPipeline(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	const insert, must = `INSERT INTO thing (n) VALUES ($1)`, `SELECT 1 / ($1::int = 1)::int`
	for name, c := range map[string]struct {
		do   func(ctx context.Context, tx *postgres.Tx) error
		want int // rows afterwards
		err  error
	}{
		"queued only": {func(_ context.Context, tx *postgres.Tx) error {
			tx.Queue(insert, 1)
			tx.Queue(insert, 2)
			return nil
		}, 2, nil},
		"questions see what was queued": {func(ctx context.Context, tx *postgres.Tx) error {
			tx.Queue(insert, 1)
			var n int
			if err := tx.QueryRow(ctx, `SELECT count(*) FROM thing`).Scan(&n); err != nil || n != 1 {
				return errors.Join(err, errors.New("not seen"))
			}
			tag, err := tx.Exec(ctx, insert, 2)
			if tag.RowsAffected() != 1 {
				return errors.New("not inserted")
			}
			return err
		}, 2, nil},
		"nothing": {func(context.Context, *postgres.Tx) error { return nil }, 0, nil},
		"failed before anything was sent": {func(_ context.Context, tx *postgres.Tx) error {
			tx.Queue(insert, 1)
			return boom
		}, 0, boom},
		"failed after a question": {func(ctx context.Context, tx *postgres.Tx) error {
			_, err := tx.Exec(ctx, insert, 1)
			return errors.Join(err, boom)
		}, 0, boom},
		"an unmet condition stops the COMMIT behind it": {func(_ context.Context, tx *postgres.Tx) error {
			tx.Queue(insert, 1)
			tx.Queue(must, 0).QueryRow(func(row pgx.Row) error {
				var one int
				err := row.Scan(&one)
				if postgres.IsUnmet(err) {
					return boom
				}
				return err
			})
			tx.Queue(insert, 2)
			return nil
		}, 0, boom},
		"a failure that f forgets": {func(ctx context.Context, tx *postgres.Tx) error {
			_, _ = tx.Exec(ctx, insert, 1)
			_, _ = tx.Exec(ctx, must, 0)
			return nil
		}, 0, pgx.ErrTxCommitRollback},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, pool := t.Context(), onePool(t)
			if _, err := pool.Exec(ctx, `CREATE TABLE thing (n int)`); err != nil {
				t.Fatal(err)
			}
			err := postgres.Pipeline(ctx, pool, func(*pgx.Batch) {}, func(tx *postgres.Tx) error { return c.do(ctx, tx) })
			if !errors.Is(err, c.err) || (c.err == nil) != (err == nil) {
				t.Errorf("error = %v; want %v", err, c.err)
			}
			var n int
			if err := pool.QueryRow(ctx, `SELECT count(*) FROM thing`).Scan(&n); err != nil || n != c.want {
				t.Errorf("%d rows, %v; want %d", n, err, c.want)
			}
		})
	}
}

// onePool has one connection: whoever does not give it back stops the test.
func onePool(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool, err := postgres.Open(t.Context(), pgtest.URL(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func TestAPipelineIsTriedAgainAfterADeadlock(t *testing.T) {
	t.Parallel()
	tries := 0
	err := postgres.Pipeline(t.Context(), onePool(t), func(*pgx.Batch) {}, func(tx *postgres.Tx) error {
		if tries++; tries == 1 {
			_, err := tx.Exec(t.Context(), `DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'deadlock_detected'; END $$`)
			return err
		}
		return nil
	})
	if err != nil || tries != 2 {
		t.Errorf("%d tries, %v; want 2", tries, err)
	}
}
