package drive

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

func TestTheCourseIsReadFromK6AndTheServices(t *testing.T) {
	t.Parallel()
	k6 := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		counts := map[string]int{"http_reqs": 100, "ways_started": 9, "outcome_bought": 3, "outcome_cancelled": 1, "outcome_sold_out": 2, "within_5ms": 60, "within_longer": 1}
		n, ok := counts[strings.TrimPrefix(r.URL.Path, "/v1/metrics/")]
		if !ok {
			w.WriteHeader(http.StatusNotFound) // not counted yet
			return
		}
		_, _ = fmt.Fprintf(w, `{"data":{"attributes":{"sample":{"count":%d,"rate":1.5}}}}`, n)
	}))
	t.Cleanup(k6.Close)
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("# HELP x y\nprocess_resident_memory_bytes 2.5e+07\nprocess_cpu_seconds_total 1.5\n"))
	}))
	t.Cleanup(service.Close)

	ctx, end := context.WithCancel(t.Context())
	w := newWatcher(strings.TrimPrefix(k6.URL, "http://"), []string{"gateway=" + service.URL, "gone=http://127.0.0.1:1"})
	w.watch(ctx, func(point) { end() })
	if len(w.series.Points) != 1 {
		t.Fatalf("%d points", len(w.series.Points))
	}
	p := w.series.Points[0]
	if p.Requests != 100 || p.Errors != 0 || p.Started != 9 || p.Ended != 6 || p.Bought != 4 || p.Within[0] != 60 || p.Within[len(bounds())] != 1 {
		t.Errorf("%+v", p)
	}
	if got := w.series.Services["gateway"]; len(got) != 1 || got[0].Memory != 25e6 || got[0].CPU != 1.5 || len(w.series.Services) != 1 {
		t.Errorf("%+v", w.series.Services)
	}
}

// Counts that lack what k6 could not tell any more would look like a fall.
func TestHalfASampleIsNone(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	k6 := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) > 5 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte(`{"data":{"attributes":{"sample":{"count":7}}}}`))
	}))
	t.Cleanup(k6.Close)
	w := newWatcher(strings.TrimPrefix(k6.URL, "http://"), nil)
	if p, err := w.sample(t.Context()); err == nil {
		t.Errorf("%+v passes", p)
	}
}
