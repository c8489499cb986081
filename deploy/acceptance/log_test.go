//go:build acceptance

package acceptance

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// setting returns a path that the runner of the tests of the whole system sets.
func setting(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Fatalf("%s is not set: run `make test-system`, or say where `make up` has put it", name)
	}
	return value
}

// logOf is what a part of the system has logged so far.
func logOf(t *testing.T, part string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(setting(t, "FAIRGATE_LOG_DIR"), part+".log"))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// hasLine reports whether one line holds all of the words.
func hasLine(text string, words ...string) bool {
	for line := range strings.Lines(text) {
		found := true
		for _, word := range words {
			found = found && strings.Contains(line, word)
		}
		if found {
			return true
		}
	}
	return false
}

// auditOf returns the audit lines of a kind that are about a booking.
func auditOf(t *testing.T, kind, booking string) []map[string]any {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(setting(t, "FAIRGATE_AUDIT_DIR"), kind+"-*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []map[string]any
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		whole := raw[:strings.LastIndex(string(raw), "\n")+1] // the last line may be on its way
		for text := range strings.Lines(string(whole)) {
			var line map[string]any
			if err := json.Unmarshal([]byte(text), &line); err != nil {
				t.Fatalf("%s holds %q: %v", name, text, err)
			}
			if line["booking_id"] == booking {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// One purchase of a fan with a name of their own: its request id is found in every
// part's log, in the audit log, and nothing that would give the fan away is in any.
func TestAPurchaseCanBeFollowedByItsRequestIDAndNamesNobody(t *testing.T) {
	t.Parallel()
	const name = "하늘빛나래"
	email, secret := unique("haneul")+"@example.test", unique("Pw-9")
	id := unique("follow")
	followed := header("X-Request-Id", id)
	call(t, "POST", "/v1/auth/signup", followed, body(map[string]any{"email": email, "password": secret, "name": name})).is(201)
	login := call(t, "POST", "/v1/auth/login", followed, body(map[string]any{"email": email, "password": secret})).is(200)
	f := fan{email: email, token: login.text("access_token")}
	s := queuedSale(t, 10, nil)
	placeToken, entryPass := enter(t, s, f)
	hold := held(t, s, f, s.seats[:2], pass(entryPass), followed).is(201).text("hold_id")
	b := call(t, "POST", "/v1/bookings", bearer(f.token), newKey(), pass(entryPass), followed, body(map[string]any{"hold_id": hold})).is(201)
	order, amount := b.text("order_id"), b.number("amount")
	paymentKey := approved(t, order, amount)
	paid := call(t, "POST", "/v1/payments/confirm", bearer(f.token), newKey(), wait(10), followed, confirmation(paymentKey, order, amount)).is(200)
	if paid.header.Get("X-Request-Id") != id {
		t.Errorf("the answer's request id is %q, not the caller's", paid.header.Get("X-Request-Id"))
	}
	call(t, "POST", "/v1/auth/login", body(map[string]any{"email": email, "password": secret + "?wrong"})).is(401)

	mine := `"request_id":"` + id + `"`
	for part, words := range map[string][]string{
		"queue-gateway": {mine, `"path":"/v1/payments/confirm"`, `"status":200`},
		"booking-api":   {mine, `"path":"/v1/payments/confirm"`, `"status":200`},
	} {
		if !hasLine(logOf(t, part), words...) {
			t.Errorf("%s has no line with %q", part, words)
		}
	}
	for _, words := range [][]string{
		{mine, "message handled", "fairgate.payment", "payment.confirm_requested"},
		{mine, "message handled", "fairgate.line", "booking.confirmed"},
		{mine, "mail sent", "booking_confirmed", b.text("id")},
		{mine, "message handled", "fairgate.push"},
	} {
		eventually(t, "the worker logs "+quoted(words), func() bool { return hasLine(logOf(t, "worker"), words...) })
	}
	eventually(t, "the audit log has the purchase", func() bool {
		return len(auditOf(t, "booking", b.text("id"))) == 3 && len(auditOf(t, "payment", b.text("id"))) == 3
	})
	captured := auditOf(t, "payment", b.text("id"))[2]
	if captured["to"] != "done" || captured["amount"] != float64(amount) || captured["request_id"] != id || captured["actor"] != "queue:fairgate.payment" {
		t.Errorf("the capture's audit line is %v", captured)
	}

	logs, err := filepath.Glob(filepath.Join(setting(t, "FAIRGATE_LOG_DIR"), "*.log"))
	if err != nil || len(logs) < 5 {
		t.Fatalf("only %d logs: %v", len(logs), err)
	}
	audits, err := filepath.Glob(filepath.Join(setting(t, "FAIRGATE_AUDIT_DIR"), "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(logs, audits...) {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for what, text := range map[string]string{
			"e-mail": email, "name": name, "password": secret, "access token": f.token, "place token": placeToken,
			"pass": entryPass, "hold": hold, "payment key": paymentKey, "access token's signature": f.token[strings.LastIndex(f.token, ".")+1:],
		} {
			if strings.Contains(string(raw), text) {
				t.Errorf("%s holds the fan's %s", filepath.Base(file), what)
			}
		}
	}
}
