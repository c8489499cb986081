package proxy

import (
	"net/http"
	"strings"
	"testing"

	"github.com/fairgate/fairgate/shared/platform/httpd"
)

// A load balancer that has no server to ask is a dead upstream; one that lost the
// server it asked may have others.
func TestWhatALoadBalancerAnswersItselfIsNoAnswer(t *testing.T) {
	t.Parallel()
	for status, healthy := range map[int]bool{http.StatusServiceUnavailable: false, http.StatusBadGateway: true, http.StatusGatewayTimeout: true} {
		upstream := backend(t, func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "<html>no server</html>", status)
		})
		p, base := front(t, upstream, nil)
		for range 3 {
			response, text := do(t, "POST", base+"/v1/bookings", strings.NewReader("{}"))
			if response.StatusCode != http.StatusServiceUnavailable || codeOf(text) != "upstream_unavailable" || response.Header.Get("Retry-After") == "" {
				t.Errorf("the balancer says %d, the caller hears %d %s", status, response.StatusCode, text)
			}
		}
		if p.Healthy() != healthy {
			t.Errorf("after three times %d: healthy %v", status, p.Healthy())
		}
	}
}

func TestTheUpstreamsOwn503Passes(t *testing.T) {
	t.Parallel()
	upstream := backend(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(httpd.HeaderRequestID, "req-1")
		http.Error(w, "its own words", http.StatusServiceUnavailable)
	})
	p, base := front(t, upstream, nil)
	for range 3 {
		if response, text := do(t, "GET", base+"/v1/sales/x", nil); response.StatusCode != http.StatusServiceUnavailable || !strings.Contains(text, "its own words") {
			t.Errorf("%d %s", response.StatusCode, text)
		}
	}
	if !p.Healthy() {
		t.Error("three refusals of a living upstream opened the breaker")
	}
}
