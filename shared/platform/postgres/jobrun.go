package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairgate/fairgate/shared/platform/run"
)

// JobRuns keeps what scheduled jobs did.
type JobRuns struct{ pool *pgxpool.Pool }

// NewJobRuns returns job runs on pool.
func NewJobRuns(pool *pgxpool.Pool) *JobRuns { return &JobRuns{pool} }

// Store adds records; what a crash of the database takes back is lost.
func (s *JobRuns) Store(ctx context.Context, records []run.Record) error {
	const q = `
		INSERT INTO job_run (job, started_at, ended_at, runs, runs_failed, selected, done, failed, error)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, left($9, 2000))`
	batch := &pgx.Batch{}
	QueueAsyncCommit(batch)
	for _, r := range records {
		batch.Queue(q, r.Job, r.Started, r.Ended, r.Runs, r.RunsFailed, r.Items.Selected, r.Items.Done, r.Items.Failed, r.Error)
	}
	return s.pool.SendBatch(ctx, batch).Close()
}

// PruneAfter deletes what is older than age.
func (s *JobRuns) PruneAfter(age time.Duration) Prune {
	const q = `
		DELETE FROM job_run WHERE ctid = ANY (ARRAY(
			SELECT ctid FROM job_run WHERE started_at < now() - $1::interval LIMIT $2 FOR UPDATE SKIP LOCKED))`
	return Prune{Table: "job_run", SQL: q, After: age}
}
