//go:build acceptance

package acceptance

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

func TestProblems(t *testing.T) {
	t.Parallel()
	for _, nowhere := range []string{"/v1/nowhere", "/nowhere", "/v1/queues", "/v1/queues/demo-onsale/nowhere", "/v1/bookings/x/nowhere", "/v1/admin/nowhere"} {
		call(t, "GET", nowhere).problem(404, "not_found")
		call(t, "POST", nowhere, text("{}")).is(404, 405)
	}
	for _, wrong := range []string{"PUT /v1/queues/demo-onsale", "GET /v1/queues/demo-onsale/places", "POST /v1/sales/demo-onsale", "DELETE /v1/bookings", "GET /v1/payments/confirm",
		"PUT /v1/me", "GET /v1/auth/login", "POST /v1/venues", "POST /q/demo-onsale", "PUT /v1/queues/demo-onsale/places/me", "GET /v1/queues/demo-onsale/places/me/entry",
		"PATCH /v1/admin/queues", "POST /.well-known/jwks.json"} {
		method, path, _ := strings.Cut(wrong, " ")
		if a := call(t, method, path).problem(405, "method_not_allowed"); a.header.Get("Allow") == "" {
			t.Errorf("%s: no Allow", wrong)
		}
	}
	call(t, "POST", "/v1/auth/login", text(`{"email":"`+strings.Repeat("a", 2<<20)+`"}`)).problem(413, "body_too_large")
	call(t, "POST", "/v1/auth/login", text(`{"email":`)).problem(400, "malformed_json")
	call(t, "POST", "/v1/auth/login", text(`[]`)).problem(422, "validation_failed")
	a := call(t, "POST", "/v1/auth/login", text(`{"email":1,"surprise":2}`)).problem(422, "validation_failed")
	list, _ := a.object()["errors"].([]any)
	if len(list) == 0 {
		t.Fatalf("no errors[] in %s", a.raw)
	}
	for _, item := range list {
		has(t, "errors[]", item.(map[string]any), "location string", "message string")
	}
}

func TestTextThatNobodyKeeps(t *testing.T) {
	t.Parallel()
	f := newFan(t)
	call(t, "POST", "/v1/auth/login", text(`{"email":"a\u0000@b.test","password":"x"}`)).problem(422, "validation_failed")
	call(t, "POST", "/v1/auth/login", text("{\"email\":\"\xff\"}")).problem(400, "malformed_json")
	call(t, "GET", "/v1/performances?q=%00").problem(422, "validation_failed")
	call(t, "GET", "/v1/performances?q=%ff").problem(422, "validation_failed")
	call(t, "POST", "/v1/payments/confirm", bearer(f.token), newKey(), text(`{"order_id":"\u0000","amount":1}`)).problem(422, "validation_failed")
	call(t, "POST", "/v1/payments/confirm", bearer(f.token), key("\xe9"), text(`{"order_id":"x","amount":1}`)).problem(400, "idempotency_key_required")
	call(t, "GET", "/v1/bookings/%00", bearer(f.token)).is(404)
	call(t, "GET", "/v1/venues/%ff").is(404)
}

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	ids := map[string]bool{}
	for _, path := range []string{"/healthz", "/v1/queues/demo-onsale", "/v1/sales/demo-onsale", "/", "/q/demo-onsale", "/openapi.json", "/v1/venues"} {
		a := call(t, "GET", path).is(200)
		if all := a.header.Values("X-Request-Id"); len(all) != 1 || ids[all[0]] {
			t.Errorf("%s: X-Request-Id %v, want one of its own", path, all)
		}
		ids[a.header.Get("X-Request-Id")] = true
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	call(t, "GET", "/healthz").is(200)
	call(t, "GET", "/readyz").is(200)
	for _, inner := range []string{"/metrics", "/debug/pprof/"} {
		call(t, "GET", inner).is(404)
	}
}

