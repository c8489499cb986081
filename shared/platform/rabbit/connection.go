package rabbit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/fairgate/fairgate/shared/errs"
)

// ErrDown says that there is no connection to the broker just now.
var ErrDown = errs.New(errs.Unavailable, "broker_down", "The message broker cannot be reached.")

const (
	dialTimeout = 5 * time.Second
	heartbeat   = 10 * time.Second
	minBackoff  = 100 * time.Millisecond
	maxBackoff  = 5 * time.Second
	declareTime = 30 * time.Second // for the whole topology
	answerTime  = 3 * time.Second  // for the broker's answer when we are about to leave
)

// connection keeps one AMQP connection open for as long as run runs.
type connection struct {
	name     string
	url      string
	topology Topology
	log      *slog.Logger

	mu      sync.Mutex
	current *amqp.Connection // nil while down
	changed chan struct{}    // closed at each change of current
}

func newConnection(name, url string, topology Topology, log *slog.Logger) *connection {
	return &connection{name: name, url: url, topology: topology, log: log.With("connection", name), changed: make(chan struct{})}
}

func (c *connection) run(ctx context.Context) {
	var delay backoff
	for ctx.Err() == nil {
		conn, err := c.open(ctx)
		if err != nil {
			c.log.WarnContext(ctx, "the broker does not answer", "error", err)
			delay.sleep(ctx)
			continue
		}
		delay.reset()
		c.log.InfoContext(ctx, "connected to the broker")
		c.hold(ctx, conn)
	}
}

// hold offers conn to everybody until it breaks or ctx ends.
func (c *connection) hold(ctx context.Context, conn *amqp.Connection) {
	closed := conn.NotifyClose(make(chan *amqp.Error, 1))
	blocked := conn.NotifyBlocked(make(chan amqp.Blocking, 8))
	c.set(conn)
	defer c.set(nil)
	for {
		select {
		case <-ctx.Done():
			_ = conn.CloseDeadline(time.Now().Add(dialTimeout))
			return
		case reason := <-closed:
			c.log.WarnContext(ctx, "lost the broker", "reason", reason)
			return
		case b, open := <-blocked:
			if !open {
				blocked = nil
				continue
			}
			c.log.WarnContext(ctx, "the broker holds publishers back", "active", b.Active, "reason", b.Reason)
		}
	}
}

func (c *connection) open(ctx context.Context) (*amqp.Connection, error) {
	conn, err := amqp.DialConfig(c.url, amqp.Config{
		Heartbeat:  heartbeat,
		Locale:     "en_US",
		Dial:       amqp.DefaultDial(dialTimeout),
		Properties: amqp.Table{"connection_name": c.name},
	})
	if err != nil {
		return nil, withoutURL(err)
	}
	ctx, cancel := context.WithTimeout(ctx, declareTime)
	defer cancel()
	if err := breakWhenDone(ctx, conn, func() error { return declare(conn, c.topology) }); err != nil {
		_ = conn.CloseDeadline(time.Now().Add(dialTimeout))
		return nil, fmt.Errorf("declare: %w", err)
	}
	return conn, nil
}

// breakWhenDone calls f, which waits for the broker's answers however long they
// take, and breaks conn under it when ctx ends: only heartbeats would show, after
// half a minute, that a broker hangs.
func breakWhenDone(ctx context.Context, conn *amqp.Connection, f func() error) error {
	defer context.AfterFunc(ctx, func() { _ = conn.CloseDeadline(time.Now()) })()
	return f()
}

// leave is breakWhenDone for the last words on a channel.
func leave(conn *amqp.Connection, f func() error) {
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	_ = breakWhenDone(ctx, conn, f)
}

func declare(conn *amqp.Connection, topology Topology) error {
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	defer func() { _ = ch.Close() }()
	return topology.declare(ch)
}

// withoutURL keeps the password in the URL out of logs.
func withoutURL(err error) error {
	var unreadable *url.Error
	if errors.As(err, &unreadable) {
		return errors.New("the broker's URL cannot be read")
	}
	return err
}

func (c *connection) set(conn *amqp.Connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current = conn
	close(c.changed)
	c.changed = make(chan struct{})
}

// get returns the open connection, or ErrDown.
func (c *connection) get() (*amqp.Connection, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current == nil || c.current.IsClosed() {
		return nil, ErrDown
	}
	return c.current, nil
}

// wait returns the open connection as soon as there is one.
func (c *connection) wait(ctx context.Context) (*amqp.Connection, error) {
	for {
		c.mu.Lock()
		conn, changed := c.current, c.changed
		c.mu.Unlock()
		if conn != nil && !conn.IsClosed() {
			return conn, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-changed:
		}
	}
}

// backoff doubles from minBackoff to maxBackoff; each pause is a random part of
// that, so that many clients do not come back at once.
type backoff struct{ next time.Duration }

func (b *backoff) reset() { b.next = 0 }

func (b *backoff) sleep(ctx context.Context) {
	b.next = min(max(2*b.next, minBackoff), maxBackoff)
	pause := b.next/2 + rand.N(b.next/2)
	select {
	case <-ctx.Done():
	case <-time.After(pause):
	}
}
