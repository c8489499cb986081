package traced

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	bookingapi "github.com/fairgate/fairgate/booking-api"
	"github.com/fairgate/fairgate/deploy/sim/catcher"
	"github.com/fairgate/fairgate/deploy/sim/toss"
	queuegateway "github.com/fairgate/fairgate/queue-gateway"
	"github.com/fairgate/fairgate/shared/clock"
	"github.com/fairgate/fairgate/shared/ident"
	"github.com/fairgate/fairgate/shared/platform/backendtest"
	"github.com/fairgate/fairgate/shared/platform/backendtest/pgtest"
	"github.com/fairgate/fairgate/shared/platform/config"
	"github.com/fairgate/fairgate/shared/platform/tracing/tracingtest"
	"github.com/fairgate/fairgate/worker"
)

// shop is all services in this process.
type shop struct {
	t             *testing.T
	gateway, toss string // base URLs
	spans         *tracingtest.Receiver
}

func catchMails(t *testing.T) (smtp string) {
	t.Helper()
	var listeners [2]net.Listener
	for i := range listeners {
		var err error
		if listeners[i], err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
	}
	background(t, func(ctx context.Context) error {
		return catcher.New(slog.New(slog.DiscardHandler)).Run(ctx, listeners[0], listeners[1])
	})
	return listeners[1].Addr().String()
}

// background runs f until the test ends.
func background(t *testing.T, f func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("ended with %v", err)
		}
	})
}

