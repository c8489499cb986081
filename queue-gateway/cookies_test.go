package queuegateway

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/queue"
)

// A browser that throws its cookie away is a new one each time, and each new one is a
// place: its network bounds how many.
func TestNewBrowsersAreBoundByTheirNetwork(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.line(sale, func(p *queue.Policy) { p.State, p.Identity = queue.Paused, queue.ByBrowser })
	g := w.gateway("BROWSERS_PER_MINUTE=2", "TRUSTED_PROXIES=127.0.0.1")
	var token string
	for range 2 {
		a := g.call("POST", linePath+"/places", "", "X-Forwarded-For", "2001:db8::1")
		if a.StatusCode != http.StatusCreated {
			t.Fatalf("%d %s", a.StatusCode, a.text)
		}
		token = a.json["place_token"].(string)
	}
	for _, refused := range [][]string{
		{"X-Forwarded-For", "2001:db8::2"}, // of the same /64
		{"X-Forwarded-For", "2001:db8::1", "Cookie", "place_" + sale + "=made-up"},
	} {
		a := g.call("POST", linePath+"/places", "", refused...)
		if a.StatusCode != http.StatusTooManyRequests || a.code() != "rate_limited" || a.Header.Get("Retry-After") == "" {
			t.Errorf("a third browser with %v: %d %s", refused, a.StatusCode, a.text)
		}
	}
	if a := g.call("POST", linePath+"/places", "", "X-Forwarded-For", "2001:db8::1", "Place-Token", token); a.StatusCode != http.StatusOK {
		t.Errorf("a browser that is known: %d %s", a.StatusCode, a.text)
	}
	if a := g.call("POST", linePath+"/places", "", "X-Forwarded-For", "2001:db8:0:1::1"); a.StatusCode != http.StatusCreated {
		t.Errorf("a browser of another network: %d %s", a.StatusCode, a.text)
	}
}

// jar is the cookies of one browser.
type jar map[string]string

func (j jar) keep(a answer) {
	for _, cookie := range a.Cookies() {
		if cookie.MaxAge < 0 {
			delete(j, cookie.Name)
			continue
		}
		j[cookie.Name] = cookie.Value
	}
}

func (j jar) header() string {
	pairs := make([]string, 0, len(j))
	for name, value := range j {
		pairs = append(pairs, name+"="+value)
	}
	return strings.Join(pairs, "; ")
}

// A fan who stands in many lines sends all their cookies with every request. Passes
// end with their sessions, so few of them live at once.
func TestFortyNineLinesFitIntoOneJar(t *testing.T) {
	t.Parallel()
	const lines, passes = 49, 10
	w := newWorld(t)
	for i := range lines {
		w.line(fmt.Sprintf("a-long-name-of-a-sale-of-a-large-tour-%02d", i), nil)
	}
	g := w.gateway()
	browser, account := jar{}, w.bearer("acc-1", "fan")
	send := func(method, path string) answer {
		a := g.call(method, path, "", "Authorization", account, "Cookie", browser.header(), "Origin", g.base)
		browser.keep(a)
		return a
	}
	for i := range lines {
		path := fmt.Sprintf("/v1/queues/a-long-name-of-a-sale-of-a-large-tour-%02d/places", i)
		if a := send("POST", path); a.StatusCode != http.StatusCreated {
			t.Fatalf("join %d with %d bytes of cookies: %d %s", i, len(browser.header()), a.StatusCode, a.text)
		}
		if i < lines-passes {
			continue
		}
		eventually(t, "the turn comes", func() bool { return send("POST", path+"/me/entry").StatusCode == http.StatusOK })
	}
	if len(browser) != lines+passes {
		t.Errorf("%d cookies, want a place of each line and %d passes", len(browser), passes)
	}
	w.mu.Lock()
	w.handler = func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusNoContent) }
	w.mu.Unlock()
	if a := send("GET", "/v1/performances"); a.StatusCode != http.StatusNoContent {
		t.Errorf("the booking API with %d bytes of cookies: %d %s", len(browser.header()), a.StatusCode, a.text)
	}
}

