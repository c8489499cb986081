package httpd

import (
	"bytes"
	"io"
	"time"

	"github.com/gofiber/fiber/v2"
)

// A refused body is read away, so that a caller who sends first and listens later
// still gets the answer: at most so many bytes, and while they keep coming.
const (
	drainAtMost = 8 << 20
	drainPause  = time.Second
)

// LimitBody refuses bodies of more than limit bytes with 413, before reading them
// where their length is announced. Behind it a handler has the whole body in
// memory, also in an app that streams bodies, where nothing else limits it.
func LimitBody(limit int) fiber.Handler {
	return func(c *fiber.Ctx) error {
		request := &c.Context().Request
		stream := request.BodyStream()
		if stream == nil {
			if len(request.Body()) > limit {
				return fiber.ErrRequestEntityTooLarge
			}
			return c.Next()
		}
		if request.Header.ContentLength() > limit {
			return RefuseBody(c)
		}
		var body bytes.Buffer
		if _, err := body.ReadFrom(io.LimitReader(stream, int64(limit)+1)); err != nil {
			return fiber.ErrBadRequest
		}
		if body.Len() > limit {
			return RefuseBody(c)
		}
		BodyRead(c, body.Bytes())
		return c.Next()
	}
}

// RefuseBody answers 413.
func RefuseBody(c *fiber.Ctx) error { return refuseBody(c, fiber.ErrRequestEntityTooLarge) }

// refuseBody answers with refusal and reads the body away.
func refuseBody(c *fiber.Ctx, refusal error) error {
	if stream := c.Context().Request.BodyStream(); stream != nil {
		drain(c, stream)
	}
	return refusal
}

func drain(c *fiber.Ctx, stream io.Reader) {
	conn, piece := c.Context().Conn(), make([]byte, 32<<10)
	for left := drainAtMost; left > 0; {
		_ = conn.SetReadDeadline(time.Now().Add(drainPause))
		n, err := stream.Read(piece)
		left -= n
		if err == io.EOF {
			_ = conn.SetReadDeadline(time.Time{})
			BodyRead(c, nil)
			return
		}
		if err != nil {
			return
		}
	}
}

// BodyRead says that the request's streamed body has been read to its end; from
// now on the request's body is body.
func BodyRead(c *fiber.Ctx, body []byte) { c.Context().Request.SetBodyRaw(body) }