// service loads a service's settings and runs it.
func service[C any, S interface{ Run(context.Context) error }](t *testing.T, make func(context.Context, C, *slog.Logger) (S, error), environ []string) {
	t.Helper()
	cfg, err := config.Load[C](environ)
	if err != nil {
		t.Fatal(err)
	}
	s, err := make(context.Background(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	background(t, s.Run)
}

func open(t *testing.T) *shop {
	t.Helper()
	sim, err := toss.New(t.Context(), toss.Config{SecretKey: "test_sk_fairgate", ClientKey: "test_ck_fairgate"}, clock.System{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	provider := httptest.NewServer(sim)
	t.Cleanup(provider.Close)
	_, prefix := backendtest.Redis(t)
	spans := tracingtest.New(t)
	gateway, api := backendtest.FreeAddr(t), backendtest.FreeAddr(t)
	shared := []string{
		"ENV=test", "REDIS_ADDRS=" + backendtest.RedisAddr(t), "REDIS_PREFIX=" + prefix, "PUBLIC_URL=http://" + gateway,
		"OTEL_EXPORTER_OTLP_ENDPOINT=" + spans.URL, "POSTGRES_URL=" + pgtest.URL(t), "RABBITMQ_URL=" + backendtest.RabbitURL(t),
		"BOOKING_API_URL=http://" + api, "QUEUE_JWKS_URL=http://" + gateway + "/.well-known/jwks.json",
		"TOSS_BASE_URL=" + provider.URL, "SMTP_ADDR=" + catchMails(t), "AUDIT_DIR=" + t.TempDir(),
	}
	own := func(addr string) []string {
		return append([]string{"ADDR=" + addr, "ADMIN_ADDR=" + backendtest.FreeAddr(t)}, shared...)
	}
	service(t, bookingapi.New, own(api))
	service(t, queuegateway.New, own(gateway))
	service(t, worker.New, own(""))
	s := &shop{t: t, gateway: "http://" + gateway, toss: provider.URL, spans: spans}
	s.eventually("the shop answers", func() bool {
		response, err := http.Get(s.gateway + "/openapi.json")
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	return s
}

func (s *shop) eventually(what string, done func() bool) {
	s.t.Helper()
	for end := time.Now().Add(time.Minute); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("not within a minute: %s; spans %v", what, names(s.spans.Spans()))
		}
	}
}

func names(spans []tracingtest.Span) []string {
	var all []string
	for _, span := range spans {
		all = append(all, span.Service+" "+span.Name)
	}
	return all
}

// call asks for JSON and returns its members.
func (s *shop) call(method, url, token string, body any, header ...string) map[string]any {
	s.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(s.t.Context(), method, url, bytes.NewReader(raw))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Idempotency-Key", ident.New("key"))
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= 300 {
		s.t.Fatalf("%s %s: %d %s %v", method, url, response.StatusCode, answer, err)
	}
	var members map[string]any
	if err := json.Unmarshal(answer, &members); err != nil {
		s.t.Fatalf("%s %s: %s: %v", method, url, answer, err)
	}
	return members
}

func TestOnePurchaseIsOneTrace(t *testing.T) {
	t.Parallel()
	s := open(t)
	accounts := s.call("POST", s.gateway+"/v1/dev/accounts", "", map[string]any{"count": 1, "prefix": "traced"})
	fan := accounts["items"].([]any)[0].(map[string]any)
	token := fan["access_token"].(string)
	sale := s.call("POST", s.gateway+"/v1/dev/sales", "", map[string]any{"seats": 2, "queued": false})
	showtime := sale["showtime_id"].(string)
	seatmap := s.call("GET", s.gateway+"/v1/showtimes/"+showtime+"/seatmap", token, nil)
	seat := seatmap["seats"].([]any)[0].(map[string]any)["no"]
	hold := s.call("POST", s.gateway+"/v1/showtimes/"+showtime+"/holds", token, map[string]any{"seats": []any{seat}})
	booking := s.call("POST", s.gateway+"/v1/bookings", token, map[string]any{"hold_id": hold["hold_id"]})
	order, amount := booking["order_id"], booking["amount"]
	approved := s.call("POST", s.toss+"/sim/payments", "", map[string]any{"order_id": order, "amount": amount, "method": "카드"})

	const request = "req-of-this-purchase"
	const theirs = "0af7651916cd43dd8448eb211c80319c" // a stranger's trace is not gone on with
	paid := s.call("POST", s.gateway+"/v1/payments/confirm", token,
		map[string]any{"payment_key": approved["payment_key"], "order_id": order, "amount": amount},
		"Prefer", "wait=10", "X-Request-Id", request, "Traceparent", "00-"+theirs+"-b7ad6b7169203331-01")
	if paid["booking_state"] != "confirmed" {
		t.Fatalf("paid: %v", paid)
	}

	// from the fan's request to the mail, each below the one before
	chain := []string{
		"queue-gateway POST /*",
		"queue-gateway ask the booking API",
		"booking-api POST /v1/payments/confirm",
		"booking-api transaction",
		"worker publish payment.confirm_requested",
		"worker consume fairgate.payment",
		"worker transaction",
		"worker publish booking.confirmed",
		"worker consume fairgate.mail",
		"worker send a mail",
	}
	var path []tracingtest.Span
	s.eventually("the trace is whole", func() bool {
		path = follow(s.spans.Spans(), request, chain)
		return len(path) == len(chain)
	})
	if path[0].TraceID == theirs {
		t.Error("a stranger's trace was gone on with")
	}
	if path[2].Attributes["fairgate.request_id"] != request {
		t.Errorf("the API's span has the request id %q", path[2].Attributes["fairgate.request_id"])
	}
	if below(s.spans.Spans(), path[5], "ask the payment provider") == nil {
		t.Error("the provider's call is not in the trace")
	}
	text := fmt.Sprint(s.spans.Spans())
	for what, secret := range map[string]string{"e-mail": fan["email"].(string), "token": token, "payment key": fmt.Sprint(approved["payment_key"])} {
		if strings.Contains(text, secret) {
			t.Errorf("the traces hold the fan's %s", what)
		}
	}
}

// follow returns the longest beginning of the chain of names that the spans have, from
// the span of the request on.
func follow(spans []tracingtest.Span, request string, chain []string) []tracingtest.Span {
	for _, span := range spans {
		if span.Service+" "+span.Name == chain[0] && span.Attributes["fairgate.request_id"] == request {
			return append([]tracingtest.Span{span}, descend(spans, span, chain[1:])...)
		}
	}
	return nil
}

func descend(spans []tracingtest.Span, from tracingtest.Span, chain []string) []tracingtest.Span {
	if len(chain) == 0 {
		return nil
	}
	var longest []tracingtest.Span
	for _, span := range spans {
		if span.ParentID == from.SpanID && span.TraceID == from.TraceID && span.Service+" "+span.Name == chain[0] {
			if path := append([]tracingtest.Span{span}, descend(spans, span, chain[1:])...); len(path) > len(longest) {
				longest = path
			}
		}
	}
	return longest
}

func below(spans []tracingtest.Span, from tracingtest.Span, name string) *tracingtest.Span {
	for _, span := range spans {
		if span.ParentID == from.SpanID && span.Name == name {
			return &span
		}
	}
	return nil
}
