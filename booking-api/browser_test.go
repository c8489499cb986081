package bookingapi

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// What was somebody's in a browser, their places and passes, is not left to whoever
// uses it next; and the pages can tell who is here.
func TestABrowserIsHandedOnEmpty(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const password = "Secret-12345"
	for _, name := range []string{"a", "b"} {
		w.call("POST", "/v1/auth/signup", map[string]any{"email": name + "@browser.test", "password": password, "name": name}).is(201)
	}
	const carried = "place_demo-onsale=p; entry_pass_demo-onsale=e; place_Other=x; language=ko"
	api := func(name, cookies string) *http.Response {
		return w.call("POST", "/v1/auth/login", map[string]any{"email": name + "@browser.test", "password": password}, "Cookie", cookies).is(200).asResponse()
	}
	form := func(name, cookies string) *http.Response {
		return w.form("/login", url.Values{"email": {name + "@browser.test"}, "password": {password}}, cookies)
	}
	for way, logIn := range map[string]func(name, cookies string) *http.Response{"api": api, "form": form} {
		guest := logIn("a", carried)
		wantCleared(t, way+": a guest who logs in", guest, false)
		who := cookieOf(guest, "fairgate_who")
		if who == nil || who.Value == "" || who.HttpOnly || who.Path != "/" || who.SameSite != http.SameSiteLaxMode || who.MaxAge != cookieOf(guest, "refresh_token").MaxAge {
			t.Fatalf("%s: who is here: %v", way, who)
		}
		wantCleared(t, way+": the same account", logIn("a", carried+"; fairgate_who="+who.Value), false)
		other := logIn("b", carried+"; fairgate_who="+who.Value)
		wantCleared(t, way+": another account", other, true)
		if next := cookieOf(other, "fairgate_who"); next.Value == who.Value {
			t.Errorf("%s: two accounts look alike: %v", way, next)
		}
		refresh := "refresh_token=" + cookieOf(other, "refresh_token").Value
		renewed := w.call("POST", "/v1/auth/refresh", nil, "Origin", w.base, "Cookie", refresh).is(200)
		if now := cookieOf(renewed.asResponse(), "fairgate_who"); now == nil || now.Value != cookieOf(other, "fairgate_who").Value {
			t.Errorf("%s: renewed: %v", way, now)
		}
	}
	for way, out := range map[string]*http.Response{
		"api":  w.call("POST", "/v1/auth/logout", nil, "Origin", w.base, "Cookie", carried).is(204).asResponse(),
		"form": w.form("/v1/auth/forms/logout", url.Values{}, carried),
	} {
		wantCleared(t, way+": log-out", out, true)
		if who := cookieOf(out, "fairgate_who"); who == nil || who.MaxAge >= 0 {
			t.Errorf("%s: log-out leaves %v", way, who)
		}
	}
}

// However many cookies a request carries, an answer's head stays small.
func TestALogOutClearsFiftyLinesAtMost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	names := make([]string, 90)
	for i := range names {
		names[i] = fmt.Sprintf("place_s%d=x", i)
	}
	out := w.call("POST", "/v1/auth/logout", nil, "Origin", w.base, "Cookie", strings.Join(names, "; ")).is(204)
	cleared := 0
	for _, cookie := range out.asResponse().Cookies() {
		if strings.HasPrefix(cookie.Name, "place_") {
			cleared++
		}
	}
	if cleared != 50 {
		t.Errorf("%d cookies cleared, want 50", cleared)
	}
}

func wantCleared(t *testing.T, what string, answer *http.Response, want bool) {
	t.Helper()
	for _, name := range []string{"place_demo-onsale", "entry_pass_demo-onsale"} {
		cookie := cookieOf(answer, name)
		if got := cookie != nil && cookie.MaxAge < 0 && cookie.Path == "/"; got != want {
			t.Errorf("%s: %s cleared: %v, want %v", what, name, got, want)
		}
	}
	for _, name := range []string{"place_Other", "language"} {
		if cookie := cookieOf(answer, name); cookie != nil {
			t.Errorf("%s: %v", what, cookie)
		}
	}
}

func (a answer) asResponse() *http.Response { return &http.Response{Header: a.header} }

func cookieOf(answer *http.Response, name string) *http.Cookie {
	for _, cookie := range answer.Cookies() {
		if cookie.Name == name {
			return cookie
		}
	}
	return nil
}

// form sends a form as a browser without scripts does and expects to be sent on.
func (w *world) form(path string, values url.Values, cookies string) *http.Response {
	w.t.Helper()
	request, err := http.NewRequest(http.MethodPost, w.base+path, strings.NewReader(values.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Origin", w.base)
	request.Header.Set("Cookie", cookies)
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		w.t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusSeeOther {
		w.t.Fatalf("%s: %d", path, answer.StatusCode)
	}
	return answer
}
