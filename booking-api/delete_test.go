package bookingapi

import (
	"net/http"
	"net/url"
	"testing"
)

// TestAnAccountIsDeletedByAForm: a browser without scripts has the refresh cookie alone.
// A wrong password costs it neither the account nor the log-in.
func TestAnAccountIsDeletedByAForm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const email, password, carried = "goes@browser.test", "Secret-12345", "; place_demo-onsale=p; entry_pass_demo-onsale=e"
	who := map[string]any{"email": email, "password": password}
	w.call("POST", "/v1/auth/signup", map[string]any{"email": email, "password": password, "name": "a"}).is(201)
	refresh := func(answer *http.Response) string { return "refresh_token=" + cookieOf(answer, "refresh_token").Value }
	cookies := refresh(w.call("POST", "/v1/auth/login", who).is(200).asResponse())

	wrong := w.form("/v1/auth/forms/delete", url.Values{"password": {"Other-12345"}}, cookies+carried)
	if at := wrong.Header.Get("Location"); wrong.StatusCode != 303 || at != "/me/delete?fault=wrong" {
		t.Fatalf("a wrong password: %d to %q", wrong.StatusCode, at)
	}
	wantCleared(t, "a wrong password", wrong, false)
	w.call("POST", "/v1/auth/login", who).is(200)

	gone := w.form("/v1/auth/forms/delete", url.Values{"password": {password}}, refresh(wrong)+carried)
	if at := gone.Header.Get("Location"); gone.StatusCode != 303 || at != "/goodbye" {
		t.Fatalf("the right password: %d to %q", gone.StatusCode, at)
	}
	wantCleared(t, "the account is deleted", gone, true)
	for _, name := range []string{"refresh_token", "fairgate_who", "access_token"} {
		if cookie := cookieOf(gone, name); cookie == nil || cookie.MaxAge >= 0 {
			t.Errorf("the cookie %s is left: %v", name, cookie)
		}
	}
	w.call("POST", "/v1/auth/login", who).is(401, "invalid_credentials")
	out := w.form("/v1/auth/forms/delete", url.Values{"password": {password}}, "")
	if at := out.Header.Get("Location"); out.StatusCode != 303 || at != "/login?next=%2Fme%2Fdelete" {
		t.Errorf("nobody is logged in: %d to %q", out.StatusCode, at)
	}
}
