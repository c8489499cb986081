package stream_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/fairgate/fairgate/loadtest/stream"
)

// gateway serves a line whose streams are given; it counts who joins and leaves.
type gateway struct {
	events       http.HandlerFunc
	joined, left atomic.Int32
}

func (g *gateway) serve(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/queues/s/places", func(w http.ResponseWriter, r *http.Request) {
		g.joined.Add(1)
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		_, _ = fmt.Fprintf(w, `{"place_token":"place-%s"}`, token)
	})
	mux.HandleFunc("DELETE /v1/queues/s/places/me", func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.Header.Get("Place-Token"), "place-") {
			g.left.Add(1)
		}
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /v1/queues/s/places/me/events", func(w http.ResponseWriter, r *http.Request) {
		if cookie, err := r.Cookie("place_s"); err != nil || !strings.HasPrefix(cookie.Value, "place-") {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		g.events(w, r)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

func tell(w http.ResponseWriter, text string) {
	_, _ = w.Write([]byte(text))
	_ = http.NewResponseController(w).Flush()
}

func tokens(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprint(i)
	}
	return all
}

func TestACrowdWatchesToTheEndAndLeaves(t *testing.T) {
	t.Parallel()
	ctx, end := context.WithCancel(t.Context())
	defer end()
	g := &gateway{events: func(w http.ResponseWriter, r *http.Request) {
		tell(w, "retry: 2000\n\nid: 1\nevent: place\ndata: {}\n\n: \n\nevent: status\ndata: {}\n\n")
		<-r.Context().Done()
	}}
	var watching atomic.Int32
	begun := func() {
		if watching.Add(1) == 20 {
			end()
		}
	}
	got := stream.Crowd{BaseURL: g.serve(t), SaleID: "s", Tokens: tokens(20), Begun: begun}.Watch(ctx)
	if got.Opened != 20 || got.Broken != 0 || got.Failed != 0 || len(got.Violations()) > 0 {
		t.Errorf("%+v", got)
	}
	if got.Bytes == 0 || got.Watched <= 0 || got.BytesPerFanMinute() <= 0 {
		t.Errorf("nothing was measured: %+v", got)
	}
	if g.joined.Load() != 20 || g.left.Load() != 20 {
		t.Errorf("%d joined, %d left", g.joined.Load(), g.left.Load())
	}
}

func TestWhatGoesWrongIsCounted(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		events http.HandlerFunc
		right  func(stream.Result) bool
		says   string
	}{
		{"a stream that breaks off", func(w http.ResponseWriter, _ *http.Request) { tell(w, "event: place\ndata: {}\n\n") },
			func(r stream.Result) bool { return r.Opened == 3 && r.Broken == 3 && r.Events == 3 && r.FirstP99 > 0 }, "3 streams that broke off"},
		{"no stream", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
			func(r stream.Result) bool { return r.Opened == 0 && r.Failed == 3 }, "3 fans who got no stream a stream was answered 503"},
		{"full", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
			func(r stream.Result) bool { return r.Opened == 0 && r.Full == 3 && r.Failed == 0 }, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			g := &gateway{events: test.events}
			got := stream.Crowd{BaseURL: g.serve(t), SaleID: "s", Tokens: tokens(3)}.Watch(t.Context())
			if !test.right(got) {
				t.Errorf("%+v", got)
			}
			if said := strings.Join(got.Violations(), "\n"); !strings.Contains(said, test.says) || (test.says == "") != (said == "") {
				t.Errorf("violations %q, want %q", said, test.says)
			}
		})
	}
}
