package bookingapi

import (
	"fmt"
	"strings"
	"testing"
)

// Another site's page that sends its visitors' browsers to a log-in would leave them in an
// account of its choice. Programs that are no browsers say nothing of where they are.
func TestAnotherSitesPageLogsNobodyIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	elsewhere := map[string][]string{
		"origin":           {"Origin", "https://evil.test"},
		"hidden origin":    {"Origin", "null"},
		"origin and fetch": {"Origin", "https://evil.test", "Sec-Fetch-Site", "cross-site"},
		"fetch":            {"Sec-Fetch-Site", "cross-site"},
		"sibling":          {"Sec-Fetch-Site", "same-site"},
	}
	here := map[string][]string{
		"a program":      nil,
		"this site":      {"Origin", w.base, "Sec-Fetch-Site", "same-origin"},
		"only fetch":     {"Sec-Fetch-Site", "same-origin"},
		"the address":    {"Sec-Fetch-Site", "none"},
		"a named origin": {"Origin", w.base},
	}
	const password = "Secret-12345"
	n := 0
	fresh := func() (email string) {
		n++
		return fmt.Sprintf("e%d@elsewhere.test", n)
	}
	signUp := func(email string, headers ...string) answer {
		return w.call("POST", "/v1/auth/signup", map[string]any{"email": email, "password": password, "name": "x"}, headers...)
	}
	logIn := func(email string, headers ...string) answer {
		return w.call("POST", "/v1/auth/login", map[string]any{"email": email, "password": password}, headers...)
	}
	remove := func(email string, headers ...string) answer {
		auth := []string{"Authorization", "Bearer " + logIn(email).is(200).str("access_token")}
		return w.call("DELETE", "/v1/me", map[string]any{"password": password}, with(auth, headers)...)
	}
	for way, headers := range elsewhere {
		email := fresh()
		refused := map[string]answer{"sign-up": signUp(email, headers...)}
		signUp(email).is(201) // none was made
		refused["log-in"], refused["deletion"] = logIn(email, headers...), remove(email, headers...)
		for what, a := range refused {
			if a.status != 403 || a.body["code"] != "forbidden" || len(a.header["Set-Cookie"]) > 0 {
				t.Errorf("%s of elsewhere by %s: %d %s, cookies %q", what, way, a.status, a.text, a.header["Set-Cookie"])
			}
		}
	}
	for _, headers := range here {
		email := fresh()
		signUp(email, headers...).is(201)
		logIn(email, headers...).is(200)
		remove(email, headers...).is(204)
	}
}

// Every call that sets cookies: what a new one forgets is found here.
func TestNoCallOfAnotherSitesPageSetsCookies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	auth := w.fans(1)[0].auth
	paths, _ := w.call("GET", "/openapi.json", nil).is(200).body["paths"].(map[string]any)
	found := 0
	for path, item := range paths {
		methods, _ := item.(map[string]any)
		for method, operation := range methods {
			described, _ := operation.(map[string]any)
			if method == "get" || method == "head" || !setsCookies(described) {
				continue
			}
			found++
			a := w.call(strings.ToUpper(method), path, map[string]any{}, with(auth, []string{"Origin", "https://evil.test"})...)
			if a.status != 403 || a.body["code"] != "forbidden" {
				t.Errorf("%s %s: %d %s, want 403 forbidden", method, path, a.status, a.text)
			}
		}
	}
	if found < 4 { // log-in, refresh, log-out, deletion
		t.Errorf("only %d calls that set cookies: this test shows nothing", found)
	}
}

func setsCookies(operation map[string]any) bool {
	responses, _ := operation["responses"].(map[string]any)
	for _, response := range responses {
		described, _ := response.(map[string]any)
		headers, _ := described["headers"].(map[string]any)
		if headers["Set-Cookie"] != nil {
			return true
		}
	}
	return false
}
