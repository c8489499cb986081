package toss_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fairgate/fairgate/deploy/sim/toss"
	"github.com/fairgate/fairgate/shared/clock"
)

const (
	clientKey = "test_ck_fairgate"
	secretKey = "test_sk_fairgate"
)

// shop talks to a simulator as a shop does.
type shop struct {
	t     *testing.T
	url   string
	clock *clock.Manual
}

func open(t *testing.T, change func(*toss.Config)) *shop {
	t.Helper()
	cfg := toss.Config{SecretKey: secretKey, ClientKey: clientKey}
	if change != nil {
		change(&cfg)
	}
	c := clock.NewManual(time.Date(2026, 11, 20, 11, 0, 0, 0, time.UTC))
	sim, err := toss.New(t.Context(), cfg, c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	t.Cleanup(func() { _ = sim.Close() })
	return &shop{t, server.URL, c}
}

type reply struct {
	status int
	body   map[string]any
}

func (s *shop) request(ctx context.Context, method, path string, body any, headers ...string) (reply, error) {
	s.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(ctx, method, s.url+path, bytes.NewReader(raw))
	if err != nil {
		s.t.Fatal(err)
	}
	r.SetBasicAuth(secretKey, "")
	r.Close = true // net/http repeats requests that carry an Idempotency-Key when a kept connection closes
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = response.Body.Close() }()
	out := reply{status: response.StatusCode}
	raw, err = io.ReadAll(response.Body)
	if err == nil && len(raw) > 0 {
		err = json.Unmarshal(raw, &out.body)
	}
	return out, err
}