func TestCookiesOfLinesThatAreOverGo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, id := range []string{sale, "over", "left"} {
		w.line(id, paused)
	}
	g := w.gateway()
	browser, account := jar{}, w.bearer("acc-1", "fan")
	send := func(method, path string) answer {
		a := g.call(method, path, "", "Authorization", account, "Cookie", browser.header(), "Origin", g.base)
		browser.keep(a)
		return a
	}
	for _, id := range []string{"over", "left"} {
		if a := send("POST", "/v1/queues/"+id+"/places"); a.StatusCode != http.StatusCreated {
			t.Fatalf("%d %s", a.StatusCode, a.text)
		}
	}
	browser["place_never-was"], browser["entry_pass_never-was"], browser["place_"], browser["place_ODD"] = "x", "x", "x", "x"
	left := browser["place_left"]
	if a := g.call("DELETE", "/v1/queues/left/places/me", "", "Place-Token", left); a.StatusCode != http.StatusNoContent {
		t.Fatalf("%d %s", a.StatusCode, a.text)
	}
	eventually(t, "the cookie of a place that was left is about to end", func() bool {
		cookie := send("GET", "/v1/queues/left/places/me").cookie("place_left")
		return cookie != nil && cookie.Value == left && time.Until(cookie.Expires) < time.Hour
	})
	if _, err := w.store.Act(t.Context(), "over", queue.VerbClose); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the gateway knows that the line is closed", func() bool {
		return send("GET", "/v1/queues/over").json["state"] == "closed"
	})
	if a := send("POST", linePath+"/places"); a.StatusCode != http.StatusCreated {
		t.Fatalf("%d %s", a.StatusCode, a.text)
	}
	if len(browser) != 4 || browser["place_"+sale] == "" || browser["place_left"] == "" || browser["place_"] == "" || browser["place_ODD"] == "" {
		t.Errorf("the browser keeps %s", browser.header())
	}
}

// A browser's own clock may be wrong: how long a cookie lives is said from now, too.
func TestCookiesOfLinesSayTheirAge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.line(sale, nil)
	g := w.gateway()
	account := w.bearer("acc-1", "fan")
	joined := g.call("POST", linePath+"/places", "", "Authorization", account)
	place := joined.cookie("place_" + sale)
	wantAge(t, place, queue.PlaceTokenTTL)
	var entered answer
	eventually(t, "the turn comes", func() bool {
		entered = g.call("POST", linePath+"/places/me/entry", "", "Authorization", account, "Place-Token", place.Value)
		return entered.StatusCode == http.StatusOK
	})
	wantAge(t, entered.cookie("entry_pass_"+sale), time.Hour)
	gone := g.call("DELETE", linePath+"/places/me", "", "Cookie", "place_"+sale+"="+place.Value, "Origin", g.base).cookie("place_" + sale)
	if gone == nil || gone.MaxAge >= 0 || gone.Expires.Year() != 1970 {
		t.Errorf("a cookie that goes: %v", gone)
	}
}

func wantAge(t *testing.T, cookie *http.Cookie, most time.Duration) {
	t.Helper()
	if cookie == nil || cookie.Expires.IsZero() || cookie.MaxAge <= 0 || time.Duration(cookie.MaxAge)*time.Second > most {
		t.Errorf("cookie %v, want an end and an age of at most %s", cookie, most)
	}
}

// Whatever cookies a request makes up, the head of its answer stays small.
func TestFewCookiesAreClearedInOneAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.line(sale, paused)
	pairs := make([]string, 200)
	for i := range pairs {
		pairs[i] = fmt.Sprintf("place_gone-%d=x; entry_pass_gone-%d=x", i, i)
	}
	a := w.gateway().call("POST", linePath+"/places", "", "Authorization", w.bearer("acc-1", "fan"), "Cookie", strings.Join(pairs, "; "))
	if a.StatusCode != http.StatusCreated || len(a.Cookies()) != 2*10+1 {
		t.Errorf("%d with %d cookies, want the new place and those of 10 lines", a.StatusCode, len(a.Cookies()))
	}
}

func TestTheKeysOfPassesHaveAnETag(t *testing.T) {
	t.Parallel()
	g := newWorld(t).gateway()
	keys := g.call("GET", "/.well-known/jwks.json", "")
	if keys.StatusCode != http.StatusOK || keys.Header.Get("ETag") == "" || keys.json["keys"] == nil {
		t.Fatalf("%d %v %s", keys.StatusCode, keys.Header, keys.text)
	}
	if again := g.call("GET", "/.well-known/jwks.json", "", "If-None-Match", keys.Header.Get("ETag")); again.StatusCode != http.StatusNotModified || again.text != "" {
		t.Errorf("%d %s", again.StatusCode, again.text)
	}
}

