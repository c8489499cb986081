package postgres

import (
	"context"
	"net"
	"sync"
	"time"
)

const (
	statementLimit = 5 * time.Second // in the server
	// answerLimit is how long a connection waits for the next byte of an answer: longer
	// than the server lets a statement take. A server that hangs, as a stopped process or a
	// machine that swaps does, keeps its connections open and never enforces its own limit.
	answerLimit  = statementLimit + 3*time.Second
	connectLimit = 5 * time.Second // for a new connection, until it is ready
)

// dial connects so that no read and no write of the connection waits for ever.
func dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &answering{Conn: conn, limit: answerLimit}, nil
}

// answering is a connection whose reads and writes end within limit. pgx reads only
// while it waits for an answer, so an idle connection is not concerned. Where pgx has
// set a deadline itself, for a context that has one or has ended, that one holds.
type answering struct {
	net.Conn
	limit time.Duration

	mu   sync.Mutex
	held bool // a deadline of pgx's
}

func (c *answering) Read(p []byte) (int, error) {
	if err := c.extend(c.Conn.SetReadDeadline); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

func (c *answering) Write(p []byte) (int, error) {
	if err := c.extend(c.Conn.SetWriteDeadline); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// extend sets a deadline of ours. It must not undo the one by which pgx ends a call
// whose context has ended in this moment, hence the lock.
func (c *answering) extend(set func(time.Time) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held {
		return nil
	}
	return set(time.Now().Add(c.limit))
}

// SetDeadline is what pgx ends calls with; the zero time takes it back.
func (c *answering) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = !t.IsZero()
	return c.Conn.SetDeadline(t)
}
