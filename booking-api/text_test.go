package bookingapi

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// nasty are texts that people and programs send, and that nothing may keep as they are.
func nasty() []string {
	return []string{
		"a\x00b", "\u202eabc", "a\u200bb", "\u3164", "\ufeffx", norm.NFD.String("파란밤"), norm.NFD.String("é@b.test"), " x  y ",
		"a\x1b[31m", "\ue000", "\u0301", "a\u2028b", strings.Repeat("가", 1000), strings.Repeat("é", 100) + "@b.test", "'; --", "\xff",
	}
}

// inputs are the strings of an operation's body, by path: "best_available.grade".
func inputs(document, schema map[string]any, within string) []string {
	var found []string
	resolved := resolve(document, schema)
	properties, _ := resolved["properties"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		member := resolve(document, properties[name].(map[string]any))
		kind := fmt.Sprint(member["type"])
		switch {
		case strings.Contains(kind, "string"):
			found = append(found, within+name)
		case strings.Contains(kind, "array"):
			found = append(found, within+name+"[]")
		case strings.Contains(kind, "object"):
			found = append(found, inputs(document, member, within+name+".")...)
		}
	}
	return found
}

func resolve(document, schema map[string]any) map[string]any {
	ref, ok := schema["$ref"].(string)
	if !ok {
		return schema
	}
	var at any = document
	for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		at = at.(map[string]any)[part]
	}
	return at.(map[string]any)
}

// put sets what stands at a path of inputs.
func put(body map[string]any, path, value string) {
	name, rest, nested := strings.Cut(path, ".")
	list, isList := strings.CutSuffix(name, "[]")
	switch {
	case nested:
		inner, ok := body[name].(map[string]any)
		if !ok {
			inner = map[string]any{"count": 1}
			body[name] = inner
		}
		put(inner, rest, value)
	case isList:
		body[list] = []string{value}
	default:
		body[name] = value
	}
}

// sent writes JSON in which an invalid byte stays one.
func sent(body map[string]any) string {
	raw, _ := json.Marshal(body)
	return strings.ReplaceAll(string(raw), `�`, "\xff")
}

// TestNoDoorTakesTextAsItIs sends to every string of every operation, and of the plain
// forms, what is not normalised. Whatever is answered, it is no fault of ours, and no
// column of the database has it.
func TestNoDoorTakesTextAsItIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "SIGN_UPS_PER_MINUTE=100000", "FAILED_LOGINS_PER_ADDRESS=100000")
	f, admin := w.fans(1)[0], w.admin()
	_, showtime := w.sale(map[string]any{"seats": 20, "queued": false})
	booked := w.book(f, w.hold(f, showtime, w.seats(showtime, 1)...).is(201).str("hold_id")).is(201).str("id")
	document := w.call("GET", "/openapi.json", nil).is(200).body
	tried := 0
	for path, item := range document["paths"].(map[string]any) {
		for method, described := range item.(map[string]any) {
			operation, _ := described.(map[string]any)
			if strings.HasPrefix(path, "/v1/dev/") || strings.Contains(path, "/events") || method == "head" || operation == nil {
				continue
			}
			who := f
			if strings.HasPrefix(path, "/v1/admin/") {
				who = admin
			}
			address := strings.NewReplacer("/v1/bookings/{id}", "/v1/bookings/"+booked, "{id}", showtime).Replace(path)
			tried += w.tryInputs(document, operation, strings.ToUpper(method), address, who)
			tried += w.tryParameters(operation, strings.ToUpper(method), address, who)
		}
	}
	if tried < 25 {
		t.Errorf("only %d strings were tried", tried)
	}
	w.tryForms()
	w.nothingUnnormalisedIsKept()
}

func (w *world) tryInputs(document, operation map[string]any, method, address string, who fan) int {
	w.t.Helper()
	described, _ := operation["requestBody"].(map[string]any)
	content, _ := described["content"].(map[string]any)
	media, _ := content["application/json"].(map[string]any)
	schema, _ := media["schema"].(map[string]any)
	paths := inputs(document, schema, "")
	if strings.HasSuffix(address, "/webhooks/toss") {
		paths = []string{"eventType", "data.paymentKey", "data.orderId", "data.status"}
	}
	for _, path := range paths {
		for i, text := range nasty() {
			body := map[string]any{"eventType": "PAYMENT_STATUS_CHANGED", "reason": "x", "note": "x", "password": "Secret-12345", "name": "x", "email": fmt.Sprintf("n%d-%d@b.test", i, serial.Add(1))}
			for name := range body {
				if !slices.Contains(paths, name) {
					delete(body, name)
				}
			}
			put(body, path, text)
			if a := w.call(method, address, sent(body), with(who.auth, key(), []string{"Sec-Fetch-Site", "same-origin"})...); a.status >= 500 {
				w.t.Errorf("%s with %s: %+q: %d %s", a.what, path, text, a.status, cut(a.text))
			}
		}
	}
	return len(paths)
}

