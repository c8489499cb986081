package rabbit_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/event"
	"github.com/fairgate/fairgate/shared/platform/backendtest"
	"github.com/fairgate/fairgate/shared/platform/rabbit"
)

const (
	work  = "fairgate.test"
	typ   = "test.happened"
	limit = 20 * time.Second // for anything that must happen
)

// quickLadder has the names of production and delays that a test can wait for.
func quickLadder() []rabbit.Rung {
	return []rabbit.Rung{
		{Name: "1s", Delay: 50 * time.Millisecond}, {Name: "10s", Delay: 100 * time.Millisecond},
		{Name: "1m", Delay: 150 * time.Millisecond}, {Name: "10m", Delay: 200 * time.Millisecond},
	}
}

func topology() rabbit.Topology {
	return rabbit.Topology{Ladder: quickLadder(), Queues: []rabbit.Queue{{Name: work, Events: []string{typ}}}}
}

// connect returns a client that is up. Its connections outlive what the test
// starts with start.
func connect(t *testing.T, url string, topology rabbit.Topology) *rabbit.Client {
	t.Helper()
	return connectAndLog(t, url, topology, slog.New(slog.DiscardHandler))
}

func connectAndLog(t *testing.T, url string, topology rabbit.Topology, log *slog.Logger) *rabbit.Client {
	t.Helper()
	client := rabbit.New(url, topology, log, nil)
	start(t, func(ctx context.Context) { _ = client.Run(ctx) })
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := client.Await(ctx); err != nil {
		t.Fatal(err)
	}
	return client
}

// start runs f until the test ends or stop is called, and waits for it to return.
func start(t *testing.T, f func(ctx context.Context)) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); f(ctx) }()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

func consume(t *testing.T, client *rabbit.Client, k rabbit.Consumer) (stop func()) {
	t.Helper()
	if k.Queue == "" {
		k.Queue = work
	}
	return start(t, func(ctx context.Context) { _ = client.Consume(ctx, k) })
}

func message(id string) rabbit.Message {
	body, _ := json.Marshal(event.Envelope{ID: id, Type: typ, Entity: "thing"})
	return rabbit.Message{Exchange: rabbit.ExchangeEvents, Key: typ, ID: id, Type: typ, Body: body}
}

func mustPublish(t *testing.T, client *rabbit.Client, messages ...rabbit.Message) {
	t.Helper()
	for i, err := range client.Publish(context.Background(), messages) {
		if err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", limit, what)
		}
	}
}

// tally counts how often each event was handled.
type tally struct {
	mu   sync.Mutex
	seen map[string]int
}

func newTally() *tally { return &tally{seen: map[string]int{}} }

func (c *tally) add(id string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[id]++
	return c.seen[id]
}

func (c *tally) distinct() int { c.mu.Lock(); defer c.mu.Unlock(); return len(c.seen) }

func (c *tally) of(id string) int { c.mu.Lock(); defer c.mu.Unlock(); return c.seen[id] }

func proxied(t *testing.T, target string) (*backendtest.Proxy, string) {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	proxy := backendtest.NewProxy(t, u.Host)
	u.Host = proxy.Addr
	return proxy, u.String()
}

func TestPublishedMessagesAreHandledOnce(t *testing.T) {
	t.Parallel()
	client := connect(t, backendtest.RabbitURL(t), topology())
	const n = 500
	var batch []rabbit.Message
	for i := range n {
		batch = append(batch, message(fmt.Sprint("evt-", i)))
	}
	mustPublish(t, client, batch...)
	seen := newTally()
	consume(t, client, rabbit.Consumer{Workers: 4, Handle: func(_ context.Context, e event.Envelope) error {
		seen.add(e.ID)
		return nil
	}})
	eventually(t, "all handled", func() bool { return seen.distinct() == n })
	for i := range n {
		if got := seen.of(fmt.Sprint("evt-", i)); got != 1 {
			t.Errorf("evt-%d was handled %d times", i, got)
		}
	}
}

func TestPublishTellsUnroutableFromConfirmed(t *testing.T) {
	t.Parallel()
	client := connect(t, backendtest.RabbitURL(t), topology())
	stray := message("evt-stray")
	stray.Key = "nobody.listens"
	outcome := client.Publish(context.Background(), []rabbit.Message{message("evt-1"), stray, message("evt-2")})
	if outcome[0] != nil || outcome[2] != nil {
		t.Errorf("routable messages: %v, %v; want confirmed", outcome[0], outcome[2])
	}
	if !errs.From(outcome[1]).Is(rabbit.ErrUnroutable) {
		t.Errorf("unroutable message: %v; want %v", outcome[1], rabbit.ErrUnroutable)
	}
	// the channel is used again and must not remember the returned message
	mustPublish(t, client, message("evt-3"), message("evt-4"), message("evt-5"))
}

