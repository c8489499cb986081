//go:build acceptance

package acceptance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// option shapes a request.
type option func(*http.Request)

func bearer(token string) option { return header("Authorization", "Bearer "+token) }
func place(token string) option  { return header("Place-Token", token) }
func pass(token string) option   { return header("Entry-Pass", token) }
func key(k string) option        { return header("Idempotency-Key", k) }
func newKey() option             { return key(unique("key")) }
func wait(seconds int) option    { return header("Prefer", fmt.Sprintf("wait=%d", seconds)) }

// sameSite says what a browser says of a request from a page of this site.
func sameSite() option { return header("Sec-Fetch-Site", "same-origin") }

func header(name, value string) option {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func cookie(name, value string) option {
	return func(r *http.Request) { r.AddCookie(&http.Cookie{Name: name, Value: value}) }
}

func body(v any) option {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // a literal in a test
	}
	return text(string(raw))
}

func text(raw string) option {
	return func(r *http.Request) {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(raw)), int64(len(raw))
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(raw)), nil }
		r.Header.Set("Content-Type", "application/json")
	}
}

// answer is a whole response.
type answer struct {
	t      *testing.T
	call   string
	status int
	header http.Header
	raw    []byte
	setsOn []*http.Cookie
}

var client = &http.Client{
	Timeout:       30 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Transport:     &http.Transport{MaxIdleConnsPerHost: 64},
}

// call asks the system's front door. Whatever the answer, it must have a request
// id, and an error must be a problem with a code.
func call(t *testing.T, method, path string, options ...option) answer {
	t.Helper()
	a := ask(t, method, system(t).url+path, options...)
	if a.header.Get("X-Request-Id") == "" {
		t.Errorf("%s: no X-Request-Id", a.call)
	}
	if a.status >= 400 {
		a.checkProblem()
	}
	if a.status >= 500 {
		t.Errorf("%s: %d %s", a.call, a.status, a.raw)
	}
	return a
}

// ask sends one request to any address.
func ask(t *testing.T, method, url string, options ...option) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range options {
		o(r)
	}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	return answer{t, method + " " + r.URL.RequestURI(), response.StatusCode, response.Header, raw, response.Cookies()}
}

func (a answer) checkProblem() {
	a.t.Helper()
	if kind := a.header.Get("Content-Type"); !strings.HasPrefix(kind, "application/problem+json") {
		a.t.Errorf("%s: %d has Content-Type %q", a.call, a.status, kind)
	}
	p := a.object()
	for _, name := range []string{"type", "title", "detail", "code"} {
		if s, ok := p[name].(string); !ok || s == "" {
			a.t.Errorf("%s: %d has no %s: %s", a.call, a.status, name, a.raw)
		}
	}
	if p["status"] != float64(a.status) {
		a.t.Errorf("%s: %d says status %v", a.call, a.status, p["status"])
	}
}

// is ends the test unless the answer has one of the statuses.
func (a answer) is(statuses ...int) answer {
	a.t.Helper()
	for _, s := range statuses {
		if a.status == s {
			return a
		}
	}
	a.t.Fatalf("%s: %d %s, want %v", a.call, a.status, a.raw, statuses)
	return a
}

// problem reports an answer that is not this error.
func (a answer) problem(status int, code string) answer {
	a.t.Helper()
	got := ""
	if a.status >= 400 {
		got = a.text("code")
	}
	if a.status != status || got != code {
		a.t.Errorf("%s: %d %s, want %d %s\n%s", a.call, a.status, got, status, code, a.raw)
	}
	return a
}

func (a answer) object() map[string]any {
	a.t.Helper()
	var object map[string]any
	if err := json.Unmarshal(a.raw, &object); err != nil {
		a.t.Fatalf("%s: %d %q is no JSON object: %v", a.call, a.status, a.raw, err)
	}
	return object
}

func (a answer) items() []map[string]any {
	a.t.Helper()
	list, ok := a.object()["items"].([]any)
	if !ok {
		a.t.Fatalf("%s: no items in %s", a.call, a.raw)
	}
	items := make([]map[string]any, len(list))
	for i, item := range list {
		items[i], _ = item.(map[string]any)
	}
	return items
}

func (a answer) text(name string) string {
	a.t.Helper()
	s, ok := a.object()[name].(string)
	if !ok {
		a.t.Fatalf("%s: %s is no string in %s", a.call, name, a.raw)
	}
	return s
}

func (a answer) number(name string) int64 {
	a.t.Helper()
	n, ok := a.object()[name].(float64)
	if !ok {
		a.t.Fatalf("%s: %s is no number in %s", a.call, name, a.raw)
	}
	return int64(n)
}

func (a answer) time(name string) time.Time {
	a.t.Helper()
	return instant(a.t, a.text(name))
}

// has checks members and types: "ahead number", "key string|null".
func (a answer) has(members ...string) answer {
	a.t.Helper()
	has(a.t, a.call, a.object(), members...)
	return a
}

// setCookie is the cookie of that name that the answer sets.
func (a answer) setCookie(name string) *http.Cookie {
	a.t.Helper()
	for _, c := range a.setsOn {
		if c.Name == name {
			return c
		}
	}
	a.t.Fatalf("%s: sets no cookie %s: %v", a.call, name, a.header.Values("Set-Cookie"))
	return nil
}

func has(t *testing.T, where string, object map[string]any, members ...string) {
	t.Helper()
	for _, member := range members {
		name, kinds, _ := strings.Cut(member, " ")
		value, there := object[name]
		if !there {
			t.Errorf("%s: no member %s in %v", where, name, object)
			continue
		}
		if got := kindOf(value); !strings.Contains("|"+kinds+"|", "|"+got+"|") {
			if s, ok := value.(string); !ok || kinds != "time" || !isInstant(s) {
				t.Errorf("%s: %s is %s %v, want %s", where, name, got, value, kinds)
			}
		}
	}
}

func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "bool"
	case float64:
		return "number"
	case string:
		if isInstant(v) {
			return "time"
		}
		return "string"
	case []any:
		return "array"
	}
	return "object"
}

func isInstant(s string) bool {
	_, err := time.Parse(time.RFC3339, s)
	return err == nil && strings.HasSuffix(s, "Z")
}

func instant(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// same reports whether two answers have the same JSON.
func (a answer) same(b answer) bool {
	var x, y bytes.Buffer
	return json.Compact(&x, a.raw) == nil && json.Compact(&y, b.raw) == nil && x.String() == y.String()
}
