package rabbit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/guard"
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
	writeTime   = 5 * time.Second  // for one write to be taken
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

func (c *connection) run(ctx context.Context) error {
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
	return nil
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
			c.log.WarnContext(ctx, "lost the broker", "reason", closeReason(reason))
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

// errBrokenByUs is why a connection ended that we closed or broke ourselves: the
// library then closes the channel of reasons, which yields nil.
var errBrokenByUs = errors.New("we broke the connection: an answer took too long")

// closeReason returns why a connection ended, never a nil of a concrete type: as an
// error that would not be nil, and would panic once its text is asked for.
func closeReason(reason *amqp.Error) error {
	if reason == nil {
		return errBrokenByUs
	}
	return reason
}

func (c *connection) open(ctx context.Context) (*amqp.Connection, error) {
	conn, err := amqp.DialConfig(c.url, amqp.Config{
		Heartbeat:  heartbeat,
		Locale:     "en_US",
		Dial:       dial,
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

// dial connects to the broker, so that no write blocks longer than writeTime. The
// library sets no deadline for writes: once the buffers of a connection are full, a
// publish to a broker that hangs would wait for as long as that lasts.
func dial(network, addr string) (net.Conn, error) {
	conn, err := amqp.DefaultDial(dialTimeout)(network, addr)
	if err != nil {
		return nil, err
	}
	return &writeLimited{Conn: conn}, nil
}

// writeLimited is a connection whose writes end in time.
type writeLimited struct {
	net.Conn
	ending atomic.Bool // a deadline of the library's own holds
}

func (c *writeLimited) Write(p []byte) (int, error) {
	if !c.ending.Load() {
		if err := c.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(p)
}

// SetDeadline is called by the library to bound the last words on a connection, and
// with no time to take that back.
func (c *writeLimited) SetDeadline(t time.Time) error {
	c.ending.Store(!t.IsZero())
	return c.Conn.SetDeadline(t)
}

// breakWhenDone calls f, which waits for the broker's answers however long they
// take, and breaks conn under it when ctx ends: only heartbeats would show, after
// half a minute, that a broker hangs.
func breakWhenDone(ctx context.Context, conn *amqp.Connection, f func() error) error {
	defer context.AfterFunc(ctx, guard.Func("rabbit", func() { _ = conn.CloseDeadline(time.Now()) }))()
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
