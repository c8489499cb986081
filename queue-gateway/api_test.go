package queuegateway

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/clock"
	"github.com/fairgate/fairgate/shared/platform/jwks"
	"github.com/fairgate/fairgate/shared/queue"
)

const (
	linePath  = "/v1/queues/" + sale
	placePath = linePath + "/places/me"
	adminPath = "/v1/admin/queues/" + sale
)

func decode(t *testing.T, text string) []byte {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func paused(p *queue.Policy) { p.State = queue.Paused }

func TestTheWholeWayThroughALine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.line(sale, nil)
	g := w.gateway()
	me := w.bearer("acc-1", "fan")

	joined := g.call("POST", linePath+"/places", "{}", "Authorization", me)
	if joined.StatusCode != 201 || joined.json["state"] == nil || joined.json["id"] == "" || joined.json["key"] == nil {
		t.Fatalf("join: %d %s", joined.StatusCode, joined.text)
	}
	if _, present := joined.json["ahead"]; !present {
		t.Errorf("no ahead in %s", joined.text)
	}
	token := joined.json["place_token"].(string)
	cookie := joined.cookie("place_" + sale)
	if cookie == nil || cookie.Value != token || !cookie.HttpOnly || cookie.Secure || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" {
		t.Errorf("cookie: %+v", cookie)
	}
	again := g.call("POST", linePath+"/places", "", "Authorization", me)
	if again.StatusCode != 200 || again.json["id"] != joined.json["id"] || again.json["n"] != joined.json["n"] {
		t.Errorf("join again: %d %s", again.StatusCode, again.text)
	}

	var pass answer
	eventually(t, "the pass", func() bool {
		pass = g.call("POST", placePath+"/entry", "", "Place-Token", token)
		if pass.StatusCode != 200 && (pass.StatusCode != 409 || pass.code() != "not_your_turn" || pass.json["ahead"] == nil || pass.json["retry_after_ms"] == nil) {
			t.Fatalf("entry: %d %s", pass.StatusCode, pass.text)
		}
		return pass.StatusCode == 200
	})
	if c := pass.cookie("entry_pass_" + sale); c == nil || c.Value != pass.json["entry_pass"] || !c.HttpOnly {
		t.Errorf("pass cookie: %+v", c)
	}
	ends, err := time.Parse(time.RFC3339, pass.json["expires_at"].(string))
	if err != nil || time.Until(ends) < 4*time.Minute {
		t.Errorf("expires_at %v, %v", pass.json["expires_at"], err)
	}
	repeated := g.call("POST", placePath+"/entry", "", "Place-Token", token)
	if repeated.StatusCode != 200 || repeated.json["expires_at"] != pass.json["expires_at"] {
		t.Errorf("entry again: %d %s", repeated.StatusCode, repeated.text)
	}

	gate := queue.NewGate(jwks.NewRemote(g.base+"/.well-known/jwks.json", nil), w.store, nil, clock.System{})
	session, err := gate.Check(context.Background(), pass.json["entry_pass"].(string), sale, "acc-1")
	if err != nil || session.SaleID != sale {
		t.Fatalf("the gate: %+v %v", session, err)
	}
	if me := g.call("GET", placePath, "", "Place-Token", token); me.json["state"] != "active" || me.json["session_ends_at"] == nil {
		t.Errorf("places/me: %s", me.text)
	}

	left := g.call("DELETE", placePath, "", "Place-Token", token)
	if left.StatusCode != 204 {
		t.Fatalf("leave: %d %s", left.StatusCode, left.text)
	}
	if _, err := gate.Check(context.Background(), pass.json["entry_pass"].(string), sale, "acc-1"); !errors.Is(err, queue.ErrPassInvalid) {
		t.Errorf("the pass of a session that was left: %v", err)
	}
	if gone := g.call("POST", placePath+"/entry", "", "Place-Token", token); gone.StatusCode != 410 {
		t.Errorf("entry after leaving: %d %s", gone.StatusCode, gone.text)
	}
	if me := g.call("GET", placePath, "", "Place-Token", token); me.StatusCode != 200 || me.json["state"] != "left" {
		t.Errorf("places/me after leaving: %d %s", me.StatusCode, me.text)
	}
}

func TestBadInputIsRefusedWithItsCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.line(sale, paused)
	w.line("other-sale", paused)
	g := w.gateway()
	token, n := g.join(w, "acc-1")
	foreign, err := w.tokens.Mint(queue.PlaceRef{SaleID: "other-sale", Epoch: 1, N: 1, Subject: "acc-1"})
	if err != nil {
		t.Fatal(err)
	}
	old, err := queue.NewPlaceTokens(decode(t, g.cfg.PlaceKey.Reveal()), clock.NewManual(time.Now().Add(-queue.PlaceTokenTTL-time.Hour)))
	if err != nil {
		t.Fatal(err)
	}
	expired, err := old.Mint(queue.PlaceRef{SaleID: sale, Epoch: 1, N: n, Subject: "acc-1"})
	if err != nil {
		t.Fatal(err)
	}
	other, err := queue.NewPlaceTokens([]byte(strings.Repeat("x", 32)), clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	forged, err := other.Mint(queue.PlaceRef{SaleID: sale, Epoch: 1, N: n, Subject: "acc-1"})
	if err != nil {
		t.Fatal(err)
	}
	neverGiven, err := w.tokens.Mint(queue.PlaceRef{SaleID: sale, Epoch: 1, N: n + 1000, Subject: "acc-1"})
	if err != nil {
		t.Fatal(err)
	}
	fan, admin := w.bearer("acc-1", "fan"), w.bearer("adm-1", "admin")
	large := `{"x":"` + strings.Repeat("x", 5<<10) + `"}`
	for _, c := range []struct {
		name, method, path, body string
		header                   []string
		status                   int
		code                     string
	}{
		{"unknown sale: status", "GET", "/v1/queues/nowhere", "", nil, 404, "sale_not_found"},
		{"unknown sale: join", "POST", "/v1/queues/nowhere/places", "", []string{"Authorization", fan}, 404, "sale_not_found"},
		{"unknown sale: me", "GET", "/v1/queues/nowhere/places/me", "", []string{"Place-Token", token}, 404, "sale_not_found"},
		{"unknown sale: page", "GET", "/q/nowhere", "", nil, 404, "sale_not_found"},
		{"a sale that cannot be", "GET", "/v1/queues/%2e%2e%2f", "", nil, 404, "sale_not_found"},

		{"join without account", "POST", linePath + "/places", "", nil, 401, "unauthenticated"},
		{"join with a bad token", "POST", linePath + "/places", "", []string{"Authorization", "Bearer x.y.z"}, 401, "unauthenticated"},
		{"join with another scheme", "POST", linePath + "/places", "", []string{"Authorization", "Basic x"}, 401, "unauthenticated"},
		{"join with broken JSON", "POST", linePath + "/places", "{", []string{"Authorization", fan}, 400, "malformed_json"},
		{"join with an unknown field", "POST", linePath + "/places", `{"vip":true}`, []string{"Authorization", fan}, 422, "validation_failed"},
		{"join with a large body", "POST", linePath + "/places", large, []string{"Authorization", fan}, 413, "body_too_large"},
		{"entry with a large body", "POST", placePath + "/entry", large, []string{"Place-Token", token}, 413, "body_too_large"},
		{"a body larger than the booking API reads", "POST", "/v1/bookings", strings.Repeat("x", 3<<19), nil, 413, "body_too_large"},
		{"an unknown address with a large body", "POST", linePath + "/nothing", large, nil, 413, "body_too_large"},

		{"no place", "GET", placePath, "", nil, 401, "place_required"},
		{"no place: entry", "POST", placePath + "/entry", "", nil, 401, "place_required"},
		{"no place: presence", "POST", placePath + "/presence", "", nil, 401, "place_required"},
		{"no place: events", "GET", placePath + "/events", "", nil, 401, "place_required"},
		{"no place: leave", "DELETE", placePath, "", nil, 401, "place_required"},
		{"nonsense", "GET", placePath, "", []string{"Place-Token", "x"}, 401, "place_invalid"},
		{"forged", "GET", placePath, "", []string{"Place-Token", forged}, 401, "place_invalid"},
		{"forged: entry", "POST", placePath + "/entry", "", []string{"Place-Token", forged}, 401, "place_invalid"},
		{"of another sale", "GET", placePath, "", []string{"Place-Token", foreign}, 401, "place_invalid"},
		{"expired", "GET", placePath, "", []string{"Place-Token", expired}, 401, "place_invalid"},
		{"never given", "GET", placePath, "", []string{"Place-Token", neverGiven}, 401, "place_invalid"},
		{"somebody else's", "GET", placePath, "", []string{"Place-Token", token, "Authorization", w.bearer("acc-2", "fan")}, 401, "place_invalid"},
		{"with a bad bearer", "GET", placePath, "", []string{"Place-Token", token, "Authorization", "Bearer x"}, 401, "unauthenticated"},
		{"an access token as a place", "GET", placePath, "", []string{"Place-Token", strings.TrimPrefix(fan, "Bearer ")}, 401, "place_invalid"},
		{"a place as an access token", "POST", linePath + "/places", "", []string{"Authorization", "Bearer " + token}, 401, "unauthenticated"},

		{"claim before the turn", "POST", placePath + "/entry", "", []string{"Place-Token", token}, 409, "not_your_turn"},
		{"the draw", "GET", linePath + "/draw", "", nil, 404, "not_found"},
		{"a method", "PUT", linePath, "", nil, 405, "method_not_allowed"},
		{"a method on places", "GET", linePath + "/places", "", nil, 405, "method_not_allowed"},
		{"join by GET", "GET", linePath + "/places?join=1", "", []string{"Authorization", fan}, 405, "method_not_allowed"},
		{"an address", "GET", linePath + "/nothing", "", nil, 404, "not_found"},

		{"admin without token", "GET", "/v1/admin/queues", "", nil, 401, "unauthenticated"},
		{"admin as a fan", "GET", "/v1/admin/queues", "", []string{"Authorization", fan}, 403, "forbidden"},
		{"patch without token", "PATCH", adminPath, `{"capacity":1}`, nil, 401, "unauthenticated"},
		{"patch as a fan", "PATCH", adminPath, `{"capacity":1}`, []string{"Authorization", fan}, 403, "forbidden"},
		{"patch as an organizer", "PATCH", adminPath, `{"capacity":1}`, []string{"Authorization", w.bearer("org-1", "organizer")}, 403, "forbidden"},
		{"pause without token", "POST", adminPath + "/pause", "", nil, 401, "unauthenticated"},
		{"pause as a fan", "POST", adminPath + "/pause", "", []string{"Authorization", fan}, 403, "forbidden"},
		{"patch too little", "PATCH", adminPath, `{"claim_seconds":49}`, []string{"Authorization", admin}, 422, "validation_failed"},
		{"patch rate 0", "PATCH", adminPath, `{"rate_per_minute":0}`, []string{"Authorization", admin}, 422, "validation_failed"},
		{"patch unknown", "PATCH", adminPath, `{"speed":1}`, []string{"Authorization", admin}, 422, "validation_failed"},
		{"patch wrong type", "PATCH", adminPath, `{"capacity":"many"}`, []string{"Authorization", admin}, 422, "validation_failed"},
		{"patch broken", "PATCH", adminPath, `{"capacity":`, []string{"Authorization", admin}, 400, "malformed_json"},
		{"patch an old version", "PATCH", adminPath, `{"capacity":7,"version":0}`, []string{"Authorization", admin}, 409, "version_conflict"},
		{"patch nowhere", "PATCH", "/v1/admin/queues/nowhere", `{"capacity":7}`, []string{"Authorization", admin}, 404, "sale_not_found"},
		{"an unknown verb", "POST", adminPath + "/explode", "", []string{"Authorization", admin}, 404, "not_found"},
		{"a verb", "POST", "/v1/admin/queues/other-sale/drain", "", []string{"Authorization", admin}, 200, "<nil>"},
		{"a verb that cannot be", "POST", "/v1/admin/queues/other-sale/pause", "", []string{"Authorization", admin}, 409, "verb_not_allowed"},
		{"a bad cursor", "GET", "/v1/admin/queues?cursor=%00", "", []string{"Authorization", admin}, 400, "bad_cursor"},
	} {
		a := g.call(c.method, c.path, c.body, c.header...)
		if a.StatusCode != c.status || a.code() != c.code {
			t.Errorf("%s: %d %s, want %d %s: %s", c.name, a.StatusCode, a.code(), c.status, c.code, a.text)
		}
		if a.Header.Get("X-Request-Id") == "" {
			t.Errorf("%s: no request id", c.name)
		}
		if c.status == 405 && a.Header.Get("Allow") == "" {
			t.Errorf("%s: no Allow", c.name)
		}
	}
	// None of it had a side effect on the place.
	if me := g.call("GET", placePath, "", "Place-Token", token); me.json["state"] != "waiting" || me.json["ahead"] != 0.0 {
		t.Errorf("the place afterwards: %s", me.text)
	}
}

func TestAClaimBeforeTheTurnChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.line(sale, paused)
	g := w.gateway()
	first, _ := g.join(w, "acc-1")
	second, _ := g.join(w, "acc-2")
	for range 20 {
		if a := g.call("POST", placePath+"/entry", "", "Place-Token", second); a.StatusCode != 409 || a.json["ahead"] != 1.0 {
			t.Fatalf("%d %s", a.StatusCode, a.text)
		}
	}
	eventually(t, "the copy has both", func() bool { return g.call("GET", placePath, "", "Place-Token", second).json["ahead"] == 1.0 })
	if a := g.call("GET", placePath, "", "Place-Token", first); a.json["ahead"] != 0.0 || a.json["state"] != "waiting" {
		t.Errorf("the first: %s", a.text)
	}
	figures, err := operator{w.store, g.front}.Figures(context.Background(), sale)
	if err != nil || figures.Claims != 0 || figures.Waiting != 2 {
		t.Errorf("%+v %v", figures, err)
	}
}

func TestAResetMakesOldPlacesInvalidAndClearsTheirCookie(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.line(sale, paused)
	g := w.gateway()
	token, _ := g.join(w, "acc-1")
	admin := w.bearer("adm-1", "admin")
	reset := g.call("POST", adminPath+"/reset", "", "Authorization", admin)
	if reset.StatusCode != 200 || reset.json["epoch"].(float64) < 2 {
		t.Fatalf("reset: %d %s", reset.StatusCode, reset.text)
	}
	for _, path := range []string{placePath, placePath + "/events"} {
		a := g.call("GET", path, "", "Cookie", "place_"+sale+"="+token)
		if a.StatusCode != 401 || a.code() != "place_invalid" {
			t.Errorf("%s: %d %s", path, a.StatusCode, a.text)
		}
		if c := a.cookie("place_" + sale); c == nil || c.Value != "" {
			t.Errorf("%s: the cookie stays: %+v", path, c)
		}
	}
	if _, n := g.join(w, "acc-1"); n == 0 {
		t.Error("no new place")
	}
}

