// Package notifypg keeps notifications and deliveries in Postgres.
package notifypg

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairgate/fairgate/shared/notify"
	"github.com/fairgate/fairgate/shared/platform/coalesce"
)

// Store is a notify.Store. Concurrent calls of Add share a transaction.
type Store struct {
	pool  *pgxpool.Pool
	added *coalesce.Group[notify.Notification, bool]
}

// NewStore returns a store on pool.
func NewStore(pool *pgxpool.Pool) *Store {
	s := &Store{pool: pool}
	s.added = coalesce.NewGroup(together, togetherFor, s.add)
	return s
}

// lockClass keeps our advisory locks apart from those of others.
const lockClass = 5

// Add stores n once per (account, kind, entity).
func (s *Store) Add(ctx context.Context, n notify.Notification) (added bool, err error) {
	if added, err = s.added.Call(ctx, n); err != nil {
		return false, fmt.Errorf("notifypg: add: %w", err)
	}
	return added, nil
}

// identity is what there is one notification of.
type identity struct {
	account, entity string
	kind            notify.Template
}

// add stores notifications in one transaction. The locks, taken in one order by
// everybody, make the numbers of an account appear in their order: a reader who has
// seen one has seen all before.
func (s *Store) add(ctx context.Context, list []notify.Notification) ([]bool, error) {
	const lock = `
		SELECT pg_advisory_xact_lock($1, key)
		FROM (SELECT DISTINCT hashtext(account) AS key FROM unnest($2::text[]) AS account ORDER BY key) AS keys`
	const q = `
		INSERT INTO notification (account_id, kind, entity, title, body, link)
		SELECT account_id, kind, entity, title, body, link
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) AS n (account_id, kind, entity, title, body, link)
		ON CONFLICT ON CONSTRAINT notification_once DO NOTHING
		RETURNING account_id, kind, entity`
	var accounts, kinds, entities, titles, bodies, links []string
	for _, n := range list {
		accounts, kinds, entities = append(accounts, n.AccountID), append(kinds, string(n.Kind)), append(entities, n.Entity)
		titles, bodies, links = append(titles, n.Title), append(bodies, n.Body), append(links, n.Link)
	}
	stored := make(map[identity]bool, len(list))
	batch := &pgx.Batch{} // one transaction in one round trip
	batch.Queue(lock, lockClass, accounts)
	batch.Queue(q, accounts, kinds, entities, titles, bodies, links).Query(func(rows pgx.Rows) error {
		var id identity
		_, err := pgx.ForEachRow(rows, []any{&id.account, &id.kind, &id.entity}, func() error { stored[id] = true; return nil })
		return err
	})
	if err := s.pool.SendBatch(ctx, batch).Close(); err != nil {
		return nil, err
	}
	added := make([]bool, len(list))
	for i, n := range list {
		id := identity{n.AccountID, n.Entity, n.Kind}
		added[i] = stored[id]
		delete(stored, id) // of two that are the same, one
	}
	return added, nil
}

// Before returns the newest of an account with Seq < before; 0 stands for all.
func (s *Store) Before(ctx context.Context, accountID string, before int64, limit int) ([]notify.Notification, error) {
	const q = `
		SELECT seq, account_id, kind, entity, title, body, link, created_at
		FROM notification
		WHERE account_id = $1 AND ($2::bigint = 0 OR seq < $2)
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