func (w *world) tryParameters(operation map[string]any, method, address string, who fan) (tried int) {
	w.t.Helper()
	parameters, _ := operation["parameters"].([]any)
	for _, p := range parameters {
		parameter := p.(map[string]any)
		if parameter["in"] != "query" || method != http.MethodGet {
			continue
		}
		tried++
		for _, text := range nasty() {
			if a := w.call(method, address+"?"+parameter["name"].(string)+"="+url.QueryEscape(text), nil, who.auth...); a.status >= 500 {
				w.t.Errorf("%s: %d %s", a.what, a.status, cut(a.text))
			}
		}
	}
	return tried
}

// tryForms sends the forms of a browser without JavaScript.
func (w *world) tryForms() {
	w.t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, page := range []string{"/login", "/signup"} {
		for _, field := range []string{"email", "password", "name", "next"} {
			for _, text := range nasty() {
				form := url.Values{"email": {fmt.Sprintf("f%d@b.test", serial.Add(1))}, "password": {"Secret-12345"}, "name": {"x"}}
				form.Set(field, text)
				request, err := http.NewRequest(http.MethodPost, w.base+page, strings.NewReader(form.Encode()))
				if err != nil {
					w.t.Fatal(err)
				}
				request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				request.Header.Set("Sec-Fetch-Site", "same-origin")
				response, err := client.Do(request)
				if err != nil {
					w.t.Fatal(err)
				}
				shown, _ := io.ReadAll(response.Body)
				response.Body.Close()
				if response.StatusCode >= 500 || strings.ContainsAny(string(shown), "\x00\u202e\u200b") {
					w.t.Errorf("%s with %s: %+q: %d %s", page, field, text, response.StatusCode, cut(string(shown)))
				}
			}
		}
	}
	for _, text := range nasty() {
		for _, name := range []string{"q", "category", "cursor"} {
			if a := w.call("GET", "/?"+name+"="+url.QueryEscape(text), nil, "Accept", "text/html"); a.status >= 500 {
				w.t.Errorf("%s: %d", a.what, a.status)
			}
		}
	}
}

// nothingUnnormalisedIsKept looks at every text of every table.
func (w *world) nothingUnnormalisedIsKept() {
	w.t.Helper()
	ctx := context.Background()
	const columns = `
		SELECT table_name, column_name FROM information_schema.columns
		WHERE table_schema = current_schema() AND data_type IN ('text', 'json', 'jsonb') AND table_name <> 'schema_migration'`
	rows, err := w.pool.Query(ctx, columns)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	looked := 0
	for rows.Next() {
		var table, column string
		if err := rows.Scan(&table, &column); err != nil {
			w.t.Fatal(err)
		}
		var values []string
		if err := w.pool.QueryRow(ctx, fmt.Sprintf(`SELECT coalesce(array_agg(DISTINCT %q::text), '{}') FROM %q WHERE %q IS NOT NULL`, column, table, column)).Scan(&values); err != nil {
			w.t.Fatal(err)
		}
		looked += len(values)
		for _, value := range values {
			if !norm.NFC.IsNormalString(value) || strings.ContainsFunc(value, func(r rune) bool {
				return r != '\n' && (unicode.IsControl(r) || strings.ContainsRune("\u200b\u202e\u3164\ufeff\ue000\u2028\ufffd", r))
			}) {
				w.t.Errorf("%s.%s has %+q", table, column, cut(value))
			}
		}
	}
	if err := rows.Err(); err != nil || looked < 50 {
		w.t.Errorf("only %d texts were looked at, %v", looked, err)
	}
}

func TestSearchFindsTheSameHoweverItIsTyped(t *testing.T) {
	t.Parallel()
	w := seededWorld(t)
	const word = "파란밤"
	for _, path := range []string{"/v1/performances?q=", "/v1/performers?q=", "/v1/venues?q="} {
		wanted := w.call("GET", path+url.QueryEscape(map[bool]string{true: "체조", false: word}[strings.Contains(path, "venues")]), nil).is(200)
		if len(wanted.items()) == 0 {
			t.Fatalf("%s finds nothing: %s", path, cut(wanted.text))
		}
		for _, change := range []func(string) string{
			norm.NFD.String, func(s string) string { return s + " " }, func(s string) string { return "\u3000" + s + "\u00a0" }, func(s string) string { return s[:3] + "\u200b" + s[3:] },
		} {
			typed := change(map[bool]string{true: "체조", false: word}[strings.Contains(path, "venues")])
			if got := w.call("GET", path+url.QueryEscape(typed), nil).is(200); got.text != wanted.text {
				t.Errorf("%s%+q finds %s, want %s", path, typed, cut(got.text), cut(wanted.text))
			}
		}
	}
	for _, typed := range []string{norm.NFD.String(word), word + " "} {
		page := w.call("GET", "/?q="+url.QueryEscape(typed), nil, "Accept", "text/html").is(200)
		if !strings.Contains(page.text, word+" 월드투어") {
			t.Errorf("the page does not find %+q", typed)
		}
	}
}
