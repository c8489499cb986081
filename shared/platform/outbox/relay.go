package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/fairgate/fairgate/shared/guard"
	"github.com/fairgate/fairgate/shared/platform/postgres"
	"github.com/fairgate/fairgate/shared/platform/run"
)

// Event is a stored event, ready to be published.
type Event struct {
	ID      string
	Type    string // routing key
	Payload []byte // the envelope as JSON
	Origin
}

// Origin says where an event comes from: the transaction that stored it knows, if it
// began with audit.QueueOrigin.
type Origin struct {
	RequestID   string // of the request that caused it; else the envelope's; or ""
	Traceparent string // of the trace it belongs to, or ""
}

// ErrUnroutable is what a Publisher returns for an event that no queue takes. The
// relay keeps such an event and lets the others pass it.
var ErrUnroutable = errors.New("outbox: no queue takes the event")

// Publisher hands events to the broker.
type Publisher interface {
	// Ready returns an error while there is no point in trying.
	Ready(ctx context.Context) error
	// Publish publishes events in one go. The i-th error belongs to the i-th event;
	// it is nil only once a queue has the event for good.
	Publish(ctx context.Context, events []Event) []error
}

const (
	batchSize   = 250
	stepTimeout = 9 * time.Second // less than a transaction may be idle
	stepFinish  = 5 * time.Second // for a step in hand when the relay is stopped
	// idlePoll is the pause after an empty look while events are about. NOTIFY instead
	// was measured at 17 % fewer orders a second.
	idlePoll = 10 * time.Millisecond
	// maxIdlePoll is the pause once none has come for a while; whoever stores one can
	// end it, see Wake.
	maxIdlePoll = 100 * time.Millisecond
	// lull is how many empty looks let the scout slow down.
	lull            = 25
	minDownPause    = 100 * time.Millisecond
	maxDownPause    = 2 * time.Second
	unroutablePause = "10 seconds"
)

// Relay moves events from the table to the broker. Several may run at once.
type Relay struct {
	pool      *pgxpool.Pool
	publisher Publisher
	log       *slog.Logger
	rest      time.Duration // the scout's pause once there has been nothing for a while
	wake      chan struct{} // ends it
	help      chan struct{} // calls the helpers
	published prometheus.Counter
	failed    *prometheus.CounterVec
}

// NewRelay returns a relay. A nil registerer registers no metrics.
func NewRelay(pool *pgxpool.Pool, publisher Publisher, log *slog.Logger, registerer prometheus.Registerer) *Relay {
	factory := promauto.With(registerer)
	r := &Relay{
		pool: pool, publisher: publisher, log: log, rest: maxIdlePoll, wake: make(chan struct{}, 1), help: make(chan struct{}, 1),
		published: factory.NewCounter(prometheus.CounterOpts{
			Name: "fairgate_outbox_published_total",
			Help: "Events that the broker has confirmed and that were deleted.",
		}),
		failed: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "fairgate_outbox_kept_total",
			Help: "Events that could not be published and were kept, by reason (unroutable, unconfirmed).",
		}, []string{"reason"}),
	}
	r.failed.WithLabelValues("unroutable")
	r.failed.WithLabelValues("unconfirmed")
	return r
}

// Wake ends the pause of a relay that has had nothing to do. It costs nothing and may
// be left out: events are found a little later then.
func (r *Relay) Wake() { nudge(r.wake) }

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // one is waiting already
	}
}

// Run relays with n pollers until ctx ends: a scout that always looks, and helpers
// that it calls when there is more than one batch. Helpers that looked whenever there
// was something would only take a batch apart.
func (r *Relay) Run(ctx context.Context, n int) error {
	var pollers guard.Group
	for i := range n {
		work := r.assist
		if i == 0 {
			work = r.scout
		}
		pollers.Keep(ctx, "outbox_relay", work)
	}
	pollers.Wait()
	return nil
}

// scout looks for ever, the less often the longer there has been nothing.
func (r *Relay) scout(ctx context.Context) error {
	down := time.Duration(0)
	for empty := 0; ctx.Err() == nil; {
		sent, err := r.look(ctx, empty > 0)
		switch {
		case err != nil:
			down = r.outage(ctx, err, down)
			continue
		case sent > 0:
			empty = 0
		default:
			empty++
		}
		down = 0
		switch {
		case sent == batchSize:
			nudge(r.help)
		case empty < lull:
			pause(ctx, idlePoll, nil)
		default:
			if pause(ctx, r.rest, r.wake) {
				empty = 0
			}
		}
	}
	return nil
}

// assist sleeps until the scout calls, and works until there is nothing for a while.
func (r *Relay) assist(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.help:
		}
		for ctx.Err() == nil {
			sent, err := r.step(ctx)
			if err != nil || sent < batchSize {
				break // an error is told by the scout
			}
		}
	}
}

func (r *Relay) outage(ctx context.Context, err error, before time.Duration) time.Duration {
	down := min(max(2*before, minDownPause), maxDownPause)
	r.log.WarnContext(ctx, "events wait in the outbox", "error", err)
	pause(ctx, down/2+rand.N(down/2), nil)
	return down
}

