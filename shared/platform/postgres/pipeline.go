package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Tx is a transaction of few round trips: what is queued travels with the next
// statement whose answer is needed, BEGIN with the first and COMMIT with the last.
//
// All statements that travel together are executed before the first callback runs. So
// an error of a callback stops none of those behind its statement, least of all the
// COMMIT: what must not be committed has to fail in the server; see Must.
type Tx struct {
	conn  *pgxpool.Conn
	batch *pgx.Batch
}

// Pipeline runs f in one transaction and commits it unless f fails, like InTx; begin
// may queue what comes right after BEGIN.
func Pipeline(ctx context.Context, pool *pgxpool.Pool, begin func(*pgx.Batch), f func(tx *Tx) error) error {
	return retry(func() error { return pipeline(ctx, pool, begin, f) })
}

func pipeline(ctx context.Context, pool *pgxpool.Pool, begin func(*pgx.Batch), f func(tx *Tx) error) error {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release() // closes the connection should it be left in a transaction
	tx := &Tx{conn: conn, batch: &pgx.Batch{}}
	tx.Queue("begin")
	begin(tx.batch)
	if err = f(tx); err == nil {
		err = tx.commit(ctx)
	}
	if err != nil && conn.Conn().PgConn().TxStatus() != 'I' {
		_, failed := conn.Exec(ctx, "rollback")
		return errors.Join(err, failed)
	}
	return err
}

func (t *Tx) commit(ctx context.Context) error {
	tag, err := t.Exec(ctx, "commit")
	if err == nil && tag.String() == "ROLLBACK" {
		return pgx.ErrTxCommitRollback
	}
	return err
}

// Batch is what has been queued and not sent yet.
func (t *Tx) Batch() *pgx.Batch { return t.batch }

// Queue adds a statement to those that are sent next.
func (t *Tx) Queue(sql string, args ...any) *pgx.QueuedQuery { return t.batch.Queue(sql, args...) }

// Flush sends what is queued, and waits for the answers.
func (t *Tx) Flush(ctx context.Context) error {
	batch := t.batch
	if batch.Len() == 0 {
		return nil
	}
	t.batch = &pgx.Batch{}
	return t.conn.SendBatch(ctx, batch).Close()
}

// Exec executes a statement behind what is queued, in one round trip.
func (t *Tx) Exec(ctx context.Context, sql string, args ...any) (tag pgconn.CommandTag, err error) {
	t.Queue(sql, args...).Exec(func(got pgconn.CommandTag) error {
		tag = got
		return nil
	})
	err = t.Flush(ctx)
	return tag, err
}

// Query is pgx.Tx's, after a Flush.
func (t *Tx) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if err := t.Flush(ctx); err != nil {
		return nil, err
	}
	return t.conn.Query(ctx, sql, args...)
}

// QueryRow is pgx.Tx's, after a Flush.
func (t *Tx) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	if err := t.Flush(ctx); err != nil {
		return failedRow{err}
	}
	return t.conn.QueryRow(ctx, sql, args...)
}

type failedRow struct{ err error }

func (r failedRow) Scan(...any) error { return r.err }

// Must is an expression that is 1 where the condition is true, and otherwise fails,
// and with it the transaction: see IsUnmet. It may not be null.
func Must(condition string) string { return "1 / (" + condition + ")::int" }

// IsUnmet reports whether err says that a condition of Must was false.
func IsUnmet(err error) bool {
	const divisionByZero = "22012"
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == divisionByZero
}
