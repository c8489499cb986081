// Package queuepg keeps the mirror of the lines in Postgres: what a line is made
// from when Redis has none. It is apart from queueredis so that the gateway, which
// has no database, does not link its driver.
package queuepg

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairgate/fairgate/shared/queue"
)

// Store is the table line_policy.
type Store struct{ pool *pgxpool.Pool }

// New returns a store on pool.
func New(pool *pgxpool.Pool) *Store { return &Store{pool} }

// List returns the mirror of every line, by sale id.
func (s *Store) List(ctx context.Context) ([]queue.Policy, error) {
	const q = `
		SELECT sale_id, state, mode, method, identity, capacity, rate_per_minute, session_seconds, claim_seconds,
		       abandon_seconds, grace_seconds, lobby_opens_at, opens_at, challenge, message, version, sold_out, epoch, tail
		FROM line_policy
		ORDER BY sale_id`
	rows, err := s.pool.Query(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("list lines: %w", err)
	}
	policies, err := pgx.CollectRows(rows, scanPolicy)
	if err != nil {
		return nil, fmt.Errorf("list lines: %w", err)
	}
	return policies, nil
}

func scanPolicy(row pgx.CollectableRow) (queue.Policy, error) {
	var p queue.Policy
	var message []byte
	err := row.Scan(&p.SaleID, &p.State, &p.Mode, &p.Method, &p.Identity, &p.Capacity, &p.RatePerMinute, &p.SessionSeconds,
		&p.ClaimSeconds, &p.AbandonSeconds, &p.GraceSeconds, &p.LobbyOpensAt, &p.OpensAt, &p.Challenge, &message,
		&p.Version, &p.SoldOut, &p.Epoch, &p.Tail)
	if err != nil {
		return p, err
	}
	return p, json.Unmarshal(message, &p.Message)
}

// Mirror writes what a line is in Redis. An older one never overwrites a newer:
// by epoch, then by version of the settings, then by the last number given.
// changed is false when there was nothing to write.
func (s *Store) Mirror(ctx context.Context, p queue.Policy) (changed bool, err error) {
	const q = `
		INSERT INTO line_policy AS m (sale_id, state, mode, method, identity, capacity, rate_per_minute, session_seconds,
		       claim_seconds, abandon_seconds, grace_seconds, lobby_opens_at, opens_at, challenge, message, version,
		       sold_out, epoch, tail)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
		ON CONFLICT (sale_id) DO UPDATE SET
		       state = EXCLUDED.state, mode = EXCLUDED.mode, method = EXCLUDED.method, identity = EXCLUDED.identity,
		       capacity = EXCLUDED.capacity, rate_per_minute = EXCLUDED.rate_per_minute,
		       session_seconds = EXCLUDED.session_seconds, claim_seconds = EXCLUDED.claim_seconds,
		       abandon_seconds = EXCLUDED.abandon_seconds, grace_seconds = EXCLUDED.grace_seconds,
		       lobby_opens_at = EXCLUDED.lobby_opens_at, opens_at = EXCLUDED.opens_at, challenge = EXCLUDED.challenge,
		       message = EXCLUDED.message, version = EXCLUDED.version, sold_out = EXCLUDED.sold_out,
		       epoch = EXCLUDED.epoch, tail = EXCLUDED.tail, updated_at = now()
		WHERE (m.epoch, m.version, m.tail) < (EXCLUDED.epoch, EXCLUDED.version, EXCLUDED.tail)
		  AND m.version <= EXCLUDED.version`
	message, err := json.Marshal(p.Message)
	if err != nil {
		return false, fmt.Errorf("mirror line %s: %w", p.SaleID, err)
	}
	tag, err := s.pool.Exec(ctx, q, p.SaleID, p.State, p.Mode, p.Method, p.Identity, p.Capacity, p.RatePerMinute, p.SessionSeconds,
		p.ClaimSeconds, p.AbandonSeconds, p.GraceSeconds, p.LobbyOpensAt, p.OpensAt, p.Challenge, message, p.Version,
		p.SoldOut, int64(p.Epoch), int64(p.Tail)) // a count
	if err != nil {
		return false, fmt.Errorf("mirror line %s: %w", p.SaleID, err)
	}
	return tag.RowsAffected() == 1, nil
}
