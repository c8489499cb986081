package bookingapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/fairgate/fairgate/shared/platform/jwks"
)

func TestAccountFromSignUpToDeletion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	origin := []string{"Origin", w.base}
	const password = "Secret-12345"
	made := w.call("POST", "/v1/auth/signup", map[string]any{"email": "Fan@Example.test", "password": password, "name": "하늘"}).is(201)
	if made.str("account.email") != "fan@example.test" || made.str("account.role") != "fan" {
		t.Errorf("account: %s", made.text)
	}
	w.call("POST", "/v1/auth/signup", map[string]any{"email": "fan@example.test", "password": password, "name": "x"}).is(409, "email_taken")
	w.call("POST", "/v1/auth/signup", map[string]any{"email": "a@b.test", "password": "short", "name": "x"}).is(422, "validation_failed")
	w.call("POST", "/v1/auth/signup", map[string]any{"email": "a@b.test", "password": password, "name": "x", "role": "admin"}).is(422, "validation_failed")

	w.call("POST", "/v1/auth/login", map[string]any{"email": "fan@example.test", "password": "wrong"}).is(401, "invalid_credentials")
	w.call("POST", "/v1/auth/login", map[string]any{"email": "nobody@example.test", "password": "wrong"}).is(401, "invalid_credentials")
	in := w.call("POST", "/v1/auth/login", map[string]any{"email": "fan@example.test", "password": password}).is(200)
	first := in.cookie("refresh_token")
	if !first.HttpOnly || first.SameSite != http.SameSiteLaxMode || first.Path != "/v1/auth" || in.body["expires_in"] != 900.0 {
		t.Errorf("cookie %v, answer %s", first, in.text)
	}
	if stream := in.cookie("access_token"); !stream.HttpOnly || stream.Path != "/v1/me/notifications" || stream.Value != in.str("access_token") {
		t.Errorf("cookie of the notifications' stream: %v", stream)
	}
	w.verifyAccessToken(in.str("access_token"), made.str("account.id"))
	auth := []string{"Authorization", "Bearer " + in.str("access_token")}
	if me := w.call("GET", "/v1/me", nil, auth...).is(200); me.str("account.id") != made.str("account.id") {
		t.Errorf("me: %s", me.text)
	}
	if me := w.call("PATCH", "/v1/me", map[string]any{"locale": "en"}, auth...).is(200); me.str("account.locale") != "en" || me.str("account.name") != "하늘" {
		t.Errorf("changed: %s", me.text)
	}
	w.call("PATCH", "/v1/me", map[string]any{"name": " "}, auth...).is(422, "validation_failed")

	cookie := func(c *http.Cookie) []string { return []string{"Cookie", c.Name + "=" + c.Value} }
	w.call("POST", "/v1/auth/refresh", nil, cookie(first)...).is(403, "forbidden")
	w.call("POST", "/v1/auth/refresh", nil, with(cookie(first), []string{"Origin", "https://evil.test"})...).is(403, "forbidden")
	w.call("POST", "/v1/auth/refresh", nil, origin...).is(401, "refresh_token_invalid")
	second := w.call("POST", "/v1/auth/refresh", nil, with(cookie(first), origin)...).is(200).cookie("refresh_token")
	if second.Value == first.Value {
		t.Error("the refresh token was not rotated")
	}
	newest := w.call("POST", "/v1/auth/refresh", nil, with(cookie(second), origin)...).is(200).cookie("refresh_token")
	w.call("POST", "/v1/auth/refresh", nil, with(cookie(first), origin)...).is(401, "refresh_token_invalid")
	w.call("POST", "/v1/auth/refresh", nil, with(cookie(newest), origin)...).is(401, "refresh_token_invalid")

	third := w.call("POST", "/v1/auth/login", map[string]any{"email": "fan@example.test", "password": password}).is(200).cookie("refresh_token")
	if gone := w.call("POST", "/v1/auth/logout", nil, with(cookie(third), origin)...).is(204).cookie("refresh_token"); gone.MaxAge >= 0 {
		t.Errorf("log-out leaves the cookie: %v", gone)
	}
	w.call("POST", "/v1/auth/refresh", nil, with(cookie(third), []string{"Sec-Fetch-Site", "same-origin"})...).is(401, "refresh_token_invalid")

	w.call("DELETE", "/v1/me", map[string]any{"password": "wrong"}, auth...).is(403, "wrong_password")
	w.call("DELETE", "/v1/me", map[string]any{"password": password}, auth...).is(204)
	w.call("GET", "/v1/me", nil, auth...).is(401, "unauthenticated")
}

