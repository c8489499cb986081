package notifypg

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairgate/fairgate/shared/notify"
	"github.com/fairgate/fairgate/shared/platform/coalesce"
	"github.com/fairgate/fairgate/shared/platform/logging"
	"github.com/fairgate/fairgate/shared/platform/postgres"
	"github.com/fairgate/fairgate/shared/text"
)

// Deliveries is a notify.Deliveries. Nobody waits for its commits to be on disk: what
// a crash of the database takes back is at worst sent again, as the same mail.
// Concurrent calls share statements.
type Deliveries struct {
	pool   *pgxpool.Pool
	leases *coalesce.Group[wish, int]
	sent   *coalesce.Group[notify.Delivery, struct{}]
}

// wish is a delivery that somebody wants to take in hand.
type wish struct {
	notify.Delivery
	ttl time.Duration
}

const (
	together    = 100 // rows of one statement
	togetherFor = 10 * time.Second
)

// NewDeliveries returns deliveries on pool.
func NewDeliveries(pool *pgxpool.Pool) *Deliveries {
	s := &Deliveries{pool: pool}
	s.leases = coalesce.NewGroup(together, togetherFor, s.take)
	s.sent = coalesce.NewGroup(together, togetherFor, s.markSent)
	return s
}

// Lease takes d in hand for ttl, in one statement, so that of many only one wins.
func (s *Deliveries) Lease(ctx context.Context, d notify.Delivery, ttl time.Duration) (notify.Lease, error) {
	attempt, err := s.leases.Call(ctx, wish{d, ttl})
	if err != nil {
		return notify.Lease{}, fmt.Errorf("notifypg: lease: %w", err)
	}
	if attempt == 0 {
		return notify.Lease{}, s.whyNot(ctx, d)
	}
	return notify.Lease{Delivery: d, Attempt: attempt}, nil
}

// take returns which attempt each wish is; 0 for those that are not granted. The rows
// are locked in one order by everybody.
func (s *Deliveries) take(ctx context.Context, wishes []wish) ([]int, error) {
	const q = `
		INSERT INTO delivery AS have (channel, template, entity, recipient, state, attempt, leased_until)
		SELECT channel, template, entity, recipient, 'sending', 1, now() + make_interval(secs => ttl)
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::float8[]) AS wish (channel, template, entity, recipient, ttl)
		ORDER BY channel, template, entity, recipient
		ON CONFLICT (channel, template, entity, recipient) DO UPDATE
		SET state = 'sending', attempt = have.attempt + 1, leased_until = excluded.leased_until
		WHERE have.state = 'pending' OR have.state = 'sending' AND have.leased_until < now()
		RETURNING channel, template, entity, recipient, attempt`
	var c columns
	seconds := make([]float64, len(wishes))
	for i, w := range wishes {
		c.add(w.Delivery)
		seconds[i] = w.ttl.Seconds()
	}
	var granted []notify.Lease
	batch := &pgx.Batch{}
	postgres.QueueAsyncCommit(batch)
	batch.Queue(q, c.channels, c.templates, c.entities, c.recipients, seconds).Query(func(rows pgx.Rows) (err error) {
		granted, err = pgx.CollectRows(rows, leaseOf)
		return err
	})
	if err := s.pool.SendBatch(ctx, batch).Close(); err != nil {
		return nil, err
	}
	byDelivery := make(map[notify.Delivery]int, len(granted))
	for _, lease := range granted {
		byDelivery[lease.Delivery] = lease.Attempt
	}
	attempts := make([]int, len(wishes))
	for i, w := range wishes {
		attempts[i] = byDelivery[w.Delivery]
	}
	return attempts, nil
}

func leaseOf(row pgx.CollectableRow) (l notify.Lease, err error) {
	err = row.Scan(&l.Channel, &l.Template, &l.Entity, &l.Recipient, &l.Attempt)
	return l, err
}

// columns are the identities of deliveries as the arguments of a statement.
type columns struct{ channels, templates, entities, recipients []string }

func (c *columns) add(d notify.Delivery) {
	c.channels, c.templates = append(c.channels, string(d.Channel)), append(c.templates, string(d.Template))
	c.entities, c.recipients = append(c.entities, d.Entity), append(c.recipients, d.Recipient)
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
	if _, err := s.sent.Call(ctx, l.Delivery); err != nil {
		return fmt.Errorf("notifypg: sent: %w", err)
	}
	return nil
}

func (s *Deliveries) markSent(ctx context.Context, deliveries []notify.Delivery) ([]struct{}, error) {
	const q = `
		UPDATE delivery d SET state = 'sent', sent_at = now(), leased_until = NULL, last_error = ''
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS done (channel, template, entity, recipient)
		WHERE d.channel = done.channel AND d.template = done.template AND d.entity = done.entity AND d.recipient = done.recipient
		  AND d.state <> 'sent'`
	var c columns
	for _, d := range deliveries {
		c.add(d)
	}
	batch := &pgx.Batch{}
	postgres.QueueAsyncCommit(batch)
	batch.Queue(q, c.channels, c.templates, c.entities, c.recipients)
	return make([]struct{}, len(deliveries)), s.pool.SendBatch(ctx, batch).Close()
}

const maxError = 2000 // characters

// Release puts a delivery back to pending, unless its lease was taken over. Of the
// cause no address is kept: mail servers repeat the one that they refuse.
func (s *Deliveries) Release(ctx context.Context, l notify.Lease, cause error) error {
	const q = `
		UPDATE delivery SET state = 'pending', leased_until = NULL, last_error = $6
		WHERE channel = $1 AND template = $2 AND entity = $3 AND recipient = $4
		  AND state = 'sending' AND attempt = $5`
	if _, err := s.pool.Exec(ctx, q, l.Channel, l.Template, l.Entity, l.Recipient, l.Attempt, text.Told(logging.Mask(cause.Error()), maxError)); err != nil {
		return fmt.Errorf("notifypg: release: %w", err)
	}
	return nil
}
