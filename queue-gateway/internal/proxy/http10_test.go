package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// HTTP/1.0 knows no chunks: sizes between the events would be taken for events.
func TestACallerWithHTTP10GetsAStreamWithoutChunks(t *testing.T) {
	t.Parallel()
	seen := make(chan struct{})
	upstream := backend(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for _, text := range []string{"first", "second"} {
			_, _ = fmt.Fprintf(w, "data: %s\n\n", text)
			w.(http.Flusher).Flush()
			select { // the second is only sent once the first has arrived
			case <-seen:
			case <-r.Context().Done():
			}
		}
	})
	_, base := front(t, upstream, nil)
	conn, err := net.DialTimeout("tcp", strings.TrimPrefix(base, "http://"), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	_, _ = io.WriteString(conn, "GET /v1/events HTTP/1.0\r\nHost: shop\r\n\r\n")
	in := bufio.NewReader(conn)
	response, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(response.TransferEncoding) > 0 || response.ContentLength != -1 || !response.Close || response.StatusCode != http.StatusOK {
		t.Errorf("the head is %+v", response)
	}
	body := bufio.NewReader(response.Body)
	for _, want := range []string{"data: first\n", "\n", "data: second\n", "\n"} {
		if got, err := body.ReadString('\n'); got != want {
			t.Fatalf("got %q, %v, want %q", got, err, want)
		}
		if want == "\n" {
			seen <- struct{}{}
		}
	}
	if rest, err := io.ReadAll(body); len(rest) > 0 || err != nil {
		t.Errorf("after the stream: %q, %v", rest, err)
	}
}