// An access token lives for a quarter of an hour; that of a deleted account is worth
// nothing at once, also where nobody asks for the account.
func TestADeletedAccountsTokenDoesNothing(t *testing.T) {
	t.Parallel()
	const password = "Secret-12345"
	w := newWorld(t)
	_, showtime := w.sale(map[string]any{"seats": 4})
	who := map[string]any{"email": "gone@example.test", "password": password, "name": "하늘"}
	w.call("POST", "/v1/auth/signup", who).is(201)
	delete(who, "name")
	auth := []string{"Authorization", "Bearer " + w.call("POST", "/v1/auth/login", who).is(200).str("access_token")}
	w.call("DELETE", "/v1/me", map[string]any{"password": password}, auth...).is(204)
	keyed := append([]string{"Idempotency-Key", "after-the-end"}, auth...)
	for _, c := range []struct {
		method, path string
		body         map[string]any
	}{
		{"POST", "/v1/showtimes/" + showtime + "/holds", map[string]any{"seats": []string{"1F-A-1"}}},
		{"POST", "/v1/bookings", map[string]any{"hold_id": "hld-1"}},
		{"POST", "/v1/bookings/bkg-1/cancel", map[string]any{"reason": "x"}},
		{"POST", "/v1/payments/confirm", map[string]any{"order_id": "ord-1", "amount": 1, "payment_key": "k"}},
		{"GET", "/v1/bookings", nil},
		{"GET", "/v1/me/notifications/events", nil},
	} {
		var sent any
		if c.body != nil {
			sent = c.body
		}
		w.call(c.method, c.path, sent, keyed...).is(401, "unauthenticated")
	}
}

// verifyAccessToken checks a token as the other services do, with the published keys.
func (w *world) verifyAccessToken(token, accountID string) {
	w.t.Helper()
	var set jwks.Set
	keys := w.call("GET", "/.well-known/jwks.json", nil).is(200)
	w.call("GET", "/.well-known/jwks.json", nil, "If-None-Match", keys.header.Get("ETag")).is(304)
	if err := json.Unmarshal([]byte(keys.text), &set); err != nil {
		w.t.Fatal(err)
	}
	var claims struct {
		jwt.RegisteredClaims
		Role, Name string
	}
	err := jwks.Verify(context.Background(), set, token, jwks.Rules{Typ: "at+jwt", Issuer: "fairgate", Audience: "fairgate"}, &claims)
	if err != nil || claims.Subject != accountID || claims.Role != "fan" || claims.Name != "하늘" {
		w.t.Errorf("access token: %+v, %v", claims, err)
	}
}

func TestOnlyGoodAccessTokensPass(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.fans(1)[0]
	good := f.auth[1]
	other := signer(t, 9)
	forged, err := other.Sign(jwt.MapClaims{"iss": "fairgate", "aud": "fairgate", "sub": f.id, "exp": 4102444800}, "at+jwt")
	if err != nil {
		t.Fatal(err)
	}
	for name, header := range map[string]string{
		"none": "", "no scheme": good[len("Bearer "):], "basic": "Basic " + good[len("Bearer "):], "cut": good[:len(good)-4], "forged": "Bearer " + forged,
	} {
		a := w.call("GET", "/v1/me", nil, "Authorization", header)
		if a.status != 401 || a.body["code"] != "unauthenticated" {
			t.Errorf("%s: %d %s", name, a.status, a.text)
		}
	}
	w.call("GET", "/v1/me", nil, f.auth...).is(200)
}

func TestLogInLimitHasHeaders(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "FAILED_LOGINS_PER_MINUTE=2")
	wrong := map[string]any{"email": "a@b.test", "password": "wrong"}
	for range 2 {
		w.call("POST", "/v1/auth/login", wrong).is(401, "invalid_credentials")
	}
	a := w.call("POST", "/v1/auth/login", wrong).is(429, "rate_limited")
	if a.header.Get("Retry-After") == "" || a.header.Get("RateLimit") == "" || a.header.Get("RateLimit-Policy") != `"login";q=2;w=60` {
		t.Errorf("headers: %v", a.header)
	}
}

func TestManyAccountsForLoadRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made := w.call("POST", "/v1/dev/accounts", map[string]any{"count": 10_000, "prefix": "many"}).is(201)
	items := made.items()
	if len(items) != 10_000 {
		t.Fatalf("%d accounts", len(items))
	}
	last := items[len(items)-1]
	w.call("GET", "/v1/me", nil, "Authorization", fmt.Sprint("Bearer ", last["access_token"])).is(200)
	w.call("POST", "/v1/auth/login", map[string]any{"email": last["email"], "password": made.str("password")}).is(200)
	w.call("POST", "/v1/dev/accounts", map[string]any{"count": 1, "prefix": "many"}).is(409, "email_taken")
}

// What was erased is not made again by a load run, either.
func TestAnErasedAddressIsNotUsedByALoadRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	again := func() answer {
		return w.call("POST", "/v1/dev/accounts", map[string]any{"count": 1, "prefix": "erased"})
	}
	made := again().is(201)
	w.call("DELETE", "/v1/me", map[string]any{"password": made.str("password")}, "Authorization", fmt.Sprint("Bearer ", made.items()[0]["access_token"])).is(204)
	again().is(409, "email_taken")
}

func TestProductionHasNoDevelopmentRoutes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ENV=production")
	w.call("POST", "/v1/dev/accounts", map[string]any{"count": 1, "prefix": "x"}).is(404, "not_found")
	w.call("POST", "/v1/dev/sales", map[string]any{"seats": 1}).is(404, "not_found")
	w.call("GET", "/v1/venues", nil).is(200)
}
