// Package notifypg keeps notifications and deliveries in Postgres.
package notifypg

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairgate/fairgate/shared/notify"
)

// Store is a notify.Store.
type Store struct{ pool *pgxpool.Pool }

// NewStore returns a store on pool.
func NewStore(pool *pgxpool.Pool) *Store { return &Store{pool} }

// lockClass keeps our advisory locks apart from those of others.
const lockClass = 5

// Add stores n once per (account, kind, entity). The lock makes the numbers of an
// account appear in their order: a reader who has seen one has seen all before.
func (s *Store) Add(ctx context.Context, n notify.Notification) (added bool, err error) {
	const lock = `SELECT pg_advisory_xact_lock($1, hashtext($2))`
	const q = `
		INSERT INTO notification (account_id, kind, entity, title, body, link)
		VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT ON CONSTRAINT notification_once DO NOTHING`
	batch := &pgx.Batch{} // one transaction in one round trip
	batch.Queue(lock, lockClass, n.AccountID)
	batch.Queue(q, n.AccountID, n.Kind, n.Entity, n.Title, n.Body, n.Link).Exec(func(tag pgconn.CommandTag) error {
		added = tag.RowsAffected() == 1
		return nil
	})
	if err := s.pool.SendBatch(ctx, batch).Close(); err != nil {
		return false, fmt.Errorf("notifypg: add: %w", err)
	}
	return added, nil
}

// Before returns the newest of an account with Seq < before; 0 stands for all.
func (s *Store) Before(ctx context.Context, accountID string, before int64, limit int) ([]notify.Notification, error) {
	const q = `
		SELECT seq, account_id, kind, entity, title, body, link, created_at
		FROM notification
		WHERE account_id = $1 AND ($2 = 0 OR seq < $2)
		ORDER BY seq DESC
		LIMIT $3`
	return s.list(ctx, q, accountID, before, limit)
}

// After returns the oldest of an account with Seq > after.
func (s *Store) After(ctx context.Context, accountID string, after int64, limit int) ([]notify.Notification, error) {
	const q = `
		SELECT seq, account_id, kind, entity, title, body, link, created_at
		FROM notification
		WHERE account_id = $1 AND seq > $2
		ORDER BY seq
		LIMIT $3`
	return s.list(ctx, q, accountID, after, limit)
}

func (s *Store) list(ctx context.Context, q, accountID string, seq int64, limit int) ([]notify.Notification, error) {
	rows, err := s.pool.Query(ctx, q, accountID, seq, limit)
	if err != nil {
		return nil, fmt.Errorf("notifypg: list: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[notify.Notification])
	if err != nil {
		return nil, fmt.Errorf("notifypg: list: %w", err)
	}
	return list, nil
}