// Another program on the host, or a site of the parent domain, may have set a cookie with
// the name of a place: browsers send both.
func TestAPlaceIsFoundAmongOtherCookiesOfItsName(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.line(sale, nil)
	w.line("browsers", func(p *queue.Policy) { p.State, p.Identity = queue.Paused, queue.ByBrowser })
	g := w.gateway()
	const name = "place_" + sale
	place, _ := g.join(w, "acc-1")
	ways := func(name, place string) map[string]string {
		return map[string]string{
			"first": fmt.Sprintf("%[1]s=%[2]s; %[1]s=foreign", name, place),
			"last":  fmt.Sprintf("%[1]s=foreign; %[1]s=x; %[1]s=%[2]s", name, place),
		}
	}
	for way, cookies := range ways(name, place) {
		for _, c := range []struct {
			method, path string
			header       []string
		}{
			{"GET", placePath, nil},
			{"GET", placePath, []string{"Authorization", w.bearer("acc-1", "fan")}},
			{"POST", placePath + "/presence", []string{"Origin", g.base}},
		} {
			a := g.call(c.method, c.path, "", append(c.header, "Cookie", cookies)...)
			if a.StatusCode >= 300 || a.cookie(name) != nil {
				t.Errorf("%s %s, ours is the %s: %d %s, %v", c.method, c.path, way, a.StatusCode, a.text, a.Cookies())
			}
		}
		eventually(t, "the fan enters", func() bool {
			return g.call("POST", placePath+"/entry", "", "Cookie", cookies, "Origin", g.base).StatusCode == http.StatusOK
		})
		g.stream(placePath+"/events", "Cookie", cookies)
		if page := g.call("GET", "/q/"+sale+"?plain=1", "", "Cookie", cookies); !strings.Contains(page.text, "/q/"+sale+"/enter") {
			t.Errorf("the page without scripts, ours is the %s, does not know the place", way)
		}
	}
	made := g.call("POST", "/v1/queues/browsers/places", "")
	for way, cookies := range ways("place_browsers", made.json["place_token"].(string)) {
		if again := g.call("POST", "/v1/queues/browsers/places", "", "Cookie", cookies, "Origin", g.base); again.StatusCode != http.StatusOK || again.json["id"] != made.json["id"] {
			t.Errorf("a browser joins again, ours is the %s: %d %s", way, again.StatusCode, again.text)
		}
	}
	if a := g.call("GET", placePath, "", "Cookie", name+"=x; "+name+"=y"); a.code() != "place_invalid" || a.cookie(name) == nil {
		t.Errorf("only others': %d %s", a.StatusCode, a.text)
	}
	left := g.call("DELETE", placePath, "", "Cookie", ways(name, place)["last"], "Origin", g.base)
	if left.StatusCode != http.StatusNoContent || left.cookie(name) == nil {
		t.Errorf("leaving: %d %s", left.StatusCode, left.text)
	}
	eventually(t, "the cookie of a place that was left is about to end, and is ours", func() bool {
		cookie := g.call("GET", placePath, "", "Cookie", ways(name, place)["last"]).cookie(name)
		return cookie != nil && cookie.Value == place
	})
}

// Another site's page would put its visitors into a place of its choice, at the end of the
// line, in stead of their own.
func TestAnotherSitesPageTakesNoPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.line(sale, func(p *queue.Policy) { p.State, p.Identity = queue.Paused, queue.ByBrowser })
	g := w.gateway()
	place := g.call("POST", linePath+"/places", "").json["place_token"].(string)
	for _, elsewhere := range [][]string{
		{"Origin", "https://evil.test"}, {"Origin", "null"}, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"},
	} {
		for path, method := range map[string]string{"/places": "POST", "/places/me/entry": "POST", "/places/me/presence": "POST", "/places/me": "DELETE"} {
			for _, token := range []string{"", place} {
				a := g.call(method, linePath+path, "", append([]string{"Place-Token", token}, elsewhere...)...)
				if a.StatusCode != http.StatusForbidden || a.code() != "forbidden" || len(a.Cookies()) > 0 {
					t.Errorf("%s %s of %v: %d %s, cookies %v", method, path, elsewhere, a.StatusCode, a.text, a.Cookies())
				}
			}
		}
	}
	for _, here := range [][]string{{"Origin", g.base}, {"Sec-Fetch-Site", "same-origin"}, {"Sec-Fetch-Site", "none"}, {}} {
		if a := g.call("POST", linePath+"/places", "", here...); a.StatusCode != http.StatusCreated {
			t.Errorf("%v: %d %s", here, a.StatusCode, a.text)
		}
	}
}
