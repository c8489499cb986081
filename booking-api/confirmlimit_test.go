package bookingapi

import (
	"net/http"
	"testing"
)

// Asking to confirm is limited by account, and by network for what accounts ask beyond
// their own few: those pass whatever the others of the network do.
func TestConfirmationsAreLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "CONFIRMS_PER_MINUTE=4", "CONFIRMS_OF_OWN=1", "CONFIRMS_PER_NETWORK=5")
	fans := w.fans(4)
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
	for range 4 { // one of its own and three of the network's five
		ask(fans[0]).is(http.StatusNotFound)
	}
	for range 3 { // which are not counted on the network
		limited("the fifth of one account", ask(fans[0]))
	}
	for range 3 {
		ask(fans[1]).is(http.StatusNotFound)
	}
	limited("the sixth of the network", ask(fans[1]))
	for _, f := range fans[2:] { // who only want to pay
		ask(f).is(http.StatusNotFound)
		limited("the second of one account", ask(f))
	}
	w.call("POST", "/v1/payments/confirm", `{}`, key()...).is(http.StatusUnauthorized, "unauthenticated")
}
