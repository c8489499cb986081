package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/guard"
)

const writeDeadline = 15 * time.Second

var errDetached = errors.New("the request has been answered")

// requestBody is the caller's body on its way to the upstream. The transport may
// still read it when the answer has come; detach ends that, because the server
// uses the connection anew once the handler returns.
type requestBody struct {
	reader io.Reader
	length int64    // -1: unknown
	conn   net.Conn // of the caller; nil when the body is in memory

	mu       sync.Mutex
	left     int64 // what a streamed body may still have
	ended    bool  // read to its end
	detached bool
	failure  error // of the caller, not of the upstream
}

func (b *requestBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.conn == nil {
		return b.reader.Read(p)
	}
	if b.detached {
		return 0, errDetached
	}
	if b.ended {
		return 0, io.EOF
	}
	n, err := b.reader.Read(p)
	b.left -= int64(n)
	switch {
	case b.left < 0:
		b.failure = fiber.ErrRequestEntityTooLarge
		return 0, errCaller
	case errors.Is(err, io.EOF):
		b.ended = true
	case err != nil:
		b.failure = fiber.ErrBadRequest
		return n, errCaller
	}
	return n, err
}

// Close does nothing: the connection is not the transport's to close.
func (b *requestBody) Close() error { return nil }

// detach stops the transport from reading on and reports whether the body was
// read to its end.
func (b *requestBody) detach() bool {
	if b.conn == nil {
		return false
	}
	if !b.mu.TryLock() { // a read is waiting for the caller: end it
		_ = b.conn.SetReadDeadline(time.Now())
		b.mu.Lock()
	}
	defer b.mu.Unlock()
	b.detached = true
	return b.ended
}

// explain says whose fault err is.
func (b *requestBody) explain(err error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failure != nil {
		return b.failure
	}
	if errors.Is(err, errCaller) {
		return errs.New(errs.Malformed, "bad_request", "The request cannot be handed on.").Because(err)
	}
	return errs.ErrUpstream.WithRetryAfter(retryAfter).Because(err)
}

// answerBody is the upstream's body on its way to the caller.
type answerBody struct {
	body    io.ReadCloser
	conn    net.Conn
	cancel  context.CancelFunc
	unhook  func() bool
	stopped <-chan struct{} // not nil for event streams
}

func (b *answerBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	if n > 0 {
		// The server's write timeout is for whole answers; this is for each piece.
		if err := b.conn.SetWriteDeadline(time.Now().Add(writeDeadline)); err != nil {
			return 0, err
		}
		return n, nil
	}
	if err != nil && b.stopped != nil {
		return 0, io.EOF // however an event stream ends, its client comes back
	}
	return n, err
}

// Close is called by the server when all is sent or the caller is gone.
func (b *answerBody) Close() error {
	b.unhook()
	b.cancel()
	return b.body.Close()
}

// answerUntilClosed hands an answer of unknown length to a caller who speaks HTTP/1.0,
// which knows no chunks: the answer ends with the connection. The server writes
// chunks whatever the caller speaks, so the connection is taken from it.
func answerUntilClosed(c *fiber.Ctx, body *answerBody) {
	request := c.Context()
	request.HijackSetNoResponse(true)
	request.Hijack(func(taken net.Conn) {
		_ = guard.Call("proxy", func() error {
			defer func() { _ = taken.Close() }()
			defer func() { _ = body.Close() }()
			const untilClosed = -2
			header := &request.Response.Header
			header.SetConnectionClose()
			header.SetContentLength(untilClosed)
			if err := body.conn.SetWriteDeadline(time.Now().Add(writeDeadline)); err != nil {
				return err
			}
			if _, err := taken.Write(header.Header()); err != nil {
				return err
			}
			_, err := io.Copy(taken, body)
			return err
		})
	})
}
