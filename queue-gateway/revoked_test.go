package queuegateway

import (
	"context"
	"net/http"
	"testing"

	"github.com/fairgate/fairgate/shared/account"
	"github.com/fairgate/fairgate/shared/account/accountredis"
	"github.com/fairgate/fairgate/shared/queue"
)

// The token of a deleted account, and the place it took, are worth nothing within a
// second at every gateway, though the token itself is valid for a quarter of an hour.
func TestADeletedAccountsTokenAndPlaceDoNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.line(sale, func(p *queue.Policy) { p.Identity = queue.ByAccount })
	g := w.gateway()
	token := w.bearer("acc-gone", "fan")
	places, mine := "/v1/queues/"+sale+"/places", "/v1/queues/"+sale+"/places/me"
	place, _ := g.join(w, "acc-gone")
	expect := func(what string, got answer, status int) {
		t.Helper()
		if got.StatusCode != status {
			t.Errorf("%s: %d %s, want %d", what, got.StatusCode, got.code(), status)
		}
	}
	expect("before", g.call("GET", mine, "", "Place-Token", place), http.StatusOK)

	if err := accountredis.NewRevoked(w.redis, w.prefix, account.AccessLifetime).Revoke(context.Background(), "acc-gone"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the gateway refuses the token", func() bool {
		return g.call("POST", places, "", "Authorization", token).StatusCode == http.StatusUnauthorized
	})
	expect("its place", g.call("GET", mine, "", "Place-Token", place), http.StatusUnauthorized)
	expect("its turn", g.call("POST", mine+"/entry", "", "Place-Token", place), http.StatusUnauthorized)
	expect("another account", g.call("POST", places, "", "Authorization", w.bearer("acc-other", "fan")), http.StatusCreated)
}
