package queuegateway

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/queue"
)

// events is an open stream read in the background.
type events struct {
	t    *testing.T
	body io.Closer
	all  chan sse
	end  chan error
}

type sse struct {
	id, name, data, retry string
	comment               bool
}

func (g *gateway) stream(path string, header ...string) *events {
	g.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, g.base+path, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Add(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { cancel(); _ = response.Body.Close() })
	if response.StatusCode != 200 || !strings.HasPrefix(response.Header.Get("Content-Type"), "text/event-stream") {
		g.t.Fatalf("stream: %d %v", response.StatusCode, response.Header)
	}
	e := &events{t: g.t, body: response.Body, all: make(chan sse, 1000), end: make(chan error, 1)}
	go e.read(response.Body)
	return e
}

func (e *events) read(body io.Reader) {
	in := bufio.NewScanner(body)
	var event sse
	for in.Scan() {
		field, value, _ := strings.Cut(in.Text(), ": ")
		switch {
		case in.Text() == "":
			e.all <- event
			event = sse{}
		case field == "id":
			event.id = value
		case field == "event":
			event.name = value
		case field == "data":
			event.data = value
		case field == "retry":
			event.retry = value
		case strings.HasPrefix(in.Text(), ":"):
			event.comment = true
		}
	}
	e.end <- in.Err()
	close(e.all)
}

// next returns the next event of that name.
func (e *events) next(name string) map[string]any {
	e.t.Helper()
	timeout := time.After(15 * time.Second)
	for {
		select {
		case event, open := <-e.all:
			if !open {
				e.t.Fatalf("the stream ended before %q", name)
			}
			if event.name != name {
				continue
			}
			var data map[string]any
			if err := json.Unmarshal([]byte(event.data), &data); err != nil || event.id == "" {
				e.t.Fatalf("%+v: %v", event, err)
			}
			return data
		case <-timeout:
			e.t.Fatalf("no event %q", name)
		}
	}
}

func TestAStreamTellsOfEveryChangeAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.line(sale, paused)
	g := w.gateway()
	_, _ = g.join(w, "acc-0")
	token, _ := g.join(w, "acc-1")
	e := g.stream(placePath+"/events", "Cookie", "place_"+sale+"="+token, "Last-Event-ID", "nonsense")
	if first := <-e.all; first.retry == "" {
		t.Errorf("the stream begins with %+v", first)
	}
	if place := e.next("place"); place["state"] != "waiting" {
		t.Errorf("place: %v", place)
	}
	if status := e.next("status"); status["state"] != "paused" {
		t.Errorf("status: %v", status)
	}
	admin := w.bearer("adm-1", "admin")
	g.call("POST", adminPath+"/resume", "", "Authorization", admin)
	ref, err := w.tokens.Verify(token, sale)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the turn", func() bool {
		place, err := w.store.Place(context.Background(), ref)
		return err == nil && place.State == queue.PlaceOffered
	})
	deadline := time.After(4 * time.Second)
	for opened, offered := false, false; !opened || !offered; {
		select {
		case event := <-e.all:
			opened = opened || event.name == "status" && strings.Contains(event.data, `"state":"open"`)
			offered = offered || event.name == "place" && strings.Contains(event.data, `"state":"offered"`)
		case <-deadline:
			t.Fatalf("told that it is open: %v, of the turn: %v", opened, offered)
		}
	}
}

func TestEventsAreSmall(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.line(sale, paused)
	g := w.gateway()
	token, _ := g.join(w, "acc-1")
	e := g.stream(placePath+"/events", "Place-Token", token)
	for event := range e.all {
		if event.name != "place" {
			continue
		}
		if size := len("id: \nevent: place\ndata: \n\n") + len(event.id) + len(event.data); size > 130 {
			t.Errorf("%d bytes: %+v", size, event)
		}
		return
	}
}

