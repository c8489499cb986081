package httpd

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/fairgate/fairgate/shared/errs"
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
	// claimTime is how long the server may take to hand a connection over.
	claimTime = 30 * time.Second
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

// Streams is the set of a server's open streams, with limits on their number.
type Streams struct {
	limit, perNetwork int
	refused           atomic.Int64
	crowded           atomic.Int64 // refused because of their network

	mu      sync.Mutex
	open    int
	of      map[string]int // open by network; those without any are not there
	stopped bool
	running sync.WaitGroup
	stop    chan struct{}
}

// NewStreams returns a set of at most limit streams, perNetwork of them to one network, as
// ClientNetwork names it.
func NewStreams(limit, perNetwork int) *Streams {
	return &Streams{limit: limit, perNetwork: perNetwork, of: map[string]int{}, stop: make(chan struct{})}
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

// The answers to those who get no stream.
var (
	errNoStream = errors.New("poll instead")
	// errCrowdedNetwork: the caller's network has all the streams it may have.
	errCrowdedNetwork = errs.ErrRateLimited.WithMessage("Too many event streams are open from this network: poll instead.").WithRetryAfter(30 * time.Second)
)

// enter counts a stream of a network, or fails with errNoStream or errCrowdedNetwork. An
// empty network has no limit of its own.
func (s *Streams) enter(network string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || s.open >= s.limit {
		s.refused.Add(1)
		return errNoStream
	}
	if network != "" && s.of[network] >= s.perNetwork {
		s.crowded.Add(1)
		return errCrowdedNetwork
	}
	s.open++
	s.of[network]++
	s.running.Add(1)
	return nil
}

func (s *Streams) leave(network string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	if s.of[network]--; s.of[network] == 0 {
		delete(s.of, network)
	}
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
// tells an EventSource not to come back; above that of the caller's network Serve fails
// with errs.ErrRateLimited. done is called then too.
//
// The stream takes its connection away from the server, whose buffers and whose
// goroutine's grown stack would cost an idle stream three times its own memory.
func (s *Streams) Serve(c *fiber.Ctx, next func(e *Events, stop <-chan struct{}) error, done func()) error {
	if done == nil {
		done = func() {}
	}
	network, refusal := strings.Clone(ClientNetwork(c)), errNoStream
	if c.Method() != fiber.MethodHead {
		refusal = s.enter(network)
	}
	if refusal != nil {
		done()
		return s.refuse(c, refusal)
	}
	t := &stream{streams: s, network: network, chunked: c.Context().Request.Header.IsHTTP11(), next: next, done: done}
	t.unclaimed = time.AfterFunc(claimTime, guard.Func("streams", t.abandon))
	c.Set(fiber.HeaderContentType, "text/event-stream")
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set("X-Accel-Buffering", "no")
	request := c.Context()
	request.HijackSetNoResponse(true)
	request.Hijack(func(taken net.Conn) {
		if t.conn = connOf(taken); !t.unclaimed.Stop() {
			_ = t.conn.Close()
			return
		}
		if err := guard.Call("streams", func() error { t.begin(&request.Response.Header); return nil }); err != nil {
			t.end() // the server would end the process with this goroutine of its own
			return
		}
		guard.Go("streams", t.run) // on a new goroutine with a small stack; the server's ends here
	})
	return nil
}

// refuse answers a caller who gets no stream.
func (s *Streams) refuse(c *fiber.Ctx, refusal error) error {
	if errors.Is(refusal, errNoStream) {
		return c.SendStatus(http.StatusNoContent)
	}
	c.Set("RateLimit-Policy", fmt.Sprintf(`"streams";q=%d`, s.perNetwork))
	c.Set("RateLimit", `"streams";r=0`)
	return refusal
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
	network string
	// unclaimed ends the stream when the server does not hand its connection over, which it
	// leaves undone when the connection breaks in that moment.
	unclaimed *time.Timer
	conn      net.Conn
	chunked   bool // HTTP/1.0 reads until the connection ends
	next      func(e *Events, stop <-chan struct{}) error
	done      func()
	head      []byte // until it is sent
	events    Events
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

// end is called once. The place of a stream is free again whatever done does.
func (t *stream) end() {
	defer t.streams.leave(t.network)
	defer t.done()
	_ = t.conn.Close()
}

// abandon is end for a stream that has never begun.
func (t *stream) abandon() {
	defer t.streams.leave(t.network)
	t.done()
}
