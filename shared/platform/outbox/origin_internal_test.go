package outbox

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fairgate/fairgate/shared/event"
	"github.com/fairgate/fairgate/shared/platform/audit"
	"github.com/fairgate/fairgate/shared/platform/backendtest/pgtest"
	"github.com/fairgate/fairgate/shared/platform/logging"
	"github.com/fairgate/fairgate/shared/platform/postgres"
)

// An event is of the request in whose transaction it was stored; if that was none, of
// the one that its maker names.
func TestAnEventsRequest(t *testing.T) {
	t.Parallel()
	pool := pgtest.Pool(t)
	plain := context.Background()
	for _, c := range []struct {
		ctx  context.Context
		id   string
		want string
	}{
		{logging.WithRequestID(plain, "req-now"), "evt-1", "req-now"},
		{plain, "evt-2", "req-of-the-maker"},
	} {
		e, err := event.New(typ, "thing", 1, time.Now(), "req-of-the-maker", event.SaleChanged{})
		if err != nil {
			t.Fatal(err)
		}
		e.ID = c.id
		origin := func(batch *pgx.Batch) { audit.QueueOrigin(c.ctx, batch) }
		if err := postgres.Pipeline(c.ctx, pool, origin, func(tx *postgres.Tx) error { return Queue(tx.Batch(), e) }); err != nil {
			t.Fatal(err)
		}
		got := ""
		err = postgres.Pipeline(plain, pool, settings, func(tx *postgres.Tx) error {
			rows, err := take(plain, tx)
			for _, row := range rows {
				if row.EventID == c.id {
					got = row.RequestID
				}
			}
			return err
		})
		if err != nil || got != c.want {
			t.Errorf("%s: request %q, %v; want %q", c.id, got, err, c.want)
		}
	}
}
