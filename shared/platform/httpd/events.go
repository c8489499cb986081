package httpd

import (
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
)

// The rhythm of streams.
const (
	// HeartbeatEvery is how often a quiet stream should carry a comment: only a
	// failed write tells that the other side is gone.
	HeartbeatEvery = 15 * time.Second
	writeDeadline  = 10 * time.Second
)

// Events collects what a stream sends next.
type Events struct{ buf []byte }

// Event appends an event. id and name may be empty; data must be one line.
func (e *Events) Event(id, name string, data []byte) {
	if id != "" {
		e.line("id: ", []byte(id))
	}
	if name != "" {
		e.line("event: ", []byte(name))
	}
	e.line("data: ", data)
	e.buf = append(e.buf, '\n')
}

// Comment appends a comment, which clients ignore.
func (e *Events) Comment(text string) {
	e.line(": ", []byte(text))
	e.buf = append(e.buf, '\n')
}

// Retry tells the client how long to wait before it connects again: between d and
// 2d, so that the clients of a server that ends do not return all at once.
func (e *Events) Retry(d time.Duration) {
	ms := d.Milliseconds()
	e.line("retry: ", strconv.AppendInt(nil, ms+rand.Int64N(ms+1), 10)) //nolint:gosec // spreading load, not a secret
	e.buf = append(e.buf, '\n')
}

func (e *Events) line(field string, value []byte) {
	e.buf = append(e.buf, field...)
	e.buf = append(e.buf, value...)
	e.buf = append(e.buf, '\n')
}

// Streams is the set of a server's open streams, with a limit on their number.
type Streams struct {
	limit   int
	refused atomic.Int64

	mu      sync.Mutex
	open    int
	stopped bool
	stop    chan struct{}
}

// NewStreams returns a set of at most limit streams.
func NewStreams(limit int) *Streams {
	return &Streams{limit: limit, stop: make(chan struct{})}
}

// Open returns the number of open streams.
func (s *Streams) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

// Stop ends all streams and refuses new ones. Call it before the server shuts
// down, which waits for streams but does not end them.
func (s *Streams) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopped {
		s.stopped = true
		close(s.stop)
	}
}

func (s *Streams) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || s.open >= s.limit {
		s.refused.Add(1)
		return false
	}
	s.open++
	return true
}

func (s *Streams) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
}

// Serve answers c with an event stream. next blocks until there is something to
// send, or stop is closed, and appends it to e; an error ends the stream after
// what was appended has been sent. next must append something at least each
// HeartbeatEvery. It must not touch c. done, if not nil, is called once when the
// stream is over. Above the limit, and while stopping, the answer is 204, which
// tells an EventSource not to come back; done is called then too.
func (s *Streams) Serve(c *fiber.Ctx, next func(e *Events, stop <-chan struct{}) error, done func()) error {
	if c.Method() == fiber.MethodHead || !s.enter() {
		if done != nil {
			done()
		}
		return c.SendStatus(http.StatusNoContent)
	}
	c.Set(fiber.HeaderContentType, "text/event-stream")
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set("X-Accel-Buffering", "no")
	c.Context().SetBodyStream(&eventReader{streams: s, conn: c.Context().Conn(), next: next, done: done}, -1)
	return nil
}

// eventReader is the body of a stream. The server reads it piece by piece and
// flushes each, on the connection's own goroutine.
type eventReader struct {
	streams *Streams
	conn    net.Conn
	next    func(e *Events, stop <-chan struct{}) error
	done    func()
	events  Events
	unsent  []byte
	err     error
	closing sync.Once
}

func (r *eventReader) Read(p []byte) (int, error) {
	for len(r.unsent) == 0 {
		if r.err != nil {
			return 0, io.EOF
		}
		r.events.buf = r.events.buf[:0]
		r.err = r.next(&r.events, r.streams.stop)
		r.unsent = r.events.buf
	}
	// The server's write timeout is for whole answers; a stream has one per piece.
	if err := r.conn.SetWriteDeadline(time.Now().Add(writeDeadline)); err != nil {
		return 0, err
	}
	n := copy(p, r.unsent)
	r.unsent = r.unsent[n:]
	return n, nil
}

// Close is called by the server when the stream has ended or its client is gone.
func (r *eventReader) Close() error {
	r.closing.Do(func() {
		r.streams.leave()
		if r.done != nil {
			r.done()
		}
	})
	return nil
}