func TestHeadersWinOverCookiesAndCookiesNeedThisSite(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.line(sale, paused)
	g := w.gateway()
	first, _ := g.join(w, "acc-1")
	second, n := g.join(w, "acc-2")
	cookie := "place_" + sale + "=" + first
	if a := g.call("GET", placePath, "", "Cookie", cookie, "Place-Token", second); a.json["n"] != float64(n) {
		t.Errorf("the cookie won: %s", a.text)
	}
	if a := g.call("GET", placePath, "", "Cookie", cookie, "Authorization", w.bearer("acc-2", "fan")); a.StatusCode != 401 || a.code() != "place_invalid" || a.cookie("place_"+sale) == nil {
		t.Errorf("another account's cookie: %d %s %v", a.StatusCode, a.text, a.Cookies())
	}
	for name, c := range map[string]struct {
		header []string
		status int
	}{
		"no origin":         {nil, 403},
		"another origin":    {[]string{"Origin", "https://evil.example"}, 403},
		"another port":      {[]string{"Origin", "http://127.0.0.1:1"}, 403},
		"null origin":       {[]string{"Origin", "null"}, 403},
		"cross-site fetch":  {[]string{"Sec-Fetch-Site", "cross-site"}, 403},
		"same-site fetch":   {[]string{"Sec-Fetch-Site", "same-site"}, 403},
		"lying about fetch": {[]string{"Origin", "https://evil.example", "Sec-Fetch-Site", "same-origin"}, 403},
		"this origin":       {[]string{"Origin", g.base}, 204},
		"same-origin fetch": {[]string{"Sec-Fetch-Site", "same-origin"}, 204},
	} {
		a := g.call("POST", placePath+"/presence", "", append([]string{"Cookie", cookie}, c.header...)...)
		if a.StatusCode != c.status {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.text)
		}
	}
}