func TestPassKeys(t *testing.T) {
	t.Parallel()
	a := call(t, "GET", "/.well-known/jwks.json").is(200).has("keys array")
	s := queuedSale(t, 1, nil)
	f := newFan(t)
	_, entryPass := enter(t, s, f)
	parts := strings.Split(entryPass, ".")
	var head struct{ Alg, Typ, Kid string }
	decode(t, parts[0], &head)
	if head.Alg != "EdDSA" || head.Typ != "entry+jwt" {
		t.Errorf("the pass is %+v", head)
	}
	claims := claimsOf(t, entryPass)
	if claims["sub"] != f.id || claims["sale"] != s.id || !strings.Contains(fmtJSON(claims["aud"]), "booking-api") {
		t.Errorf("the pass says %v", claims)
	}
	for _, name := range []string{"epoch", "n", "exp"} {
		has(t, "pass", claims, name+" number")
	}
	has(t, "pass", claims, "jti string")
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range a.object()["keys"].([]any) {
		k := item.(map[string]any)
		has(t, "JWK", k, "kty string", "crv string", "x string", "kid string", "alg string", "use string")
		if _, secret := k["d"]; secret {
			t.Error("a public key shows its secret")
		}
		x, err := base64.RawURLEncoding.DecodeString(k["x"].(string))
		if err != nil || len(x) != ed25519.PublicKeySize {
			t.Fatalf("x is %v", k["x"])
		}
		if k["kid"] == head.Kid && ed25519.Verify(x, []byte(parts[0]+"."+parts[1]), signature) {
			return
		}
	}
	t.Errorf("no key %s that verifies the pass in %s", head.Kid, a.raw)
}

func decode(t *testing.T, part string, into any) {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(part)
	if err == nil {
		err = json.Unmarshal(raw, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func fmtJSON(v any) string {
	raw, _ := json.Marshal(v)
	return string(raw)
}

func TestDocument(t *testing.T) {
	t.Parallel()
	a := call(t, "GET", "/openapi.json").is(200).has("openapi string", "info object", "paths object")
	if !strings.HasPrefix(a.text("openapi"), "3.1") {
		t.Errorf("OpenAPI %s", a.text("openapi"))
	}
	paths := map[string]map[string]any{}
	unnamed := regexp.MustCompile(`\{[a-z_]+\}`)
	for path, item := range a.object()["paths"].(map[string]any) {
		paths[unnamed.ReplaceAllString(path, "{}")] = item.(map[string]any)
	}
	for _, route := range []string{
		"get /q/{}", "post /v1/queues/{}/places", "get /v1/queues/{}", "get /v1/queues/{}/places/me", "delete /v1/queues/{}/places/me", "post /v1/queues/{}/places/me/presence",
		"get /v1/queues/{}/places/me/events", "post /v1/queues/{}/places/me/entry", "get /.well-known/jwks.json", "get /v1/admin/queues", "get /v1/admin/queues/{}",
		"patch /v1/admin/queues/{}", "post /v1/admin/queues/{}/{}", "post /v1/auth/signup", "post /v1/auth/login", "post /v1/auth/refresh", "post /v1/auth/logout",
		"get /v1/me", "patch /v1/me", "delete /v1/me", "get /v1/venues", "get /v1/venues/{}", "get /v1/performers", "get /v1/performers/{}", "get /v1/performances",
		"get /v1/performances/{}", "get /v1/performances/{}/showtimes", "get /v1/sales/{}", "get /v1/showtimes/{}", "get /v1/showtimes/{}/seatmap",
		"get /v1/showtimes/{}/availability", "get /v1/showtimes/{}/availability/events", "post /v1/showtimes/{}/holds", "get /v1/holds/{}", "delete /v1/holds/{}",
		"post /v1/bookings", "get /v1/bookings", "get /v1/bookings/{}", "post /v1/bookings/{}/cancel", "post /v1/payments/confirm", "post /v1/webhooks/toss",
		"get /v1/bookings/{}/tickets", "get /v1/me/notifications", "get /v1/me/notifications/events",
	} {
		method, path, _ := strings.Cut(route, " ")
		operation, _ := paths[path][method].(map[string]any)
		if operation == nil {
			t.Errorf("the document lacks %s", route)
			continue
		}
		if responses, _ := operation["responses"].(map[string]any); len(responses) == 0 {
			t.Errorf("%s has no responses", route)
		}
	}
	page := call(t, "GET", "/docs").is(200)
	if foreign := regexp.MustCompile(`(?:src|href)="(?:https?:)?//[^"]*`).FindAllString(string(page.raw), -1); len(foreign) > 0 {
		t.Errorf("/docs loads %v", foreign)
	}
}
