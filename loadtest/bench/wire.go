package bench

import (
	"bufio"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"
)

// request is an HTTP request as bytes.
type request []byte

// header is one header of a request.
type header struct{ name, value string }

// newRequest writes a request for a keep-alive connection. An empty body sends none.
func newRequest(method, path, body string, headers ...header) request {
	raw := make([]byte, 0, 256+len(body))
	raw = fmt.Appendf(raw, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n", method, path)
	for _, h := range headers {
		raw = append(append(append(append(raw, h.name...), ": "...), h.value...), "\r\n"...)
	}
	if body != "" {
		raw = append(raw, "Content-Type: application/json\r\nContent-Length: "...)
		raw = append(strconv.AppendInt(raw, int64(len(body)), 10), "\r\n"...)
	}
	return append(append(raw, "\r\n"...), body...)
}

const answerWithin = 30 * time.Second

// connection is one keep-alive connection, one request at a time. It connects when
// first used and again after an error.
type connection struct {
	addr   string
	conn   net.Conn
	reader *bufio.Reader
	answer fasthttp.Response
}

// do sends a request and reads its answer. The body is valid until the next call.
func (c *connection) do(r request) (status int, body []byte, err error) {
	if err := c.connect(); err != nil {
		return 0, nil, err
	}
	defer func() {
		if err != nil || c.answer.ConnectionClose() {
			c.close()
		}
	}()
	if err := c.conn.SetDeadline(time.Now().Add(answerWithin)); err != nil {
		return 0, nil, err
	}
	if _, err := c.conn.Write(r); err != nil {
		return 0, nil, err
	}
	if err := c.answer.Read(c.reader); err != nil {
		return 0, nil, err
	}
	return c.answer.StatusCode(), c.answer.Body(), nil
}

func (c *connection) connect() error {
	if c.conn != nil {
		return nil
	}
	conn, err := net.DialTimeout("tcp", c.addr, answerWithin)
	if err != nil {
		return err
	}
	c.conn, c.reader = conn, bufio.NewReaderSize(conn, 16<<10)
	return nil
}

func (c *connection) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}
