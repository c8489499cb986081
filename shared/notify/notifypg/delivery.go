package notifypg

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairgate/fairgate/shared/notify"
	"github.com/fairgate/fairgate/shared/platform/postgres"
)

// Deliveries is a notify.Deliveries. Nobody waits for its commits to be on disk: what
// a crash of the database takes back is at worst sent again, as the same mail.
type Deliveries struct{ pool *pgxpool.Pool }

// NewDeliveries returns deliveries on pool.
func NewDeliveries(pool *pgxpool.Pool) *Deliveries { return &Deliveries{pool} }

// Lease takes d in hand for ttl, in one statement, so that of many only one wins.
func (s *Deliveries) Lease(ctx context.Context, d notify.Delivery, ttl time.Duration) (notify.Lease, error) {
	const q = `
		INSERT INTO delivery AS have (channel, template, entity, recipient, state, attempt, leased_until)
		VALUES ($1, $2, $3, $4, 'sending', 1, now() + $5::interval)
		ON CONFLICT (channel, template, entity, recipient) DO UPDATE
		SET state = 'sending', attempt = have.attempt + 1, leased_until = excluded.leased_until
		WHERE have.state = 'pending' OR have.state = 'sending' AND have.leased_until < now()
		RETURNING attempt`
	lease := notify.Lease{Delivery: d}
	batch := &pgx.Batch{}
	postgres.QueueAsyncCommit(batch)
	batch.Queue(q, d.Channel, d.Template, d.Entity, d.Recipient, ttl).QueryRow(func(row pgx.Row) error { return row.Scan(&lease.Attempt) })
	err := s.pool.SendBatch(ctx, batch).Close()
	if errors.Is(err, pgx.ErrNoRows) {
		return notify.Lease{}, s.whyNot(ctx, d)
	}
	if err != nil {
		return notify.Lease{}, fmt.Errorf("notifypg: lease: %w", err)
	}
	return lease, nil
}

func (s *Deliveries) whyNot(ctx context.Context, d notify.Delivery) error {
	const q = `
		SELECT state = 'sent', greatest(leased_until - now(), '0')
		FROM delivery
		WHERE channel = $1 AND template = $2 AND entity = $3 AND recipient = $4`
	var sent bool
	var left *time.Duration
	if err := s.pool.QueryRow(ctx, q, d.Channel, d.Template, d.Entity, d.Recipient).Scan(&sent, &left); err != nil {
		return fmt.Errorf("notifypg: lease: %w", err)
	}
	if sent {
		return notify.ErrDelivered
	}
	if left == nil {
		return notify.ErrInHand
	}
	return notify.ErrInHand.WithRetryAfter(*left)
}

// Sent marks a delivery as sent, whoever holds it now.
func (s *Deliveries) Sent(ctx context.Context, l notify.Lease) error {
	const q = `
		UPDATE delivery SET state = 'sent', sent_at = now(), leased_until = NULL, last_error = ''
		WHERE channel = $1 AND template = $2 AND entity = $3 AND recipient = $4 AND state <> 'sent'`
	batch := &pgx.Batch{}
	postgres.QueueAsyncCommit(batch)
	batch.Queue(q, l.Channel, l.Template, l.Entity, l.Recipient)
	if err := s.pool.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("notifypg: sent: %w", err)
	}
	return nil
}

// Release puts a delivery back to pending, unless its lease was taken over.
func (s *Deliveries) Release(ctx context.Context, l notify.Lease, cause error) error {
	const q = `
		UPDATE delivery SET state = 'pending', leased_until = NULL, last_error = left($6, 2000)
		WHERE channel = $1 AND template = $2 AND entity = $3 AND recipient = $4
		  AND state = 'sending' AND attempt = $5`
	if _, err := s.pool.Exec(ctx, q, l.Channel, l.Template, l.Entity, l.Recipient, l.Attempt, cause.Error()); err != nil {
		return fmt.Errorf("notifypg: release: %w", err)
	}
	return nil
}
