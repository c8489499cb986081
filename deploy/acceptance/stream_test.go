//go:build acceptance

package acceptance

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// sent is one server-sent event, or with kind "retry" the hint to reconnect.
type sent struct {
	id, kind, data string
}

func (s sent) object(t *testing.T) map[string]any {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal([]byte(s.data), &object); err != nil {
		t.Fatalf("event %+v: %v", s, err)
	}
	return object
}

// stream opens server-sent events; the channel ends with the stream or the test.
func stream(t *testing.T, path string, options ...option) <-chan sent {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, system(t).url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range options {
		o(r)
	}
	response, err := (&http.Client{Transport: client.Transport}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if kind := response.Header.Get("Content-Type"); response.StatusCode != 200 || !strings.HasPrefix(kind, "text/event-stream") {
		response.Body.Close()
		t.Fatalf("GET %s: %d %s, want a stream", path, response.StatusCode, kind)
	}
	if response.Header.Get("X-Request-Id") == "" {
		t.Errorf("GET %s: no X-Request-Id", path)
	}
	events := make(chan sent, 1000)
	go func() {
		defer close(events)
		defer response.Body.Close()
		readEvents(bufio.NewScanner(response.Body), events)
	}()
	return events
}

func readEvents(lines *bufio.Scanner, events chan<- sent) {
	lines.Buffer(nil, 1<<20)
	var now sent
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "id":
			now.id = value
		case "event":
			now.kind = value
		case "data":
			now.data += value
		case "retry":
			events <- sent{kind: "retry", data: value}
		}
		if lines.Text() == "" && now.data != "" {
			events <- now
			now = sent{}
		}
	}
}

// next is the first event that fits, within ten seconds.
func next(t *testing.T, events <-chan sent, what string, fits func(sent) bool) sent {
	t.Helper()
	late := time.After(10 * time.Second)
	for {
		select {
		case e, ok := <-events:
			if !ok {
				t.Fatalf("the stream ended before: %s", what)
			}
			if fits(e) {
				return e
			}
		case <-late:
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}
