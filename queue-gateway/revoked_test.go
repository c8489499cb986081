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

	if err := accountredis.NewRevoked(w.redis, w.prefix, account.AccessLifetime).Gone(context.Background(), "acc-gone"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the gateway refuses the token", func() bool {
		return g.call("POST", places, "", "Authorization", token).StatusCode == http.StatusUnauthorized
	})
	expect("its place", g.call("GET", mine, "", "Place-Token", place), http.StatusUnauthorized)
	expect("its turn", g.call("POST", mine+"/entry", "", "Place-Token", place), http.StatusUnauthorized)
	expect("another account", g.call("POST", places, "", "Authorization", w.bearer("acc-other", "fan")), http.StatusCreated)
}

// A deletion may fail once the tokens are revoked: the account lives on with its places.
func TestRevokedTokensDoNotCostAPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.line(sale, func(p *queue.Policy) { p.Identity = queue.ByAccount })
	g := w.gateway()
	place, n := g.join(w, "acc-stays")
	token := w.bearer("acc-stays", "fan")
	if err := accountredis.NewRevoked(w.redis, w.prefix, account.AccessLifetime).Revoke(context.Background(), "acc-stays"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the gateway refuses the token", func() bool {
		return g.call("POST", "/v1/queues/"+sale+"/places", "", "Authorization", token).StatusCode == http.StatusUnauthorized
	})
	if got := g.call("GET", "/v1/queues/"+sale+"/places/me", "", "Place-Token", place); got.StatusCode != http.StatusOK {
		t.Errorf("its place: %d %s", got.StatusCode, got.code())
	}
	at, err := storeOn(w.redis, w).Place(context.Background(), queue.PlaceRef{SaleID: sale, Epoch: 1, N: n})
	if err != nil || at.State == queue.PlaceLeft {
		t.Errorf("the place is %s, %v", at.State, err)
	}
}

// The place of a deleted account is over: its slot is free for the next fan, also where
// nobody uses the place any more, and its stream ends.
func TestADeletedAccountsPlaceAndStreamEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.line(sale, func(p *queue.Policy) { p.Identity = queue.ByAccount; p.Capacity = 1 })
	g := w.gateway()
	mine := "/v1/queues/" + sale + "/places/me"
	place, n := g.join(w, "acc-gone")
	next, _ := g.join(w, "acc-next")
	enter := func(place string) bool {
		return g.call("POST", mine+"/entry", "", "Place-Token", place).StatusCode == http.StatusOK
	}
	eventually(t, "the fan has entered", func() bool { return enter(place) })
	if enter(next) {
		t.Fatal("there are two slots: this test shows nothing")
	}
	gone, stays := g.stream(mine+"/events", "Cookie", "place_"+sale+"="+place), g.stream(mine+"/events", "Cookie", "place_"+sale+"="+next)
	stays.next("place")

	if err := accountredis.NewRevoked(w.redis, w.prefix, account.AccessLifetime).Gone(context.Background(), "acc-gone"); err != nil {
		t.Fatal(err)
	}
	t.Logf("the stream has ended: %v", <-gone.end) // however it ends
	eventually(t, "the next fan has the slot", func() bool { return enter(next) })
	at, err := storeOn(w.redis, w).Place(context.Background(), queue.PlaceRef{SaleID: sale, Epoch: 1, N: n})
	if err != nil || at.State != queue.PlaceLeft {
		t.Errorf("the place is %s, %v; want left", at.State, err)
	}
	select {
	case err := <-stays.end:
		t.Errorf("another fan's stream has ended: %v", err)
	default:
	}
}

// A gateway that was started while Redis does not say who is revoked lets nobody pass who
// needs an account, takes nobody's place away, and goes on by itself.
func TestNobodyPassesBeforeItIsKnownWhoIsRevoked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, revoked := context.Background(), w.prefix+"revoked"
	w.line(sale, func(p *queue.Policy) { p.State, p.Identity = queue.Paused, queue.ByAccount })
	w.line("browsers", func(p *queue.Policy) { p.State, p.Identity = queue.Paused, queue.ByBrowser })
	// Everything else is read: only this cannot be.
	if err := w.redis.Set(ctx, revoked, "no sorted set", 0).Err(); err != nil {
		t.Fatal(err)
	}
	token, err := w.tokens.Mint(queue.PlaceRef{SaleID: sale, Epoch: 1, N: 1, Subject: "acc-1"})
	if err != nil {
		t.Fatal(err)
	}
	g := w.gateway()
	mine := "/v1/queues/" + sale + "/places/me"
	for _, c := range []struct {
		method, path string
		header       []string
	}{
		{"POST", "/v1/queues/" + sale + "/places", []string{"Authorization", w.bearer("acc-1", "fan")}},
		{"GET", "/v1/admin/queues", []string{"Authorization", w.bearer("acc-1", "admin")}},
		{"GET", mine, []string{"Place-Token", token}},
		{"GET", mine, []string{"Cookie", "place_" + sale + "=x; place_" + sale + "=" + token}},
		{"POST", mine + "/entry", []string{"Place-Token", token}},
		{"DELETE", mine, []string{"Place-Token", token}},
		{"GET", mine + "/events", []string{"Place-Token", token}},
		{"GET", "/readyz", nil},
	} {
		a := g.call(c.method, c.path, "", c.header...)
		if a.StatusCode != http.StatusServiceUnavailable || a.code() != "upstream_unavailable" || c.header != nil && a.Header.Get("Retry-After") == "" || len(a.Cookies()) > 0 {
			t.Errorf("%s %s %v: %d %s, cookies %v", c.method, c.path, c.header, a.StatusCode, a.text, a.Cookies())
		}
	}
	for path, method := range map[string]string{"/v1/queues/" + sale: "GET", "/v1/queues/browsers/places": "POST"} { // nobody's account
		if a := g.call(method, path, ""); a.StatusCode >= 300 {
			t.Errorf("%s %s: %d %s", method, path, a.StatusCode, a.text)
		}
	}
	if err := w.redis.Del(ctx, revoked).Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it goes on", func() bool {
		return g.call("POST", "/v1/queues/"+sale+"/places", "", "Authorization", w.bearer("acc-1", "fan")).StatusCode == http.StatusCreated
	})
}
