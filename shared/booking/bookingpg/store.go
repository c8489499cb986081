// Package bookingpg keeps bookings, payments, refunds and seat claims in Postgres.
//
// Every change runs in one transaction that locks in the order of package booking:
// advisory lock of (account, sale), booking, payment, refund, claims by seat. Rows
// are read again after they are locked, in a statement of its own: under READ
// COMMITTED a statement that waits for a lock sees other tables as they were before.
package bookingpg

import (
	"context"

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

// unit is the transaction of a Once, carried by the context of its effect.
type unit struct {
	tx    pgx.Tx
	after []func(ctx context.Context)
}

func unitOf(ctx context.Context) *unit {
	u, _ := ctx.Value(unitKey{}).(*unit)
	return u
}

// db returns what reads go to.
func (s *Store) db(ctx context.Context) querier {
	if u := unitOf(ctx); u != nil {
		return u.tx
	}
	return s.pool
}

// inTx runs f in the transaction of ctx, or in one of its own.
func (s *Store) inTx(ctx context.Context, f func(tx pgx.Tx) error) error {
	if u := unitOf(ctx); u != nil {
		return f(u.tx)
	}
	return s.commit(ctx, f)
}

// commit runs f in a new transaction, which is committed also when f fails with an
// error that is to be kept.
func (s *Store) commit(ctx context.Context, f func(tx pgx.Tx) error) error {
	ctx, span := tracing.Start(ctx, "transaction", tracing.Client)
	var kept error
	err := postgres.InTx(ctx, audit.Transactions{Pool: s.pool}, func(tx pgx.Tx) error {
		kept = nil
		err := f(tx)
		if booking.IsKept(err) {
			kept = err
			return nil
		}
		return err
	})
	span.End(&err)
	if err != nil {
		return err
	}
	return kept
}

// AfterCommit implements booking.Transactions.
func (s *Store) AfterCommit(ctx context.Context, f func(ctx context.Context)) {
	if u := unitOf(ctx); u != nil {
		u.after = append(u.after, f)
		return
	}
	f(ctx)
}
