package outbox

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/event"
	"github.com/fairgate/fairgate/shared/platform/backendtest"
	"github.com/fairgate/fairgate/shared/platform/backendtest/pgtest"
	"github.com/fairgate/fairgate/shared/platform/postgres"
	"github.com/fairgate/fairgate/shared/platform/rabbit"
)

const limit = 20 * time.Second

// broker is a Publisher on a real RabbitMQ.
type broker struct{ client *rabbit.Client }

func (b broker) Ready(ctx context.Context) error { return b.client.Ready(ctx) }

func (b broker) Publish(ctx context.Context, events []Event) []error {
	messages := make([]rabbit.Message, len(events))
	for i, e := range events {
		messages[i] = rabbit.Message{Exchange: rabbit.ExchangeEvents, Key: e.Type, ID: e.ID, Type: e.Type, Body: e.Payload}
	}
	outcome := b.client.Publish(ctx, messages)
	for i, err := range outcome {
		if err != nil && errs.From(err).Is(rabbit.ErrUnroutable) {
			outcome[i] = ErrUnroutable
		}
	}
	return outcome
}

// counter counts how often each event was published, slowly enough for two
// relays to meet.
type counter struct {
	mu    sync.Mutex
	times map[string]int
}

func (c *counter) Ready(context.Context) error { return nil }

func (c *counter) Publish(_ context.Context, events []Event) []error {
	c.mu.Lock()
	for _, e := range events {
		c.times[e.ID]++
	}
	c.mu.Unlock()
	time.Sleep(time.Millisecond)
	return make([]error, len(events))
}

func (c *counter) duplicates() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, times := range c.times {
		if times > 1 {
			n++
		}
	}
	return n
}

func start(t *testing.T, f func(ctx context.Context)) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); f(ctx) }()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", limit, what)
		}
	}
}

func envelope(id, typ string) event.Envelope {
	return event.Envelope{ID: id, Type: typ, Entity: "thing", Data: json.RawMessage(`{"title": "say \"hi\"\\n"}`)}
}

