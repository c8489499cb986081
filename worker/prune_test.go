package worker_test

import (
	"context"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/booking/bookingpg"
	"github.com/fairgate/fairgate/shared/notify/notifypg"
	"github.com/fairgate/fairgate/shared/platform/backendtest/pgtest"
	"github.com/fairgate/fairgate/shared/platform/outbox"
	"github.com/fairgate/fairgate/shared/platform/postgres"
	"github.com/fairgate/fairgate/shared/platform/run"
)

func TestPruningDeletesOnlyWhatIsOld(t *testing.T) {
	t.Parallel()
	ctx, pool := context.Background(), pgtest.Pool(t)
	const old, kept = 5, 3
	for _, fill := range []string{
		`INSERT INTO webhook_event (transmission_id, type, order_id, payment_key, status, body, received_at)
			SELECT 't-' || i, '', '', '', '', '', now() - i * interval '1 day' FROM generate_series(1, 8) i`,
		`INSERT INTO spent_session (sale_id, epoch, n, booking_id, spent_at)
			SELECT 's', 1, i, '', now() - i * interval '1 day' FROM generate_series(1, 8) i`,
		`INSERT INTO session_account (sale_id, epoch, n, account_id, bound_at)
			SELECT 's', 1, i, 'a', now() - i * interval '1 day' FROM generate_series(1, 8) i`,
		`INSERT INTO delivery (channel, template, entity, recipient, state, created_at)
			SELECT 'mail', 't', 'b-' || i, 'r', 'sent', now() - i * interval '1 day' FROM generate_series(1, 8) i`,
		`INSERT INTO notification (account_id, kind, entity, title, body, link, created_at)
			SELECT 'a', 'k', 'b-' || i, '', '', '', now() - i * interval '1 day' FROM generate_series(1, 8) i`,
		`INSERT INTO outbox (event_id, type, payload, created_at, not_before)
			SELECT 'e-' || i, 'nobody.cares', '{}', now() - i * interval '1 day', now() FROM generate_series(1, 8) i`,
		`INSERT INTO job_run (job, started_at, ended_at, runs, runs_failed, selected, done, failed)
			SELECT 'j', now() - i * interval '1 day', now(), 1, 0, 0, 0, 0 FROM generate_series(1, 8) i`,
	} {
		if _, err := pool.Exec(ctx, fill); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := pool.Exec(ctx, `INSERT INTO outbox (event_id, type, payload, created_at) VALUES ('waits', 'x', '{}', now() - interval '1 year')`); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(ctx, `INSERT INTO spent_session (sale_id, epoch, n, booking_id, spent_at) VALUES ('s', 1, 9, 'bkg-1', now() - interval '1 year')`); err != nil {
		t.Fatal(err)
	}
	const age = 3*24*time.Hour + time.Hour
	for _, p := range []postgres.Prune{
		bookingpg.PruneWebhooks(age), bookingpg.PruneEndedSessions(age), bookingpg.PruneSessionAccounts(age), notifypg.PruneDeliveries(age), notifypg.PruneNotifications(age),
		outbox.PruneUnroutable(age), postgres.NewJobRuns(pool).PruneAfter(age),
	} {
		for _, want := range []int{2, 2, old - 4, 0} {
			if n, err := p.Rows(ctx, pool, 2); err != nil || n != want {
				t.Fatalf("%s: deleted %d, %v; want %d", p.Table, n, err, want)
			}
		}
		left := kept
		if p.Table == "outbox" || p.Table == "spent_session" {
			left++ // what only waits to be published, or was used up by a booking, is never deleted
		}
		var n int
		if err := pool.QueryRow(ctx, `SELECT count(*) FROM `+p.Table).Scan(&n); err != nil || n != left {
			t.Errorf("%s: %d left, %v; want %d", p.Table, n, err, left)
		}
	}
}

func TestJobRunsAreStored(t *testing.T) {
	t.Parallel()
	ctx, pool := context.Background(), pgtest.Pool(t)
	now := time.Now()
	err := postgres.NewJobRuns(pool).Store(ctx, []run.Record{
		{Job: "expire_bookings", Started: now.Add(-time.Minute), Ended: now, Runs: 60, RunsFailed: 1, Items: run.Tally{Selected: 7, Done: 6, Failed: 1}, Error: "boom"},
		{Job: "prune", Started: now, Ended: now, Runs: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	var rows, selected int
	const q = `SELECT count(*), sum(selected) FROM job_run WHERE selected = done + failed AND ended_at >= started_at`
	if err := pool.QueryRow(ctx, q).Scan(&rows, &selected); err != nil || rows != 2 || selected != 7 {
		t.Errorf("%d rows, %d selected, %v", rows, selected, err)
	}
}
