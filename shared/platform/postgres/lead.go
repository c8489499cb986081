package postgres

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairgate/fairgate/shared/guard"
)

const (
	leadTry   = time.Second // between tries to become the leader, and between checks that we still are
	leadCheck = 2 * time.Second
)

// Lead makes the caller the leader of everybody who leads under the same key, by
// an advisory lock on a connection of its own. It calls f while it leads, again
// and again until ctx ends. stop ends when ctx ends or the lead is lost; held ends
// only when it is lost.
//
// A leader that loses its database notices within 3 s, while Postgres may give the
// lead to the next at once: for that moment there can be two, so what they do must
// be safe against that.
func Lead(ctx context.Context, pool *pgxpool.Pool, key int64, log *slog.Logger, f func(stop, held context.Context)) error {
	for ctx.Err() == nil {
		if err := leadOnce(ctx, pool, key, f); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "not leading", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(leadTry):
		}
	}
	return nil
}

// leadOnce tries to lead once. It returns nil if another leads.
func leadOnce(ctx context.Context, pool *pgxpool.Pool, key int64, f func(stop, held context.Context)) error {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	var leads bool
	if err := conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1)`, key).Scan(&leads); err != nil || !leads {
		return err
	}
	err = whileHeld(ctx, conn, f)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leadCheck)
	defer cancel()
	if err == nil {
		_, err = conn.Exec(ctx, `SELECT pg_advisory_unlock($1)`, key)
	}
	if err != nil { // the lock's fate is unknown: end the session, and with it the lock
		_ = conn.Conn().Close(ctx)
	}
	return err
}

// whileHeld runs f until it returns, and tells it when the connection is lost.
func whileHeld(ctx context.Context, conn *pgxpool.Conn, f func(stop, held context.Context)) (lost error) {
	held, lose := context.WithCancel(context.WithoutCancel(ctx))
	defer lose()
	stop, cancel := context.WithCancel(held)
	defer cancel()
	defer context.AfterFunc(ctx, guard.Func("leader", cancel))()

	done := make(chan struct{})
	guard.Go("leader", func() { defer close(done); f(stop, held) })
	for {
		select {
		case <-done:
			return lost
		case <-time.After(leadTry):
		}
		if lost == nil {
			if lost = check(held, conn); lost != nil {
				lose()
			}
		}
	}
}

func check(ctx context.Context, conn *pgxpool.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, leadCheck)
	defer cancel()
	return conn.Ping(ctx)
}