func (s *shop) do(method, path string, body any, headers ...string) reply {
	s.t.Helper()
	out, err := s.request(s.t.Context(), method, path, body, headers...)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

func (s *shop) approved(orderID string, amount int64) string {
	s.t.Helper()
	out := s.do("POST", "/sim/payments", map[string]any{"order_id": orderID, "amount": amount})
	key, _ := out.body["payment_key"].(string)
	if out.status != http.StatusCreated || key == "" {
		s.t.Fatalf("POST /sim/payments: %v", out)
	}
	return key
}

func (s *shop) confirm(key, orderID string, amount int64, headers ...string) reply {
	s.t.Helper()
	return s.do("POST", "/v1/payments/confirm", map[string]any{"paymentKey": key, "orderId": orderID, "amount": amount}, headers...)
}

func (s *shop) faults(body map[string]any) {
	s.t.Helper()
	if out := s.do("PUT", "/sim/faults", body); out.status != http.StatusNoContent {
		s.t.Fatalf("PUT /sim/faults: %v", out)
	}
}

func (s *shop) wantStatus(key, want string) {
	s.t.Helper()
	if got := s.do("GET", "/v1/payments/"+key, nil).body["status"]; got != want {
		s.t.Errorf("status of the payment: %v, want %s", got, want)
	}
}

func want(t *testing.T, got reply, status int, code string) {
	t.Helper()
	if given, _ := got.body["code"].(string); got.status != status || given != code {
		t.Errorf("answer: %d %q, want %d %q", got.status, given, status, code)
	}
}

func TestConfirmCaptures(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	key := s.approved("order-1", 150_000)
	got := s.confirm(key, "order-1", 150_000)
	want(t, got, 200, "")
	for field, value := range map[string]any{
		"status": "DONE", "totalAmount": 150_000.0, "balanceAmount": 150_000.0, "currency": "KRW",
		"approvedAt": "2026-11-20T20:00:00+09:00", "method": "카드", "virtualAccount": nil,
	} {
		if got.body[field] != value {
			t.Errorf("%s = %v, want %v", field, got.body[field], value)
		}
	}
	if byOrder := s.do("GET", "/v1/payments/orders/order-1", nil); byOrder.body["paymentKey"] != key {
		t.Errorf("payment of the order: %v, want %s", byOrder.body["paymentKey"], key)
	}
}

func TestConfirmRefusals(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	tests := []struct {
		name   string
		ask    func() reply
		status int
		code   string
	}{
		{"unknown payment", func() reply { return s.confirm("tsim_none", "order-x", 1000) }, 404, "NOT_FOUND_PAYMENT"},
		{"other amount", func() reply { return s.confirm(s.approved("order-a", 1000), "order-a", 900) }, 400, "INVALID_REQUEST"},
		{"other order", func() reply { return s.confirm(s.approved("order-b", 1000), "order-c", 1000) }, 400, "INVALID_REQUEST"},
		{"under ₩100", func() reply { return s.confirm(s.approved("order-d", 99), "order-d", 99) }, 400, "BELOW_MINIMUM_AMOUNT"},
		{"twice", func() reply {
			key := s.approved("order-e", 1000)
			s.confirm(key, "order-e", 1000)
			return s.confirm(key, "order-e", 1000)
		}, 400, "ALREADY_PROCESSED_PAYMENT"},
		{"second key of a paid order", func() reply {
			first, second := s.approved("order-f", 1000), s.approved("order-f", 1000)
			s.confirm(first, "order-f", 1000)
			return s.confirm(second, "order-f", 1000)
		}, 400, "ALREADY_PROCESSED_PAYMENT"},
		{"no body", func() reply { return s.do("POST", "/v1/payments/confirm", nil) }, 400, "INVALID_REQUEST"},
		{"forced code", func() reply {
			return s.confirm(s.approved("order-g", 1000), "order-g", 1000, "TossPayments-Test-Code", "REJECT_CARD_COMPANY")
		}, 403, "REJECT_CARD_COMPANY"},
		{"wrong key", func() reply {
			return s.do("GET", "/v1/payments/x", nil, "Authorization", "Basic dGVzdF9za19vdGhlcjo=")
		}, 401, "UNAUTHORIZED_KEY"},
		{"missing colon", func() reply {
			return s.do("GET", "/v1/payments/x", nil, "Authorization", "Basic dGVzdF9za19mYWlyZ2F0ZQ==")
		}, 403, "INCORRECT_BASIC_AUTH_FORMAT"},
		{"long idempotency key", func() reply {
			return s.confirm("x", "order-h", 1000, "Idempotency-Key", strings.Repeat("k", 301))
		}, 400, "INVALID_IDEMPOTENCY_KEY"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { want(t, test.ask(), test.status, test.code) })
	}
}

func TestConfirmWindowPasses(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	key := s.approved("order-1", 1000)
	s.clock.Advance(10 * time.Minute)
	want(t, s.confirm(key, "order-1", 1000), 404, "NOT_FOUND_PAYMENT_SESSION")
	s.wantStatus(key, "EXPIRED")
}

func TestIdempotencyKeyReplaysTheFirstAnswer(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	first, other := s.approved("order-1", 1000), s.approved("order-2", 2000)
	want(t, s.confirm(first, "order-1", 1000, "Idempotency-Key", "k"), 200, "")
	if again := s.confirm(other, "order-2", 2000, "Idempotency-Key", "k"); again.body["orderId"] != "order-1" {
		t.Errorf("replay answered for %v; the body is not part of the key's scope", again.body["orderId"])
	}
	s.wantStatus(other, "IN_PROGRESS")
	s.clock.Advance(15*24*time.Hour + time.Second)
	want(t, s.confirm(other, "order-2", 2000, "Idempotency-Key", "k"), 404, "NOT_FOUND_PAYMENT_SESSION")
}

func TestConcurrentConfirmsCaptureOnce(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	keys := []string{s.approved("order-1", 1000), s.approved("order-1", 1000)}
	var captured sync.Map
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			if s.confirm(keys[i%2], "order-1", 1000).status == 200 {
				captured.Store(i, true)
			}
		})
	}
	all.Wait()
	count := 0
	captured.Range(func(any, any) bool { count++; return true })
	if count != 1 {
		t.Errorf("captured %d times, want once", count)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	key := s.approved("order-1", 1000)
	cancel := func(body map[string]any) reply { return s.do("POST", "/v1/payments/"+key+"/cancel", body) }
	want(t, cancel(map[string]any{"cancelReason": "early"}), 403, "NOT_CANCELABLE_PAYMENT")
	s.confirm(key, "order-1", 1000)
	want(t, cancel(map[string]any{}), 400, "INVALID_REQUEST")
	want(t, cancel(map[string]any{"cancelReason": "x", "cancelAmount": 1001}), 403, "NOT_CANCELABLE_AMOUNT")
	part := cancel(map[string]any{"cancelReason": "part", "cancelAmount": 400})
	if part.body["status"] != "PARTIAL_CANCELED" || part.body["balanceAmount"] != 600.0 {
		t.Errorf("after a partial cancel: %v, balance %v", part.body["status"], part.body["balanceAmount"])
	}
	rest := cancel(map[string]any{"cancelReason": "rest"})
	cancels, _ := rest.body["cancels"].([]any)
	if rest.body["status"] != "CANCELED" || rest.body["balanceAmount"] != 0.0 || len(cancels) != 2 {
		t.Errorf("after the rest: %v, balance %v, %d cancels", rest.body["status"], rest.body["balanceAmount"], len(cancels))
	}
	want(t, cancel(map[string]any{"cancelReason": "again"}), 400, "ALREADY_CANCELED_PAYMENT")
}

