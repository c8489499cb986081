// Package postgres opens pools and runs transactions.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Open connects a pool of at most maxConns. Statements are cut off after 5 s and
// transactions left idle after 10 s, so that a stuck caller cannot hold a seat. A server
// that hangs is given up by us, see dial.
func Open(ctx context.Context, url string, maxConns int32) (*pgxpool.Pool, error) {
	settings, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("postgres: the connection URL cannot be read: %w", err)
	}
	settings.MaxConns = maxConns
	settings.MaxConnLifetime = time.Hour
	params := settings.ConnConfig.RuntimeParams
	settings.ConnConfig.ConnectTimeout, settings.ConnConfig.DialFunc = connectLimit, dial
	params["statement_timeout"] = strconv.FormatInt(statementLimit.Milliseconds(), 10)
	params["idle_in_transaction_session_timeout"] = "10000"
	params["timezone"] = "UTC"
	return pgxpool.NewWithConfig(ctx, settings)
}

// Beginner is a pool or a connection.
type Beginner interface {
	Begin(ctx context.Context) (pgx.Tx, error)
}

const maxTries = 5

// InTx runs f in one transaction and commits it unless f fails. Deadlocks and
// serialization failures are tried again, so f must have no effect but on tx.
func InTx(ctx context.Context, db Beginner, f func(tx pgx.Tx) error) error {
	return retry(func() error { return pgx.BeginFunc(ctx, db, f) })
}

func retry(transaction func() error) error {
	for try := 1; ; try++ {
		err := transaction()
		if err == nil || try == maxTries || !isRetryable(err) {
			return err
		}
	}
}

func isRetryable(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return false
	}
	const deadlock, serialization = "40P01", "40001"
	return pg.Code == deadlock || pg.Code == serialization
}

// IsUniqueViolation reports whether err is a violation of the named constraint or
// unique index; an empty name stands for any.
func IsUniqueViolation(err error, constraint string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "23505" && (constraint == "" || pg.ConstraintName == constraint)
}

// QueueAsyncCommit makes the transaction that batch belongs to return before its
// commit is on disk: for writes that may be lost in a crash of the database. A batch
// that is sent to a pool is a transaction of its own.
func QueueAsyncCommit(batch *pgx.Batch) {
	batch.Queue(`SELECT set_config('synchronous_commit', 'off', true)`)
}
