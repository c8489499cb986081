package proxy

import (
	"net/http"
	"testing"
)

func TestAStrangerHasNoSayInTraces(t *testing.T) {
	t.Parallel()
	upstream := backend(t, func(w http.ResponseWriter, r *http.Request) {
		for _, name := range ofTraces {
			if got := r.Header.Get(name); got != "" {
				t.Errorf("%s: %s reached the upstream", name, got)
			}
		}
		w.WriteHeader(http.StatusNoContent)
	})
	_, url := front(t, upstream, nil)
	response, _ := do(t, http.MethodGet, url+"/v1/things", nil,
		"Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "Tracestate", "a=b", "Baggage", "c=d")
	if response.StatusCode != http.StatusNoContent {
		t.Errorf("status %d", response.StatusCode)
	}
}
