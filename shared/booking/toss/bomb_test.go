package toss_test

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/booking/toss"
)

// The transport unpacks gzip by itself: what counts is the size after that. Behind 64 MB of
// spaces the answer is a good one, so who reads on would get it.
func TestAnAnswerIsBoundedAfterItIsUnpacked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spaces int
		good   bool
	}{"small": {1 << 10, true}, "a bomb": {64 << 20, false}} {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		_, _ = w.Write(bytes.Repeat([]byte(" "), c.spaces))
		_, _ = w.Write([]byte(captured))
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(packed.Bytes())
		}))
		t.Cleanup(server.Close)
		_, err := toss.New(server.URL, "test_sk", 30*time.Second).GetByOrder(t.Context(), "order-1")
		if (err == nil) != c.good {
			t.Errorf("%s: %v, want an answer: %v", name, err, c.good)
		}
	}
}