func TestFaults(t *testing.T) {
	t.Parallel()
	confirm := func(fault map[string]any) map[string]any { return map[string]any{"confirm": fault} }

	t.Run("error captures nothing and is replayed", func(t *testing.T) {
		t.Parallel()
		s := open(t, nil)
		s.faults(confirm(map[string]any{"mode": "error"}))
		key := s.approved("order-1", 1000)
		want(t, s.confirm(key, "order-1", 1000, "Idempotency-Key", "a"), 500, "FAILED_INTERNAL_SYSTEM_PROCESSING")
		s.wantStatus(key, "IN_PROGRESS")
		s.faults(map[string]any{})
		want(t, s.confirm(key, "order-1", 1000, "Idempotency-Key", "a"), 500, "FAILED_INTERNAL_SYSTEM_PROCESSING")
		want(t, s.confirm(key, "order-1", 1000, "Idempotency-Key", "b"), 200, "")
	})
	t.Run("timeout after capture", func(t *testing.T) {
		t.Parallel()
		s := open(t, nil)
		s.faults(confirm(map[string]any{"mode": "timeout_after_capture", "ms": 1}))
		key := s.approved("order-1", 1000)
		body := map[string]any{"paymentKey": key, "orderId": "order-1", "amount": 1000}
		if got, err := s.request(t.Context(), "POST", "/v1/payments/confirm", body, "Idempotency-Key", "a"); err == nil {
			t.Errorf("answered %v, want a closed connection", got)
		}
		s.wantStatus(key, "DONE")
		want(t, s.confirm(key, "order-1", 1000, "Idempotency-Key", "a"), 200, "")
	})
	t.Run("reject aborts", func(t *testing.T) {
		t.Parallel()
		s := open(t, nil)
		s.faults(confirm(map[string]any{"mode": "reject", "code": "REJECT_CARD_PAYMENT"}))
		key := s.approved("order-1", 1000)
		want(t, s.confirm(key, "order-1", 1000), 403, "REJECT_CARD_PAYMENT")
		s.wantStatus(key, "ABORTED")
	})
	t.Run("share", func(t *testing.T) {
		t.Parallel()
		s := open(t, nil)
		s.faults(confirm(map[string]any{"mode": "error", "share": 0.25}))
		failures := 0
		for range 40 {
			if s.confirm(s.approved("order-s", 1000), "order-s", 1000).status == 500 {
				failures++
			}
		}
		if failures != 10 {
			t.Errorf("%d of 40 failed, want 10", failures)
		}
	})
	t.Run("bad mode", func(t *testing.T) {
		t.Parallel()
		s := open(t, nil)
		if got := s.do("PUT", "/sim/faults", confirm(map[string]any{"mode": "explode"})); got.status != 422 {
			t.Errorf("answer: %v, want 422", got)
		}
	})
}

