package bookingapi

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// amongOthers are the ways in which a cookie comes when another program on the host, or a
// site of the parent domain, has set one of its name: browsers send both.
func amongOthers(name, value string) map[string][]string {
	return map[string][]string{
		"alone":  {"Cookie", name + "=" + value},
		"first":  {"Cookie", fmt.Sprintf("%[1]s=%[2]s; %[1]s=of-another-program", name, value)},
		"last":   {"Cookie", fmt.Sprintf("%[1]s=of-another-program; %[1]s=%[2]s", name, value)},
		"middle": {"Cookie", fmt.Sprintf("%[1]s=x; %[1]s=y; %[1]s=%[2]s; %[1]s=z", name, value)},
	}
}

func TestARefreshTokenIsFoundAmongOthersOfItsName(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	origin := []string{"Origin", w.base}
	who := map[string]any{"email": "two@cookies.test", "password": "Secret-12345", "name": "x"}
	w.call("POST", "/v1/auth/signup", who).is(201)
	delete(who, "name")
	logIn := func() string {
		return w.call("POST", "/v1/auth/login", who).is(200).cookie("refresh_token").Value
	}
	isOver := func(what, token string) {
		t.Helper()
		if a := w.call("POST", "/v1/auth/refresh", nil, with(origin, []string{"Cookie", "refresh_token=" + token})...); a.status != 401 || a.body["code"] != "refresh_token_invalid" {
			t.Errorf("%s: %d %s, want 401 refresh_token_invalid", what, a.status, a.text)
		}
	}
	for way := range amongOthers("", "") {
		next := w.call("POST", "/v1/auth/refresh", nil, with(amongOthers("refresh_token", logIn())[way], origin)...).is(200).cookie("refresh_token").Value
		w.call("POST", "/v1/auth/logout", nil, with(amongOthers("refresh_token", next)[way], origin)...).is(204)
		isOver("logged out, "+way, next)
		next = logIn()
		w.form("/v1/auth/forms/logout", nil, amongOthers("refresh_token", next)[way][1])
		isOver("logged out by form, "+way, next)
	}
	first, second := logIn(), logIn()
	w.call("POST", "/v1/auth/logout", nil, with(origin, []string{"Cookie", fmt.Sprintf("refresh_token=x; refresh_token=%s; refresh_token=%s", first, second)})...).is(204)
	isOver("the first of two log-ins", first)
	isOver("the second of two log-ins", second)
}

// A browser that is logged in is not stopped by what strangers tried, whatever else it
// sends.
func TestALogInKnowsTheBrowserAmongOtherCookies(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "FAILED_LOGINS_PER_MINUTE=2", "FAILED_LOGINS_PER_ACCOUNT=2")
	who := map[string]any{"email": "known@cookies.test", "password": "Secret-12345", "name": "x"}
	w.call("POST", "/v1/auth/signup", who).is(201)
	delete(who, "name")
	wrong := map[string]any{"email": "known@cookies.test", "password": "wrong"}
	at := func(network string) []string { return []string{"X-Forwarded-For", network} }
	mine := w.call("POST", "/v1/auth/login", who, at("10.0.0.2")...).is(200).cookie("refresh_token").Value
	for range 2 {
		w.call("POST", "/v1/auth/login", wrong, at("10.0.0.1")...).is(401)
	}
	w.call("POST", "/v1/auth/login", who, at("10.0.0.2")...).is(429, "rate_limited")
	for way := range amongOthers("", "") {
		answer := w.call("POST", "/v1/auth/login", who, with(at("10.0.0.2"), amongOthers("refresh_token", mine)[way])...)
		if answer.status != 200 {
			t.Fatalf("%s: %d %s", way, answer.status, answer.text)
		}
		mine = answer.cookie("refresh_token").Value
	}
}

