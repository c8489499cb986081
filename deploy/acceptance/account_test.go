//go:build acceptance

package acceptance

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

func signUp(t *testing.T, email, secret string) answer {
	t.Helper()
	return call(t, "POST", "/v1/auth/signup", body(map[string]any{"email": email, "password": secret, "name": "하늘"}))
}

func TestSignUp(t *testing.T) {
	t.Parallel()
	email := unique("new") + "@example.test"
	made, _ := signUp(t, email, password).is(201).object()["account"].(map[string]any)
	has(t, "account", made, "id string", "email string", "name string", "role string")
	if made["email"] != email || made["role"] != "fan" {
		t.Errorf("signed up as %v", made)
	}
	signUp(t, email, password).problem(409, "email_taken")
	signUp(t, strings.ToUpper(email), password).problem(409, "email_taken")
	for _, weak := range []string{"Ab-4567", "12345678-", "Abcdefgh-", "Abcdefg1", strings.Repeat("Ab-1", 18) + "x", ""} {
		a := signUp(t, unique("weak")+"@example.test", weak).problem(422, "validation_failed")
		if list, _ := a.object()["errors"].([]any); len(list) == 0 {
			t.Errorf("password %q: no errors[] in %s", weak, a.raw)
		}
	}
	for _, good := range []string{"Abcdef-1", strings.Repeat("Ab-1", 18)} {
		signUp(t, unique("good")+"@example.test", good).is(201)
	}
	signUp(t, "no address", password).problem(422, "validation_failed")
}

func TestRoleIsNotTakenFromTheCaller(t *testing.T) {
	t.Parallel()
	email := unique("chief") + "@example.test"
	call(t, "POST", "/v1/auth/signup", body(map[string]any{"email": email, "password": password, "name": "x", "role": "admin"})).problem(422, "validation_failed")
	f := newFan(t)
	call(t, "PATCH", "/v1/me", bearer(f.token), body(map[string]any{"role": "admin"})).problem(422, "validation_failed")
}

func TestLogIn(t *testing.T) {
	t.Parallel()
	f := newFan(t)
	a := logIn(t, f.email, password).is(200).has("access_token string", "expires_in number")
	if a.number("expires_in") != 900 {
		t.Errorf("a token of %d s, want 15 minutes", a.number("expires_in"))
	}
	claims := claimsOf(t, a.text("access_token"))
	if claims["sub"] != f.id || claims["role"] != "fan" {
		t.Errorf("the token says %v", claims)
	}
	c := a.setCookie("refresh_token")
	if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/v1/auth" {
		t.Errorf("cookie %v is not HttpOnly, SameSite=Lax, of path /v1/auth", c)
	}
	if a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("tokens with Cache-Control %q", a.header.Get("Cache-Control"))
	}
	wrong, unknown := logIn(t, f.email, "Wrong-pass-1"), logIn(t, unique("nobody")+"@example.test", "Wrong-pass-1")
	if wrong.status != 401 || !wrong.same(unknown) {
		t.Errorf("log-in tells who exists: %s, %s", wrong.raw, unknown.raw)
	}
}

func claimsOf(t *testing.T, token string) map[string]any {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(raw, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func TestLogInIsLimited(t *testing.T) {
	t.Parallel()
	f := newFan(t)
	for range 10 {
		logIn(t, f.email, "Wrong-pass-1").is(401)
	}
	a := logIn(t, f.email, "Wrong-pass-1").problem(429, "rate_limited")
	for _, name := range []string{"Retry-After", "RateLimit", "RateLimit-Policy"} {
		if a.header.Get(name) == "" {
			t.Errorf("429 without %s", name)
		}
	}
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	refresh := func(token string, more ...option) answer {
		return call(t, "POST", "/v1/auth/refresh", append(more, cookie("refresh_token", token))...)
	}
	first := logIn(t, newFan(t).email, password).is(200).setCookie("refresh_token").Value
	refresh(first).problem(403, "forbidden")
	refresh(first, header("Origin", "https://evil.example")).problem(403, "forbidden")
	second := refresh(first, sameSite()).is(200).has("access_token string", "expires_in number").setCookie("refresh_token").Value
	if second == first {
		t.Fatal("the refresh token is not rotated")
	}
	third := refresh(second, header("Origin", system(t).url)).is(200).setCookie("refresh_token").Value
	refresh(first, sameSite()).is(401)
	refresh(third, sameSite()).is(401) // reuse of an old one ends them all
	call(t, "POST", "/v1/auth/refresh", sameSite()).is(401)
	refresh("rubbish", sameSite()).is(401)
}

func TestLogOut(t *testing.T) {
	t.Parallel()
	token := logIn(t, newFan(t).email, password).is(200).setCookie("refresh_token").Value
	a := call(t, "POST", "/v1/auth/logout", cookie("refresh_token", token), sameSite()).is(200, 204)
	if c := a.setCookie("refresh_token"); c.MaxAge >= 0 && c.Value != "" {
		t.Errorf("logging out leaves the cookie %v", c)
	}
	call(t, "POST", "/v1/auth/refresh", cookie("refresh_token", token), sameSite()).is(401)
}

func TestMe(t *testing.T) {
	t.Parallel()
	call(t, "GET", "/v1/me").problem(401, "unauthenticated")
	call(t, "PATCH", "/v1/me", text("{")).problem(401, "unauthenticated")
	call(t, "DELETE", "/v1/me").problem(401, "unauthenticated")
	f := newFan(t)
	me := call(t, "GET", "/v1/me", bearer(f.token)).is(200)
	if who := profile(me); who["email"] != f.email || who["id"] != f.id {
		t.Errorf("/v1/me says %s", me.raw)
	}
	call(t, "GET", "/v1/me", bearer(tampered(f.token))).problem(401, "unauthenticated")
	call(t, "PATCH", "/v1/me", bearer(f.token), text("{")).problem(400, "malformed_json")
	call(t, "PATCH", "/v1/me", bearer(f.token), text(`{"name":5}`)).problem(422, "validation_failed")
	call(t, "PATCH", "/v1/me", bearer(f.token), body(map[string]any{"name": "새 이름"})).is(200)
	if who := profile(call(t, "GET", "/v1/me", bearer(f.token))); who["name"] != "새 이름" {
		t.Errorf("the changed name is %v", who["name"])
	}
	call(t, "PATCH", "/v1/me", bearer(f.token)).is(200)
	call(t, "DELETE", "/v1/me", bearer(f.token)).problem(422, "validation_failed")
	call(t, "DELETE", "/v1/me", bearer(f.token), body(map[string]any{"password": "Wrong-pass-1"})).is(403)
	call(t, "DELETE", "/v1/me", bearer(f.token), body(map[string]any{"password": password})).is(204)
	logIn(t, f.email, password).is(401)
	call(t, "GET", "/v1/me", bearer(f.token)).problem(401, "unauthenticated")
}

// profile is the account in an answer, bare or as member account.
func profile(a answer) map[string]any {
	if inner, ok := a.object()["account"].(map[string]any); ok {
		return inner
	}
	return a.object()
}