func TestWindowSendsTheBuyerBack(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	click := func(decision string) (*url.URL, string) {
		order := "order-" + decision
		page, err := client.Get(s.url + "/pay?clientKey=" + clientKey + "&orderId=" + order +
			"&amount=1000&successUrl=http://shop.test/ok?a%3Db&failUrl=http://shop.test/no")
		if err != nil {
			t.Fatal(err)
		}
		_ = page.Body.Close()
		if page.StatusCode != 200 {
			t.Fatalf("window: %s", page.Status)
		}
		key := s.keyOf(order)
		answer, err := client.PostForm(s.url+"/pay/"+key+"/"+decision, url.Values{
			"successUrl": {"http://shop.test/ok?a=b"}, "failUrl": {"http://shop.test/no"},
		})
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		target, err := answer.Location()
		if err != nil {
			t.Fatal(err)
		}
		return target, key
	}
	approved, key := click("approve")
	if q := approved.Query(); approved.Path != "/ok" || q.Get("paymentKey") != key || q.Get("amount") != "1000" || q.Get("a") != "b" {
		t.Errorf("approved goes to %s", approved)
	}
	s.wantStatus(key, "IN_PROGRESS")
	refused, key := click("refuse")
	if refused.Path != "/no" || refused.Query().Get("code") != "REJECT_CARD_COMPANY" {
		t.Errorf("refused goes to %s", refused)
	}
	s.wantStatus(key, "ABORTED")
	closed, key := click("close")
	if closed.Query().Get("code") != "PAY_PROCESS_CANCELED" {
		t.Errorf("closed goes to %s", closed)
	}
	s.wantStatus(key, "READY")
}

func (s *shop) keyOf(orderID string) string {
	s.t.Helper()
	items, _ := s.do("GET", "/sim/payments?order_id="+orderID, nil).body["items"].([]any)
	if len(items) != 1 {
		s.t.Fatalf("payments of %s: %v", orderID, items)
	}
	key, _ := items[0].(map[string]any)["payment_key"].(string)
	return key
}

func TestWebhooks(t *testing.T) {
	t.Parallel()
	received := make(chan http.Header, 10)
	listener := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { received <- r.Header }))
	t.Cleanup(listener.Close)
	s := open(t, func(c *toss.Config) { c.WebhookURL = listener.URL })
	s.faults(map[string]any{"webhooks": map[string]any{"duplicate": true}})
	s.confirm(s.approved("order-1", 1000), "order-1", 1000)
	var ids []string
	for range 2 {
		select {
		case h := <-received:
			ids = append(ids, h.Get("tosspayments-webhook-transmission-id"))
		case <-time.After(5 * time.Second):
			t.Fatal("no webhook within 5 s")
		}
	}
	if ids[0] == "" || ids[0] != ids[1] {
		t.Errorf("transmission ids %q, want the same one twice", ids)
	}
}

func TestPaymentsSurviveARestart(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "payments.jsonl")
	keep := func(c *toss.Config) { c.StateFile = file }
	first := open(t, keep)
	key := first.approved("order-1", 1000)
	first.confirm(key, "order-1", 1000)
	second := open(t, keep)
	second.wantStatus(key, "DONE")
}

func TestTransactions(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	key := s.approved("order-1", 1000)
	s.confirm(key, "order-1", 1000)
	s.do("POST", "/v1/payments/"+key+"/cancel", map[string]any{"cancelReason": "x", "cancelAmount": 300})
	r, err := http.NewRequest("GET", s.url+"/v1/transactions?startDate=2026-11-20&endDate=2026-11-21", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(secretKey, "")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var moves []toss.Transaction
	if err := json.NewDecoder(response.Body).Decode(&moves); err != nil {
		t.Fatal(err)
	}
	sum := int64(0)
	for _, m := range moves {
		sum += m.Amount
	}
	if len(moves) != 2 || sum != 700 {
		t.Errorf("%d movements summing to %d, want 2 and 700", len(moves), sum)
	}
}
