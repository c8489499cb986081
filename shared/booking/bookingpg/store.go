// Package bookingpg keeps bookings, payments, refunds and seat claims in Postgres.
//
// Every change runs in one transaction that locks in the order of package booking:
// advisory lock of (account, sale), booking, payment, refund, claims by seat. Rows
// are read again after they are locked, in a statement of its own: under READ
// COMMITTED a statement that waits for a lock sees other tables as they were before.
package bookingpg

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/platform/audit"
	"github.com/fairgate/fairgate/shared/platform/postgres"
	"github.com/fairgate/fairgate/shared/platform/tracing"
)

// Store is the booking.Store on Postgres. Safe for concurrent use.
type Store struct{ pool *pgxpool.Pool }

var (
	_ booking.Store         = (*Store)(nil)
	_ booking.SpentSessions = (*Store)(nil)
)

// New returns a store on pool.
func New(pool *pgxpool.Pool) *Store { return &Store{pool: pool} }

// querier is a pool or a transaction.
type querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

type unitKey struct{}

// work is a transaction. All of a method's writes are queued, and sent with its
// COMMIT or the next question.
type work struct {
	*postgres.Tx
	careful bool // ask whether the seats were got before anything relies on it
}

// demand queues a query of one row, postgres.Must's, and turns its failure into refusal.
func (w *work) demand(refusal error, q string, args ...any) {
	w.Queue(q, args...).QueryRow(func(row pgx.Row) error {
		var met int
		err := row.Scan(&met)
		if postgres.IsUnmet(err) {
			return refusal
		}
		return err
	})
}

// unit is the transaction of a Once, carried by the context of its effect.
type unit struct {
	*work
	after []func(ctx context.Context)
}

func unitOf(ctx context.Context) *unit {
	u, _ := ctx.Value(unitKey{}).(*unit)
	return u
}

// db returns what reads go to.
func (s *Store) db(ctx context.Context) querier {
	if u := unitOf(ctx); u != nil {
		return u.work
	}
	return s.pool
}

// inTx runs f in the transaction of ctx, or in one of its own.
func (s *Store) inTx(ctx context.Context, f func(tx *work) error) error {
	if u := unitOf(ctx); u != nil {
		return f(u.work)
	}
	return s.commit(ctx, f)
}

// commit runs f in a new transaction, which is committed also when f fails with an
// error that is to be kept. When a seat turns out to be lost, f runs again, careful.
func (s *Store) commit(ctx context.Context, f func(tx *work) error) error {
	ctx, span := tracing.Start(ctx, "transaction", tracing.Client)
	kept, err := s.transact(ctx, false, f)
	if errors.Is(err, errSeatLost) {
		kept, err = s.transact(ctx, true, f)
	}
	span.End(&err)
	if err != nil {
		return err
	}
	return kept
}

func (s *Store) transact(ctx context.Context, careful bool, f func(tx *work) error) (kept, err error) {
	origin := func(batch *pgx.Batch) { audit.QueueOrigin(ctx, batch) }
	err = postgres.Pipeline(ctx, s.pool, origin, func(tx *postgres.Tx) error {
		kept = nil
		err := f(&work{Tx: tx, careful: careful})
		if booking.IsKept(err) {
			kept = err
			return nil
		}
		return err
	})
	return kept, err
}

// AfterCommit implements booking.Transactions.
func (s *Store) AfterCommit(ctx context.Context, f func(ctx context.Context)) {
	if u := unitOf(ctx); u != nil {
		u.after = append(u.after, f)
		return
	}
	f(ctx)
}
