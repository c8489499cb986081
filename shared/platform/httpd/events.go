package httpd

import (
	"bytes"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/fairgate/fairgate/shared/guard"
)

// The rhythm of streams.
const (
	// HeartbeatEvery is how often a stream says something, if only that it is there:
	// a page shows within 5 s that its connection is cut (link.js), and only a failed
	// write tells the server that the other side is gone. A heartbeat is 8 bytes on
	// the wire: of the kilobyte a minute that a waiting page may cost, a fifth.
	HeartbeatEvery = 2 * time.Second
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

// Heartbeat appends an empty comment, which clients ignore.
func (e *Events) Heartbeat() { e.buf = append(e.buf, ":\n\n"...) }

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
	running sync.WaitGroup
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

// Stop ends all streams and refuses new ones; Wait waits for their ends. The server
// knows nothing of streams when it shuts down.
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
	s.running.Add(1)
	return true
}

func (s *Streams) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	s.running.Done()
}

// Wait returns when all streams are over, after Stop, or when d has passed.
func (s *Streams) Wait(d time.Duration) {
	over := make(chan struct{})
	guard.Go("streams", func() {
		defer close(over)
		s.running.Wait()
	})
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-over:
	case <-timer.C:
	}
}

// Serve answers c with an event stream. next blocks until there is something to
// send, or stop is closed, and appends it to e; an error ends the stream after
// what was appended has been sent. next must append something at least each
// HeartbeatEvery. It must not touch c. done, if not nil, is called once when the
// stream is over. Above the limit, and while stopping, the answer is 204, which
// tells an EventSource not to come back; done is called then too.
//
// The stream takes its connection away from the server, whose buffers and whose
// goroutine's grown stack would cost an idle stream three times its own memory.
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
	request := c.Context()
	request.HijackSetNoResponse(true)
	request.Hijack(func(taken net.Conn) {
		t := &stream{streams: s, conn: connOf(taken), chunked: request.Request.Header.IsHTTP11(), next: next, done: done}
		if err := guard.Call("streams", func() error { t.begin(&request.Response.Header); return nil }); err != nil {
			t.end() // the server would end the process with this goroutine of its own
			return
		}
		guard.Go("streams", t.run) // on a new goroutine with a small stack; the server's ends here
	})
	return nil
}

// connOf returns the connection below a hijacked one, which would keep the server's
// buffer.
func connOf(taken net.Conn) net.Conn {
	if hijacked, ok := taken.(interface{ UnsafeConn() net.Conn }); ok {
		return hijacked.UnsafeConn()
	}
	return taken
}

// stream is an open stream.
type stream struct {
	streams *Streams
	conn    net.Conn
	chunked bool // HTTP/1.0 reads until the connection ends
	next    func(e *Events, stop <-chan struct{}) error
	done    func()
	head    []byte // until it is sent
	events  Events
}

// begin writes down the header of the answer, as it is once all middlewares are done.
func (t *stream) begin(header *fasthttp.ResponseHeader) {
	header.SetConnectionClose()
	length := -2 // until the connection ends
	if t.chunked {
		length = -1
	}
	header.SetContentLength(length)
	t.head = bytes.Clone(header.Header())
}

func (t *stream) run() {
	defer t.end()
	if t.send(t.head) != nil {
		return
	}
	t.head = nil
	for {
		t.events.buf = t.events.buf[:0]
		ended := t.next(&t.events, t.streams.stop)
		if len(t.events.buf) > 0 && t.send(t.framed(t.events.buf)) != nil {
			return
		}
		if ended != nil {
			if t.chunked {
				_ = t.send([]byte("0\r\n\r\n"))
			}
			return
		}
	}
}

// framed returns what goes over the connection for a piece.
func (t *stream) framed(piece []byte) []byte {
	if !t.chunked {
		return piece
	}
	framed := strconv.AppendInt(make([]byte, 0, len(piece)+16), int64(len(piece)), 16)
	framed = append(append(framed, "\r\n"...), piece...)
	return append(framed, "\r\n"...)
}

// send writes a piece within a deadline of its own.
func (t *stream) send(piece []byte) error {
	if err := t.conn.SetWriteDeadline(time.Now().Add(writeDeadline)); err != nil {
		return err
	}
	_, err := t.conn.Write(piece)
	return err
}

func (t *stream) end() {
	_ = t.conn.Close()
	if t.done != nil {
		t.done()
	}
	t.streams.leave()
}