func insert(t *testing.T, pool *pgxpool.Pool, envelopes ...event.Envelope) {
	t.Helper()
	err := postgres.InTx(context.Background(), pool, func(tx pgx.Tx) error {
		return Insert(context.Background(), tx, envelopes...)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func waiting(t *testing.T, pool *pgxpool.Pool) int {
	t.Helper()
	n, _, err := Lag(context.Background(), pool)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

const (
	typ  = "test.happened"
	work = "fairgate.test"
)

func connect(t *testing.T, url string) *rabbit.Client {
	t.Helper()
	client := rabbit.New(url, rabbit.Topology{Queues: []rabbit.Queue{{Name: work, Events: []string{typ}}}}, slog.New(slog.DiscardHandler), nil)
	start(t, func(ctx context.Context) { _ = client.Run(ctx) })
	eventually(t, "broker up", func() bool { return client.Ready(context.Background()) == nil })
	return client
}

func newRelay(pool *pgxpool.Pool, publisher Publisher) *Relay {
	return NewRelay(pool, publisher, slog.New(slog.DiscardHandler), nil)
}

// cutWhileRelaying inserts events while relay carries them over a connection that
// is cut again and again, and returns how many were not handled within patience.
func cutWhileRelaying(t *testing.T, patience time.Duration, relay func(ctx context.Context, pool *pgxpool.Pool, client *rabbit.Client, proxy *backendtest.Proxy)) (lost int) {
	t.Helper()
	pool := pgtest.Pool(t)
	u, err := url.Parse(backendtest.RabbitURL(t))
	if err != nil {
		t.Fatal(err)
	}
	direct := connect(t, u.String())
	proxy := backendtest.NewProxy(t, u.Host)
	u.Host = proxy.Addr
	client := connect(t, u.String())

	handled := &counter{times: map[string]int{}}
	start(t, func(ctx context.Context) {
		_ = direct.Consume(ctx, rabbit.Consumer{Queue: work, Workers: 4, Handle: func(_ context.Context, e event.Envelope) error {
			handled.mu.Lock()
			defer handled.mu.Unlock()
			handled.times[e.ID]++
			return nil
		}})
	})
	start(t, func(ctx context.Context) { relay(ctx, pool, client, proxy) })

	const batches, size = 60, 50
	for b := range batches {
		envelopes := make([]event.Envelope, size)
		for i := range envelopes {
			envelopes[i] = envelope(fmt.Sprintf("evt-%d-%d", b, i), typ)
		}
		insert(t, pool, envelopes...)
		if b%6 == 5 {
			proxy.Cut()
			eventually(t, "back", func() bool { return client.Ready(context.Background()) == nil })
		}
	}
	eventually(t, "outbox drained", func() bool { return waiting(t, pool) == 0 })
	arrived := func() int { handled.mu.Lock(); defer handled.mu.Unlock(); return len(handled.times) }
	for deadline := time.Now().Add(patience); arrived() < batches*size && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	return batches*size - arrived()
}

func TestNothingIsLostWhenTheBrokerGoesAway(t *testing.T) {
	t.Parallel()
	lost := cutWhileRelaying(t, limit, func(ctx context.Context, pool *pgxpool.Pool, client *rabbit.Client, _ *backendtest.Proxy) {
		_ = newRelay(pool, broker{client}).Run(ctx, 2)
	})
	if lost != 0 {
		t.Errorf("%d events were lost", lost)
	}
}

// The twin: a relay that deletes before the broker has confirmed loses events.
func TestDeletingBeforeTheConfirmLosesEvents(t *testing.T) {
	t.Parallel()
	var once sync.Once
	lost := cutWhileRelaying(t, time.Second, func(ctx context.Context, pool *pgxpool.Pool, client *rabbit.Client, proxy *backendtest.Proxy) {
		defer proxy.SetDown(false)
		for ctx.Err() == nil {
			if client.Ready(ctx) != nil {
				continue
			}
			const q = `DELETE FROM outbox WHERE id IN (SELECT id FROM outbox ORDER BY id LIMIT 250 FOR UPDATE SKIP LOCKED)
				RETURNING id, event_id, type, payload::text, request_id, traceparent`
			rows, err := pool.Query(ctx, q)
			if err != nil {
				continue
			}
			taken, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
			if err != nil || len(taken) == 0 {
				continue
			}
			once.Do(func() { proxy.SetDown(true) }) // the broker goes away in between
			broker{client}.Publish(ctx, eventsOf(taken))
			proxy.SetDown(false)
		}
	})
	if lost == 0 {
		t.Error("the broken relay lost nothing: the test above proves nothing")
	}
}

// meeting returns a function whose first n callers wait for each other; later ones
// do not wait.
func meeting(n int) func() {
	var arrived atomic.Int32
	all := make(chan struct{})
	return func() {
		if arrived.Add(1) == int32(n) {
			close(all)
		}
		<-all
	}
}

// raceRelays lets four relays work off the same rows and returns how many events
// were published more than once.
func raceRelays(t *testing.T, step func(ctx context.Context, pool *pgxpool.Pool, publisher Publisher) error) int {
	t.Helper()
	pool := pgtest.Pool(t)
	var envelopes []event.Envelope
	for i := range 5000 {
		envelopes = append(envelopes, envelope(fmt.Sprint("evt-", i), typ))
	}
	insert(t, pool, envelopes...)
	published := &counter{times: map[string]int{}}
	var relays sync.WaitGroup
	for range 4 {
		relays.Go(func() {
			for waiting(t, pool) > 0 {
				if err := step(context.Background(), pool, published); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	relays.Wait()
	if len(published.times) != len(envelopes) {
		t.Errorf("published %d of %d events", len(published.times), len(envelopes))
	}
	return published.duplicates()
}

func TestConcurrentRelaysPublishEachEventOnce(t *testing.T) {
	t.Parallel()
	n := raceRelays(t, func(ctx context.Context, pool *pgxpool.Pool, publisher Publisher) error {
		_, err := newRelay(pool, publisher).step(ctx)
		return err
	})
	if n != 0 {
		t.Errorf("%d events were published more than once", n)
	}
}

// The twin: without the row locks relays take the same rows.
func TestRelaysWithoutRowLocksPublishTwice(t *testing.T) {
	t.Parallel()
	meet := meeting(2)
	n := raceRelays(t, func(ctx context.Context, pool *pgxpool.Pool, publisher Publisher) error {
		return postgres.Pipeline(ctx, pool, settings, func(tx *postgres.Tx) error {
			rows, err := tx.Query(ctx, `SELECT id, event_id, type, payload::text, request_id, traceparent FROM outbox ORDER BY id LIMIT $1`, batchSize)
			if err != nil {
				return err
			}
			taken, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
			if err != nil {
				return err
			}
			meet()
			counts, _ := sort(taken, publisher.Publish(ctx, eventsOf(taken)))
			settle(tx, counts)
			return nil
		})
	})
	if n == 0 {
		t.Error("relays without locks published nothing twice: the test above proves nothing")
	}
}

func TestUnroutableEventStaysAndLetsOthersPass(t *testing.T) {
	t.Parallel()
	pool := pgtest.Pool(t)
	relay := newRelay(pool, broker{connect(t, backendtest.RabbitURL(t))})
	insert(t, pool, envelope("evt-stray", "nobody.listens"), envelope("evt-1", typ))
	if sent, err := relay.step(context.Background()); sent != 1 || err != nil {
		t.Fatalf("step = %d, %v; want 1 event sent", sent, err)
	}
	var left string
	if err := pool.QueryRow(context.Background(), `SELECT string_agg(event_id, ' ') FROM outbox`).Scan(&left); err != nil || left != "evt-stray" {
		t.Errorf("left %q, %v; want the unroutable event", left, err)
	}
	insert(t, pool, envelope("evt-2", typ))
	if sent, err := relay.step(context.Background()); sent != 1 || err != nil {
		t.Errorf("step behind an unroutable event = %d, %v; want 1", sent, err)
	}
	if _, err := pool.Exec(context.Background(), `UPDATE outbox SET not_before = now(), type = $1`, typ); err != nil {
		t.Fatal(err)
	}
	if sent, err := relay.step(context.Background()); sent != 1 || err != nil || waiting(t, pool) != 0 {
		t.Errorf("step once it is routable = %d, %v, %d left; want it sent", sent, err, waiting(t, pool))
	}
}

func TestRelayStopsAtOnceWhenIdle(t *testing.T) {
	t.Parallel()
	relay := newRelay(pgtest.Pool(t), &counter{times: map[string]int{}})
	stop := start(t, func(ctx context.Context) { _ = relay.Run(ctx, 2) })
	began := time.Now()
	stop()
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("stopping took %s", took)
	}
}

// A relay with nothing to do looks rarely. Whoever stores an event may wake it.
func TestAnIdleRelayIsWoken(t *testing.T) {
	t.Parallel()
	pool, sent := pgtest.Pool(t), &counter{times: map[string]int{}}
	relay := newRelay(pool, sent)
	relay.rest = time.Hour
	start(t, func(ctx context.Context) { _ = relay.Run(ctx, 2) })
	relay.Wake()
	eventually(t, "the relay rests, and is woken", func() bool { return len(relay.wake) == 0 })
	insert(t, pool, envelope("evt-1", typ))
	relay.Wake()
	eventually(t, "the event is published", func() bool { return waiting(t, pool) == 0 })
}

// A scout that has taken a whole batch calls for help; helpers work until no whole batch
// is left.
func TestHelpersRelayWhatTheScoutCannot(t *testing.T) {
	t.Parallel()
	pool, sent := pgtest.Pool(t), &counter{times: map[string]int{}}
	relay := newRelay(pool, sent)
	envelopes := make([]event.Envelope, 2*batchSize)
	for i := range envelopes {
		envelopes[i] = envelope(fmt.Sprint("evt-", i), typ)
	}
	insert(t, pool, envelopes...)
	stop := start(t, func(ctx context.Context) { _ = relay.assist(ctx) })
	nudge(relay.help)
	eventually(t, "helpers publish all", func() bool { return waiting(t, pool) == 0 })
	if n := sent.duplicates(); n != 0 {
		t.Errorf("%d published twice", n)
	}
	stop()
	insert(t, pool, envelopes...)
	start(t, func(ctx context.Context) { _ = relay.scout(ctx) })
	eventually(t, "the scout calls", func() bool { return len(relay.help) == 1 })
}
