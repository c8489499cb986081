package audit_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fairgate/fairgate/shared/platform/audit"
	"github.com/fairgate/fairgate/shared/platform/backendtest/pgtest"
	"github.com/fairgate/fairgate/shared/platform/logging"
	"github.com/fairgate/fairgate/shared/platform/postgres"
)

func originOf(ctx context.Context) func(*pgx.Batch) {
	return func(batch *pgx.Batch) { audit.QueueOrigin(ctx, batch) }
}

func TestATransactionKnowsItsOrigin(t *testing.T) {
	t.Parallel()
	pool := pgtest.Pool(t)
	origin := func(ctx context.Context) (requestID, actor string) {
		t.Helper()
		const q = `SELECT coalesce(current_setting('fairgate.request_id', true), ''), coalesce(current_setting('fairgate.actor', true), '')`
		err := postgres.Pipeline(ctx, pool, originOf(ctx), func(tx *postgres.Tx) error {
			return tx.QueryRow(ctx, q).Scan(&requestID, &actor)
		})
		if err != nil {
			t.Fatal(err)
		}
		return requestID, actor
	}
	plain := context.Background()
	asked := audit.WithActor(logging.WithRequestID(plain, "req-1"), "account:acc-1")
	for _, c := range []struct {
		ctx         context.Context
		id, by, why string
	}{
		{asked, "req-1", "account:acc-1", "both are known"},
		{plain, "", "", "the connection remembers nothing"},
		{audit.WithActor(plain, "job:x"), "", "job:x", "one of them"},
		{audit.WithActor(plain, "x'; DROP TABLE ledger; --"), "", "x'; DROP TABLE ledger; --", "what would need quotes is text like any other"},
	} {
		if id, by := origin(c.ctx); id != c.id || by != c.by {
			t.Errorf("%s: %q, %q", c.why, id, by)
		}
	}
}

func BenchmarkBegin(b *testing.B) {
	pool := pgtest.Pool(b)
	plain := context.Background()
	asked := audit.WithActor(logging.WithRequestID(plain, "req-01kxxxxxxxxxxxxxxxxxxxxxxxx"), "account:acc-01kxxxxxxxxxxxxxxxxxxxxxxxx")
	for name, ctx := range map[string]context.Context{"plain": plain, "with its origin": asked} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				err := postgres.Pipeline(ctx, pool, originOf(ctx), func(*postgres.Tx) error { return nil })
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
