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

	"github.com/fairgate/fairgate/shared/platform/postgres"
	"github.com/fairgate/fairgate/shared/platform/run"
)

// Event is a stored event, ready to be published.
type Event struct {
	ID      string
	Type    string // routing key
	Payload []byte // the envelope as JSON
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
	// idlePoll is the pause after an empty look. NOTIFY instead was measured at 17 %
	// fewer orders a second.
	idlePoll        = 10 * time.Millisecond
	maxIdlePoll     = 40 * time.Millisecond // after a while without events
	minDownPause    = 100 * time.Millisecond
	maxDownPause    = 2 * time.Second
	unroutablePause = "10 seconds"
)

// Relay moves events from the table to the broker. Several may run at once.
type Relay struct {
	pool      *pgxpool.Pool
	publisher Publisher
	log       *slog.Logger
	published prometheus.Counter
	failed    *prometheus.CounterVec
}

// NewRelay returns a relay. A nil registerer registers no metrics.
func NewRelay(pool *pgxpool.Pool, publisher Publisher, log *slog.Logger, registerer prometheus.Registerer) *Relay {
	factory := promauto.With(registerer)
	r := &Relay{
		pool: pool, publisher: publisher, log: log,
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

// Run relays with n pollers until ctx ends.
func (r *Relay) Run(ctx context.Context, n int) error {
	done := make(chan struct{})
	for range n {
		go func() { r.poll(ctx); done <- struct{}{} }()
	}
	for range n {
		<-done
	}
	return nil
}

func (r *Relay) poll(ctx context.Context) {
	idle, down := idlePoll, time.Duration(0)
	for ctx.Err() == nil {
		sent, err := r.step(ctx)
		switch {
		case err != nil:
			down = min(max(2*down, minDownPause), maxDownPause)
			r.log.WarnContext(ctx, "events wait in the outbox", "error", err)
			pause(ctx, down/2+rand.N(down/2))
		case sent == batchSize:
			idle, down = idlePoll, 0
		case sent > 0:
			idle, down = idlePoll, 0
			pause(ctx, idlePoll)
		default:
			idle, down = min(idle+time.Millisecond, maxIdlePoll), 0
			pause(ctx, idle)
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
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
	err = postgres.InTx(ctx, r.pool, func(tx pgx.Tx) error {
		rows, err := take(ctx, tx)
		if err != nil || len(rows) == 0 {
			return err
		}
		counts, lost = sort(rows, r.publisher.Publish(ctx, eventsOf(rows)))
		return settle(ctx, tx, counts)
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

type row struct {
	ID      int64
	EventID string
	Type    string
	Payload []byte
}

func take(ctx context.Context, tx pgx.Tx) ([]row, error) {
	const q = `
		SELECT id, event_id, type, payload::text
		FROM outbox
		WHERE not_before <= now()
		ORDER BY id
		LIMIT $1
		FOR UPDATE SKIP LOCKED`
	rows, err := tx.Query(ctx, q, batchSize)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[row])
}

func eventsOf(rows []row) []Event {
	events := make([]Event, len(rows))
	for i, r := range rows {
		events[i] = Event{ID: r.EventID, Type: r.Type, Payload: r.Payload}
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

func settle(ctx context.Context, tx pgx.Tx, o outcome) error {
	if len(o.confirmed) > 0 {
		const q = `DELETE FROM outbox WHERE id = ANY($1)`
		if _, err := tx.Exec(ctx, q, o.confirmed); err != nil {
			return err
		}
	}
	if len(o.unroutable) > 0 {
		const q = `UPDATE outbox SET not_before = now() + $2::interval WHERE id = ANY($1)`
		if _, err := tx.Exec(ctx, q, o.unroutable, unroutablePause); err != nil {
			return err
		}
	}
	return nil
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