// Whoever logs in in a browser that is logged in takes the place of its log-in: the cookie
// of that is gone, so nobody could end it any more.
func TestALogInEndsTheOneItReplaces(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	accounts := map[string]map[string]any{}
	for _, name := range []string{"a", "b"} {
		accounts[name] = map[string]any{"email": name + "@replaced.test", "password": "Secret-12345", "name": name}
		w.call("POST", "/v1/auth/signup", accounts[name]).is(201)
		delete(accounts[name], "name")
	}
	logIn := func(name string, headers ...string) string {
		return w.call("POST", "/v1/auth/login", accounts[name], headers...).is(200).cookie("refresh_token").Value
	}
	refresh := func(token string) answer {
		return w.call("POST", "/v1/auth/refresh", nil, "Origin", w.base, "Cookie", "refresh_token="+token)
	}
	elsewhere := logIn("a")
	for _, next := range []string{"a", "b"} {
		old := logIn("a")
		w.call("POST", "/v1/auth/login", map[string]any{"email": "a@replaced.test", "password": "wrong"}, "Cookie", "refresh_token="+old).is(401)
		old = refresh(old).is(200).cookie("refresh_token").Value // a log-in that fails replaces nothing
		fresh := logIn(next, "Cookie", "refresh_token="+old)
		refresh(old).is(401, "refresh_token_invalid")
		refresh(fresh).is(200)
	}
	refresh(elsewhere).is(200)
}

func TestAPassIsFoundAmongOtherCookiesOfItsName(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.fans(1)[0]
	saleID, showtime := w.sale(map[string]any{"seats": 20})
	pass := w.pass(w.passes, w.session(saleID, f), f.id)
	seats, n := w.seats(showtime, 4), 0
	for way, cookie := range amongOthers("entry_pass_"+saleID, pass) {
		for _, end := range []string{"", " "} { // the short way, and the described one
			body := seatsBody(seats[n%4]) + end
			held := w.call("POST", holdsOf(showtime), body, with(f.auth, key(), cookie, []string{"Origin", w.base})...)
			if held.status != 201 {
				t.Errorf("%s: %d %s", way, held.status, held.text)
				continue
			}
			w.call("DELETE", "/v1/holds/"+held.str("hold_id"), nil, f.auth...).is(204)
			n++
		}
	}
	w.call("POST", holdsOf(showtime), seatsBody(seats[0]), with(f.auth, key(), []string{"Origin", w.base, "Cookie", fmt.Sprintf("entry_pass_%[1]s=x; entry_pass_%[1]s=y", saleID)})...).is(403, "pass_invalid")
}

func TestAStreamsTokenIsFoundAmongOtherCookiesOfItsName(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.fans(1)[0]
	for _, cookie := range amongOthers("access_token", strings.TrimPrefix(f.auth[1], "Bearer ")) {
		w.stream("/v1/me/notifications/events", cookie...)
	}
	w.call("GET", "/v1/me/notifications/events", nil, "Cookie", "access_token=x; access_token=y").is(401, "unauthenticated")
}

// What another program calls itself is nobody who was logged in here: places are not taken
// from whom they belong to.
func TestACookieOfAnotherProgramIsNobodyWhoWasHere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, name := range []string{"a", "b"} {
		w.call("POST", "/v1/auth/signup", map[string]any{"email": name + "@who.test", "password": "Secret-12345", "name": name}).is(201)
	}
	logIn := func(name, who string) *http.Response {
		const carried = "place_demo-onsale=p; entry_pass_demo-onsale=e"
		body := map[string]any{"email": name + "@who.test", "password": "Secret-12345"}
		return w.call("POST", "/v1/auth/login", body, "Cookie", carried+who).is(200).asResponse()
	}
	who := cookieOf(logIn("a", ""), "fairgate_who").Value
	for cookies, cleared := range map[string]bool{
		"; fairgate_who=of-another-program":                         false,
		"; fairgate_who=of-another-program; fairgate_who=" + who:    false,
		"; fairgate_who=" + who + "; fairgate_who=0123456789abcdef": false,
		"; fairgate_who=0123456789abcdef; fairgate_who=x":           true,
	} {
		wantCleared(t, "log-in of a with"+cookies, logIn("a", cookies), cleared)
	}
	wantCleared(t, "log-in of b", logIn("b", "; fairgate_who=of-another-program; fairgate_who="+who), true)
}