// A quiet stream says every 2 s that it lives, so that a page sees within 5 s that its
// connection is cut; a minute of waiting costs less than 1 KB all the same.
func TestAQuietStreamBeatsOftenAndCostsLittle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.line(sale, func(p *queue.Policy) { p.RatePerMinute, p.State = 1, queue.Paused }) // far from the turn
	g := w.gateway()
	for i := range 12 {
		_, _ = g.join(w, "acc-before-"+strconv.Itoa(i))
	}
	token, _ := g.join(w, "acc-1")
	e := g.stream(placePath+"/events", "Place-Token", token)
	e.next("place")
	const framing = len("xx\r\n\r\n") // of a chunk
	beats, bytes, told := 0, 0, 0
	for event := range e.all {
		if event.comment {
			beats++
			bytes += framing + len(":\n\n")
			continue
		}
		bytes += framing + len("id: \nevent: \ndata: \n\n") + len(event.id) + len(event.name) + len(event.data)
		if beats >= 3 { // in the ten seconds since the last event
			break
		}
		if told++; told > 5 {
			t.Fatalf("no heartbeats, only %+v", event)
		}
		beats, bytes = 0, 0
	}
	if aMinute := bytes * 6; aMinute > 1000 {
		t.Errorf("%d bytes a minute", aMinute)
	} else {
		t.Logf("%d bytes a minute, %d heartbeats in 10 s", aMinute, beats)
	}
}

func TestAStreamIsASignOfLife(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.line(sale, func(p *queue.Policy) { p.State, p.AbandonSeconds = queue.Paused, 30 })
	g := w.gateway()
	token, n := g.join(w, "acc-1")
	g.stream(placePath+"/events", "Place-Token", token)
	ctx := context.Background()
	presence := func() []string {
		keys, err := w.redis.Keys(ctx, w.prefix+"*:presence:*").Result()
		if err != nil {
			t.Fatal(err)
		}
		return keys
	}
	reported := func() bool {
		for _, key := range presence() {
			if w.redis.GetBit(ctx, key, int64(n)).Val() == 1 { //nolint:gosec // a small number
				return true
			}
		}
		return false
	}
	eventually(t, "the fan who joined is reported", reported)
	if err := w.redis.Del(ctx, presence()...).Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the fan who only streams is reported again", reported)
}

func TestAboveTheCapAStreamIsRefusedSoThatThePagePolls(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.line(sale, paused)
	g := w.gateway("MAX_STREAMS=1")
	token, _ := g.join(w, "acc-1")
	first := g.stream(placePath+"/events", "Place-Token", token)
	first.next("place")
	if a := g.call("GET", placePath+"/events", "", "Place-Token", token); a.StatusCode != 204 {
		t.Fatalf("%d %s", a.StatusCode, a.text)
	}
	if a := g.call("HEAD", placePath+"/events", "", "Place-Token", token); a.StatusCode != 204 {
		t.Errorf("HEAD: %d", a.StatusCode)
	}
}

func TestShutdownEndsStreamsAndFinishesRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.line(sale, paused)
	begun := make(chan struct{})
	w.handler = func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/feed" {
			rw.Header().Set("Content-Type", "text/event-stream")
			rw.WriteHeader(200)
			rw.(http.Flusher).Flush()
			<-r.Context().Done()
			return
		}
		close(begun)
		time.Sleep(300 * time.Millisecond)
		_, _ = io.WriteString(rw, "finished")
	}
	g := w.gateway()
	token, _ := g.join(w, "acc-1")
	own := g.stream(placePath+"/events", "Place-Token", token)
	own.next("place")
	proxied := g.stream("/v1/feed")
	answered := make(chan answer, 1)
	go func() { answered <- g.call("GET", "/v1/slow", "") }()
	<-begun
	started := time.Now()
	g.stop()
	if err := <-g.done; err != nil {
		t.Errorf("Run: %v", err)
	}
	g.done <- nil
	if took := time.Since(started); took > 4*time.Second {
		t.Errorf("stopping took %v: it waited for the streams", took)
	}
	if a := <-answered; a.StatusCode != 200 || a.text != "finished" {
		t.Errorf("the request: %d %q", a.StatusCode, a.text)
	}
	for name, e := range map[string]*events{"own": own, "proxied": proxied} {
		if err := <-e.end; err != nil {
			t.Errorf("%s: the stream does not end cleanly: %v", name, err)
		}
	}
}