func TestStatusIsTheSameCacheableBytesForEveryone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.line(sale, paused)
	g := w.gateway()
	token, _ := g.join(w, "acc-1")
	eventually(t, "the copy has the fan", func() bool { return g.call("GET", linePath, "").json["waiting"] == 1.0 })
	a := g.call("GET", linePath, "", "Cookie", "place_"+sale+"="+token)
	etag := a.Header.Get("ETag")
	if a.StatusCode != 200 || a.Header.Get("Cache-Control") != "public, max-age=1" || etag == "" || len(a.Cookies()) != 0 {
		t.Fatalf("%d %v", a.StatusCode, a.Header)
	}
	for _, key := range []string{"sale", "epoch", "state", "opens_at", "waiting", "active", "capacity", "rate_per_minute", "serving", "anchors", "draw", "message", "poll_after_ms", "as_of"} {
		if _, ok := a.json[key]; !ok {
			t.Errorf("no %s in %s", key, a.text)
		}
	}
	if same := g.call("GET", linePath, "", "If-None-Match", etag); same.StatusCode != 304 || same.text != "" {
		t.Errorf("If-None-Match: %d %q", same.StatusCode, same.text)
	}
	second := w.gateway()
	if b := second.call("GET", linePath, ""); b.text != a.text || b.Header.Get("ETag") != etag {
		t.Errorf("another gateway: %s %s\n%s", b.Header.Get("ETag"), b.text, a.text)
	}
}

func TestLinesByBrowserNeedNoAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.line(sale, func(p *queue.Policy) { p.State, p.Identity = queue.Paused, queue.ByBrowser })
	g := w.gateway()
	a := g.call("POST", linePath+"/places", "")
	b := g.call("POST", linePath+"/places", "")
	if a.StatusCode != 201 || b.StatusCode != 201 || a.json["n"] == b.json["n"] {
		t.Fatalf("%s\n%s", a.text, b.text)
	}
	again := g.call("POST", linePath+"/places", "", "Place-Token", a.json["place_token"].(string))
	if again.StatusCode != 200 || again.json["n"] != a.json["n"] {
		t.Errorf("the same browser: %d %s", again.StatusCode, again.text)
	}
	ref, err := w.tokens.Verify(a.json["place_token"].(string), sale)
	if err != nil || len(ref.Subject) < 20 {
		t.Errorf("subject %q, %v", ref.Subject, err)
	}
}

func TestFormsWorkWithoutJavaScript(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.line(sale, func(p *queue.Policy) { p.Identity = queue.ByBrowser })
	g := w.gateway()
	if a := g.call("POST", "/q/"+sale+"/join", "", "Origin", "https://evil.example"); a.StatusCode != 403 {
		t.Errorf("a form of another site: %d", a.StatusCode)
	}
	if a := g.call("GET", "/q/"+sale+"?plain=1", ""); a.StatusCode != 200 || !strings.Contains(a.text, `action="/q/`+sale+`/join"`) || len(a.Cookies()) != 0 {
		t.Fatalf("before joining: %d %v %s", a.StatusCode, a.Cookies(), a.text)
	}
	joined := g.call("POST", "/q/"+sale+"/join", "", "Origin", g.base)
	if joined.StatusCode != 303 || joined.Header.Get("Location") != "/q/"+sale+"?plain=1" || joined.cookie("place_"+sale) == nil {
		t.Fatalf("join: %d %v", joined.StatusCode, joined.Header)
	}
	cookie := "place_" + sale + "=" + joined.cookie("place_"+sale).Value
	eventually(t, "the form lets the fan in", func() bool {
		if a := g.call("GET", "/q/"+sale+"?plain=1", "", "Cookie", cookie); a.StatusCode != 200 || !strings.Contains(a.text, "/q/"+sale+"/enter") {
			t.Fatalf("waiting: %d %s", a.StatusCode, a.text)
		}
		a := g.call("POST", "/q/"+sale+"/enter", "", "Cookie", cookie, "Origin", g.base)
		if a.StatusCode != 303 {
			t.Fatalf("enter: %d %s", a.StatusCode, a.text)
		}
		return a.Header.Get("Location") == "/sales/"+sale+"/seats" && a.cookie("entry_pass_"+sale) != nil
	})
	if a := g.call("POST", "/q/"+sale+"/enter", "", "Origin", g.base); a.StatusCode != 303 || a.Header.Get("Location") != "/q/"+sale+"?plain=1" {
		t.Errorf("enter without a place: %d %v", a.StatusCode, a.Header)
	}
}

