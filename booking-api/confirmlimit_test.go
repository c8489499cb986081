package bookingapi

import (
	"net/http"
	"testing"
)

// Asking to confirm is limited by account, and by network for all accounts together.
func TestConfirmationsAreLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "CONFIRMS_PER_MINUTE=3", "CONFIRMS_PER_NETWORK=5")
	fans := w.fans(3)
	ask := func(f fan) answer {
		return w.call("POST", "/v1/payments/confirm", `{"order_id":"ord-unknown","amount":1,"payment_key":"x"}`, with(f.auth, key())...)
	}
	limited := func(who string, a answer) {
		t.Helper()
		a.is(http.StatusTooManyRequests, "rate_limited")
		if a.header.Get("Retry-After") == "" || a.header.Get("RateLimit-Policy") == "" {
			t.Errorf("%s: no Retry-After or RateLimit-Policy: %v", who, a.header)
		}
	}
	for range 3 {
		ask(fans[0]).is(http.StatusNotFound)
	}
	for range 3 { // which are not counted on the network
		limited("the fourth of one account", ask(fans[0]))
	}
	for range 2 {
		ask(fans[1]).is(http.StatusNotFound)
	}
	limited("the sixth from one network", ask(fans[2]))
	w.call("POST", "/v1/payments/confirm", `{}`, key()...).is(http.StatusUnauthorized, "unauthenticated")
}
