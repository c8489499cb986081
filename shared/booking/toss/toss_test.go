package toss_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/booking/toss"
)

// answering returns a client of a server that gives one answer, and what it was asked.
func answering(t *testing.T, status int, body string) (*toss.Client, *http.Request, *map[string]any) {
	t.Helper()
	asked, content := &http.Request{}, &map[string]any{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked = *r
		_ = json.NewDecoder(r.Body).Decode(content)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	return toss.New(server.URL, "test_sk", time.Second), asked, content
}

const captured = `{"paymentKey":"pk","orderId":"order-1","status":"DONE","currency":"KRW","method":"카드",
"totalAmount":150000,"balanceAmount":100000,"approvedAt":"2026-11-20T20:00:00+09:00","virtualAccount":null,
"receipt":{"url":"https://receipt"},"failure":null,
"cancels":[{"transactionKey":"t1","cancelAmount":50000,"cancelReason":"rfd-1","canceledAt":"2026-11-20T20:01:00+09:00"}]}`

func TestConfirmSendsAndReads(t *testing.T) {
	t.Parallel()
	client, asked, content := answering(t, 200, captured)
	got, err := client.Confirm(t.Context(), "confirm:k:1", booking.ConfirmRequest{PaymentKey: "pk", OrderID: "order-1", Amount: 150_000})
	if err != nil {
		t.Fatal(err)
	}
	if user, password, _ := asked.BasicAuth(); user != "test_sk" || password != "" {
		t.Errorf("basic auth %q:%q, want the secret key and an empty password", user, password)
	}
	if key := asked.Header.Get("Idempotency-Key"); key != "confirm:k:1" {
		t.Errorf("Idempotency-Key %q", key)
	}
	if (*content)["amount"] != 150_000.0 || (*content)["orderId"] != "order-1" || (*content)["paymentKey"] != "pk" {
		t.Errorf("body %v", *content)
	}
	if got.Status != booking.StatusDone || got.Total != 150_000 || got.Balance != 100_000 || got.ReceiptURL != "https://receipt" ||
		!got.ApprovedAt.Equal(time.Date(2026, 11, 20, 11, 0, 0, 0, time.UTC)) {
		t.Errorf("payment %+v", got)
	}
	if len(got.Cancels) != 1 || got.Cancels[0].Amount != 50_000 || got.Cancels[0].Reason != "rfd-1" {
		t.Errorf("cancels %+v", got.Cancels)
	}
}

func TestCancelWithoutAmountGivesAllBack(t *testing.T) {
	t.Parallel()
	client, asked, content := answering(t, 200, captured)
	if _, err := client.Cancel(t.Context(), "k", booking.CancelRequest{PaymentKey: "p/k", Reason: "rfd-1"}); err != nil {
		t.Fatal(err)
	}
	if asked.URL.EscapedPath() != "/v1/payments/p%2Fk/cancel" {
		t.Errorf("path %s", asked.URL.EscapedPath())
	}
	if _, set := (*content)["cancelAmount"]; set {
		t.Errorf("body %v has an amount", *content)
	}
}

func TestAnswersAreSorted(t *testing.T) {
	t.Parallel()
	code := func(c string) string { return `{"code":"` + c + `","message":"m"}` }
	tests := []struct {
		name   string
		status int
		body   string
		want   booking.AnswerKind
	}{
		{"declined card", 403, code("REJECT_CARD_COMPANY"), booking.Declined},
		{"stopped card", 400, code("INVALID_STOPPED_CARD"), booking.Declined},
		{"card company failed", 400, code("CARD_PROCESSING_ERROR"), booking.Declined},
		{"amount mismatch", 400, code("INVALID_REQUEST"), booking.Declined},
		{"already", 400, code("ALREADY_PROCESSED_PAYMENT"), booking.AlreadyProcessed},
		{"already cancelled", 400, code("ALREADY_CANCELED_PAYMENT"), booking.AlreadyProcessed},
		{"no session", 404, code("NOT_FOUND_PAYMENT_SESSION"), booking.NoSession},
		{"no payment", 404, code("NOT_FOUND_PAYMENT"), booking.NotFound},
		{"same key running", 409, code("IDEMPOTENT_REQUEST_PROCESSING"), booking.Processing},
		{"provider error under 400", 400, code("PROVIDER_ERROR"), booking.Failing},
		{"500", 500, code("FAILED_INTERNAL_SYSTEM_PROCESSING"), booking.Failing},
		{"too often", 429, code("TOO_MANY_REQUESTS"), booking.Failing},
		{"our key", 401, code("UNAUTHORIZED_KEY"), booking.Failing},
		{"proxy page", 502, "<html>bad gateway</html>", booking.NoAnswer},
		{"200 that is no payment", 200, `{}`, booking.NoAnswer},
		{"200 torn", 200, `{"paymentKey":"p`, booking.NoAnswer},
		{"redirect", 302, "", booking.NoAnswer},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			client, _, _ := answering(t, test.status, test.body)
			_, err := client.Get(t.Context(), "pk")
			var got *booking.ProviderError
			if !errors.As(err, &got) || got.Kind != test.want {
				t.Errorf("error %v, want kind %s", err, test.want)
			}
		})
	}
}

func TestSilenceIsNoAnswer(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(release) })
	_, err := toss.New(server.URL, "k", 20*time.Millisecond).Get(t.Context(), "pk")
	var got *booking.ProviderError
	if !errors.As(err, &got) || got.Kind != booking.NoAnswer {
		t.Errorf("error %v, want no answer", err)
	}
}

func TestFractionsOfAWonMatchNothing(t *testing.T) {
	t.Parallel()
	client, _, _ := answering(t, 200, `{"paymentKey":"pk","orderId":"o","status":"DONE","totalAmount":1000.5,"balanceAmount":1000}`)
	got, err := client.Get(t.Context(), "pk")
	if err != nil || got.Total != -1 {
		t.Errorf("total %d, error %v; want -1", got.Total, err)
	}
}