func TestOperatorsChangeALineAtOnceOnEveryGateway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.line(sale, func(p *queue.Policy) { p.State = queue.Paused })
	w.line("another", nil)
	one, two := w.gateway(), w.gateway()
	admin := w.bearer("adm-1", "admin")
	patched := one.call("PATCH", adminPath, `{"capacity":7,"rate_per_minute":60,"message":{"en":"Soon."}}`, "Authorization", admin)
	if patched.StatusCode != 200 || patched.json["capacity"] != 7.0 || patched.json["version"] != 2.0 || patched.json["state"] != "paused" || patched.json["live"] == nil {
		t.Fatalf("patch: %d %s", patched.StatusCode, patched.text)
	}
	if opened := one.call("POST", adminPath+"/resume", "", "Authorization", admin); opened.StatusCode != 200 || opened.json["state"] != "open" {
		t.Fatalf("resume: %d %s", opened.StatusCode, opened.text)
	}
	for _, g := range []*gateway{one, two} {
		eventually(t, "both gateways show it", func() bool {
			a := g.call("GET", linePath, "")
			return a.json["state"] == "open" && a.json["capacity"] == 7.0 && a.json["message"].(map[string]any)["en"] == "Soon."
		})
	}
	list := two.call("GET", "/v1/admin/queues?limit=1", "", "Authorization", admin)
	items := list.json["items"].([]any)
	if len(items) != 1 || items[0].(map[string]any)["sale"] != "another" || list.json["next_cursor"] != "another" {
		t.Fatalf("list: %s", list.text)
	}
	rest := two.call("GET", "/v1/admin/queues?limit=1&cursor=another", "", "Authorization", admin)
	if items := rest.json["items"].([]any); len(items) != 1 || items[0].(map[string]any)["sale"] != sale || rest.json["next_cursor"] != nil {
		t.Fatalf("rest: %s", rest.text)
	}
}

func TestABrandNewLineIsAtEveryGatewayAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.line("old", nil) // once it is here, so is the list of lines
	gateways := []*gateway{w.gateway(), w.gateway()}
	w.line("brand-new", nil)
	for i, g := range gateways {
		if a := g.call("GET", "/v1/queues/brand-new", ""); a.StatusCode != http.StatusOK {
			t.Errorf("gateway %d: %d %s", i+1, a.StatusCode, a.text)
		}
		if a := g.call("GET", "/v1/queues/never-made", ""); a.StatusCode != http.StatusNotFound || a.code() != "sale_not_found" {
			t.Errorf("gateway %d, a line that is not there: %d %s", i+1, a.StatusCode, a.text)
		}
	}
}

func TestASoldOutSaleSaysSoAndLetsEverybodyGo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.line(sale, paused)
	g := w.gateway()
	token, _ := g.join(w, "acc-1")
	if err := w.store.SetSoldOut(context.Background(), sale, true); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the status says so", func() bool { return g.call("GET", linePath, "").json["state"] == "sold_out" })
	if a := g.call("POST", linePath+"/places", "", "Authorization", w.bearer("acc-2", "fan")); a.StatusCode != 409 || a.code() != "sold_out" {
		t.Errorf("join: %d %s", a.StatusCode, a.text)
	}
	if a := g.call("GET", placePath, "", "Place-Token", token); a.json["state"] != "expired" || a.json["reason"] != "sold_out" {
		t.Errorf("places/me: %s", a.text)
	}
	if a := g.call("POST", placePath+"/entry", "", "Place-Token", token); a.StatusCode != 410 || a.code() != "sold_out" {
		t.Errorf("entry: %d %s", a.StatusCode, a.text)
	}
	if err := w.store.SetSoldOut(context.Background(), sale, false); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the place is back", func() bool { return g.call("GET", placePath, "", "Place-Token", token).json["state"] == "waiting" })
}

func TestRateLimitsSayWhenToComeBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.line(sale, paused)
	g := w.gateway("JOINS_PER_MINUTE=2", "TRUSTED_PROXIES=127.0.0.1")
	fan := w.bearer("acc-1", "fan")
	for range 2 {
		if a := g.call("POST", linePath+"/places", "", "Authorization", fan); a.StatusCode > 201 {
			t.Fatalf("%d %s", a.StatusCode, a.text)
		}
	}
	a := g.call("POST", linePath+"/places", "", "Authorization", fan)
	if a.StatusCode != 429 || a.code() != "rate_limited" || a.Header.Get("Retry-After") == "" || a.Header.Get("RateLimit") == "" || a.Header.Get("RateLimit-Policy") == "" {
		t.Errorf("%d %s %v", a.StatusCode, a.text, a.Header)
	}
	if a := g.call("POST", linePath+"/places", "", "Authorization", fan, "X-Forwarded-For", "203.0.113.9"); a.StatusCode != 200 {
		t.Errorf("another address behind a trusted proxy: %d", a.StatusCode)
	}
}