func TestAQueueNoLongerReceivesItsFormerEvents(t *testing.T) {
	t.Parallel()
	url := backendtest.RabbitURL(t)
	const former = "test.former"
	old := message("evt-1")
	old.Key = former
	mustPublish(t, connect(t, url, rabbit.Topology{Queues: []rabbit.Queue{{Name: work, Events: []string{typ, former}}}}), old)

	client := connect(t, url, rabbit.Topology{Queues: []rabbit.Queue{{Name: work, Events: []string{typ}, Former: []string{former}}}})
	mustPublish(t, client, message("evt-2"))
	if outcome := client.Publish(context.Background(), []rabbit.Message{old}); !errs.From(outcome[0]).Is(rabbit.ErrUnroutable) {
		t.Errorf("a former event: %v; want %v", outcome[0], rabbit.ErrUnroutable)
	}
}

func TestPublishWithoutBrokerSaysDown(t *testing.T) {
	t.Parallel()
	proxy, url := proxied(t, backendtest.RabbitURL(t))
	client := connect(t, url, topology())
	proxy.SetDown(true)
	eventually(t, "broker down", func() bool { return client.Ready(context.Background()) != nil })
	if err := client.Publish(context.Background(), []rabbit.Message{message("evt-1")})[0]; !errs.From(err).Is(rabbit.ErrDown) {
		t.Errorf("error = %v; want %v", err, rabbit.ErrDown)
	}
	proxy.SetDown(false)
	eventually(t, "broker up again", func() bool { return client.Ready(context.Background()) == nil })
	mustPublish(t, client, message("evt-2"))
}

// Connections are cut again and again while messages are published (and tried
// again when unconfirmed) and consumed: each one must be handled.
func TestNothingIsLostWhenConnectionsAreCut(t *testing.T) {
	t.Parallel()
	proxy, url := proxied(t, backendtest.RabbitURL(t))
	client := connect(t, url, topology())
	seen := newTally()
	consume(t, client, rabbit.Consumer{Workers: 4, Handle: func(_ context.Context, e event.Envelope) error {
		seen.add(e.ID)
		return nil
	}})
	const batches, size = 40, 50
	cuts := 0
	for b := range batches {
		var batch []rabbit.Message
		for i := range size {
			batch = append(batch, message(fmt.Sprintf("evt-%d-%d", b, i)))
		}
		if b%8 == 3 {
			go proxy.Cut()
			cuts++
		}
		eventually(t, "batch confirmed", func() bool {
			var again []rabbit.Message
			for i, err := range client.Publish(context.Background(), batch) {
				if err != nil {
					again = append(again, batch[i])
				}
			}
			batch = again
			return len(batch) == 0
		})
	}
	eventually(t, "all handled", func() bool { return seen.distinct() == batches*size })
	if cuts == 0 {
		t.Fatal("nothing was cut")
	}
}

func TestConsumerFinishesTheMessageInHand(t *testing.T) {
	t.Parallel()
	client := connect(t, backendtest.RabbitURL(t), topology())
	begun, finish := make(chan struct{}), make(chan struct{})
	seen := newTally()
	stop := consume(t, client, rabbit.Consumer{Handle: func(ctx context.Context, e event.Envelope) error {
		if seen.add(e.ID) == 1 {
			close(begun)
		}
		select {
		case <-finish:
		case <-ctx.Done():
			t.Error("the message in hand was cut off")
		}
		return ctx.Err()
	}})
	mustPublish(t, client, message("evt-1"))
	<-begun
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	select {
	case <-stopped:
		t.Fatal("Consume returned with a message in hand")
	case <-time.After(100 * time.Millisecond):
	}
	close(finish)
	<-stopped
	// it was acked: another consumer gets only what comes after it
	consume(t, client, rabbit.Consumer{Handle: func(_ context.Context, e event.Envelope) error {
		seen.add(e.ID)
		return nil
	}})
	mustPublish(t, client, message("evt-2"))
	eventually(t, "second handled", func() bool { return seen.of("evt-2") == 1 })
	if got := seen.of("evt-1"); got != 1 {
		t.Errorf("the message in hand was handled %d times; want 1", got)
	}
}

func TestDeletedQueueIsDeclaredAgain(t *testing.T) {
	t.Parallel()
	url := backendtest.RabbitURL(t)
	client := connect(t, url, topology())
	seen := newTally()
	consume(t, client, rabbit.Consumer{Handle: func(_ context.Context, e event.Envelope) error {
		seen.add(e.ID)
		return nil
	}})
	mustPublish(t, client, message("evt-1"))
	eventually(t, "consuming", func() bool { return seen.of("evt-1") == 1 })

	conn, err := amqp.Dial(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ch.QueueDelete(work, false, false, false); err != nil {
		t.Fatal(err)
	}
	eventually(t, "routable again", func() bool {
		return client.Publish(context.Background(), []rabbit.Message{message("evt-2")})[0] == nil
	})
	eventually(t, "consuming again", func() bool { return seen.of("evt-2") >= 1 })
}