// look is a step; when idle it first asks, which costs a third of an empty step.
func (r *Relay) look(ctx context.Context, idle bool) (sent int, err error) {
	if !idle {
		return r.step(ctx)
	}
	const q = `SELECT EXISTS (SELECT FROM outbox WHERE not_before <= now())`
	var some bool
	if err := r.pool.QueryRow(ctx, q).Scan(&some); err != nil && ctx.Err() == nil {
		return 0, fmt.Errorf("outbox: %w", err)
	}
	if !some {
		return 0, nil
	}
	return r.step(ctx)
}

// pause reports whether it was ended by wake.
func pause(ctx context.Context, d time.Duration, wake <-chan struct{}) (woken bool) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-wake:
		return true
	case <-ctx.Done():
	case <-timer.C:
	}
	return false
}

// step publishes one batch and returns how many events it deleted. Rows that were
// not confirmed stay; if any was not for want of a broker, that is the error. A
// step that has begun is finished, within stepFinish, even if ctx ends.
func (r *Relay) step(ctx context.Context) (sent int, err error) {
	if err := r.publisher.Ready(ctx); err != nil {
		return 0, err
	}
	ctx, end := run.Finish(ctx, stepFinish)
	defer end()
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	var lost error
	var counts outcome
	err = postgres.Pipeline(ctx, r.pool, settings, func(tx *postgres.Tx) error {
		rows, err := take(ctx, tx)
		if err != nil || len(rows) == 0 {
			return err
		}
		counts, lost = sort(rows, r.publisher.Publish(ctx, eventsOf(rows)))
		settle(tx, counts)
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("outbox: %w", err)
	}
	r.report(ctx, counts)
	return len(counts.confirmed), lost
}

func (r *Relay) report(ctx context.Context, c outcome) {
	r.published.Add(float64(len(c.confirmed)))
	r.failed.WithLabelValues("unroutable").Add(float64(len(c.unroutable)))
	r.failed.WithLabelValues("unconfirmed").Add(float64(c.unconfirmed))
	if len(c.unroutable) > 0 {
		r.log.ErrorContext(ctx, "no queue takes these events; they stay in the outbox", "count", len(c.unroutable), "type", c.unroutableType)
	}
}

// settings of the relay's transactions. They need not be on disk: a row that a crash
// brings back is published again. Their plans are made once: Postgres would plan the
// DELETE anew each time, because the length of its list changes what it seems to cost.
func settings(batch *pgx.Batch) {
	batch.Queue(`SELECT set_config('synchronous_commit', 'off', true), set_config('plan_cache_mode', 'force_generic_plan', true)`)
}

type row struct {
	ID      int64
	EventID string
	Type    string
	Payload []byte
	Origin
}

func take(ctx context.Context, tx *postgres.Tx) (taken []row, err error) {
	const q = `
		SELECT id, event_id, type, payload::text, coalesce(nullif(request_id, ''), payload->>'request_id', ''), traceparent
		FROM outbox
		WHERE not_before <= now()
		ORDER BY id
		LIMIT $1
		FOR UPDATE SKIP LOCKED`
	tx.Queue(q, batchSize).Query(func(rows pgx.Rows) (err error) {
		taken, err = pgx.CollectRows(rows, pgx.RowToStructByPos[row])
		return err
	})
	err = tx.Flush(ctx)
	return taken, err
}

func eventsOf(rows []row) []Event {
	events := make([]Event, len(rows))
	for i, r := range rows {
		events[i] = Event{ID: r.EventID, Type: r.Type, Payload: r.Payload, Origin: r.Origin}
	}
	return events
}

// outcome says what becomes of the rows of one batch.
type outcome struct {
	confirmed      []int64
	unroutable     []int64
	unroutableType string // of the last of them
	unconfirmed    int
}

func sort(rows []row, errs []error) (outcome, error) {
	var o outcome
	var lost error
	for i, err := range errs {
		switch {
		case err == nil:
			o.confirmed = append(o.confirmed, rows[i].ID)
		case errors.Is(err, ErrUnroutable):
			o.unroutable, o.unroutableType = append(o.unroutable, rows[i].ID), rows[i].Type
		default:
			o.unconfirmed, lost = o.unconfirmed+1, err
		}
	}
	return o, lost
}

// settle queues what becomes of the rows, for the COMMIT to take along.
func settle(tx *postgres.Tx, o outcome) {
	if len(o.confirmed) > 0 {
		const q = `DELETE FROM outbox WHERE id = ANY($1)`
		tx.Queue(q, o.confirmed)
	}
	if len(o.unroutable) > 0 {
		const q = `UPDATE outbox SET not_before = now() + $2::interval WHERE id = ANY($1)`
		tx.Queue(q, o.unroutable, unroutablePause)
	}
}

// Lag returns how many events wait and for how long the oldest does.
func Lag(ctx context.Context, pool *pgxpool.Pool) (events int, oldest time.Duration, err error) {
	const q = `
		SELECT count(*), coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8
		FROM outbox`
	var seconds float64
	err = pool.QueryRow(ctx, q).Scan(&events, &seconds)
	return events, time.Duration(seconds * float64(time.Second)), err
}
