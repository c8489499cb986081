// Package toss talks to Toss Payments, API version 1, as booking.Provider.
//
// It sends one request and translates the one answer; what an answer means for a
// booking is decided in package booking. The bundled simulator speaks the same
// protocol: only the base URL and the keys differ.
//
// Source: https://docs.tosspayments.com/reference
package toss

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/money"
	"github.com/fairgate/fairgate/shared/platform/tracing"
	"github.com/fairgate/fairgate/shared/text"
)

// DefaultTimeout bounds one request, the reading of its answer included.
const DefaultTimeout = 10 * time.Second

const maxAnswer = 1 << 20 // bytes

// Client implements booking.Provider.
type Client struct {
	baseURL   string
	secretKey string
	http      *http.Client
}

var _ booking.Provider = (*Client)(nil)

// New returns a client of the API at baseURL ("https://api.tosspayments.com").
// A timeout of 0 means DefaultTimeout.
func New(baseURL, secretKey string, timeout time.Duration) *Client {
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	transport := &http.Transport{
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     30 * time.Second,
	}
	return &Client{
		baseURL:   strings.TrimSuffix(baseURL, "/"),
		secretKey: secretKey,
		http: &http.Client{
			Timeout:       timeout,
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Confirm captures the money.
func (c *Client) Confirm(ctx context.Context, key string, request booking.ConfirmRequest) (booking.ProviderPayment, error) {
	return c.send(ctx, http.MethodPost, "/v1/payments/confirm", key, map[string]any{
		"paymentKey": request.PaymentKey,
		"orderId":    request.OrderID,
		"amount":     int64(request.Amount),
	})
}

// Get reads a payment by its key.
func (c *Client) Get(ctx context.Context, paymentKey string) (booking.ProviderPayment, error) {
	return c.send(ctx, http.MethodGet, "/v1/payments/"+url.PathEscape(paymentKey), "", nil)
}

// GetByOrder reads the payment of an order.
func (c *Client) GetByOrder(ctx context.Context, orderID string) (booking.ProviderPayment, error) {
	return c.send(ctx, http.MethodGet, "/v1/payments/orders/"+url.PathEscape(orderID), "", nil)
}

// Cancel gives money back.
func (c *Client) Cancel(ctx context.Context, key string, request booking.CancelRequest) (booking.ProviderPayment, error) {
	body := map[string]any{"cancelReason": request.Reason}
	if request.Amount > 0 {
		body["cancelAmount"] = int64(request.Amount)
	}
	return c.send(ctx, http.MethodPost, "/v1/payments/"+url.PathEscape(request.PaymentKey)+"/cancel", key, body)
}

func (c *Client) send(ctx context.Context, method, path, key string, body any) (_ booking.ProviderPayment, err error) {
	ctx, span := tracing.Start(ctx, "ask the payment provider", tracing.Client)
	span.Set("http.request.method", method)
	defer func() { span.End(&err) }()
	request, err := c.request(ctx, method, path, key, body)
	if err != nil {
		return booking.ProviderPayment{}, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return booking.ProviderPayment{}, noAnswer(err)
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return booking.ProviderPayment{}, noAnswer(err)
	}
	return read(response.StatusCode, raw)
}

func (c *Client) request(ctx context.Context, method, path, key string, body any) (*http.Request, error) {
	var content io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("toss: %w", err)
		}
		content = bytes.NewReader(raw)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.baseURL+path, content)
	if err != nil {
		return nil, fmt.Errorf("toss: %w", err)
	}
	request.SetBasicAuth(c.secretKey, "") // the colon after the key is part of the contract
	request.Header.Set("Accept-Language", "ko-KR")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	return request, nil
}

func noAnswer(cause error) error {
	return &booking.ProviderError{Kind: booking.NoAnswer, Cause: cause}
}

// read translates an answer: 200 is a payment, anything else an error.
func read(status int, raw []byte) (booking.ProviderPayment, error) {
	if status != http.StatusOK {
		return booking.ProviderPayment{}, readFailure(status, raw)
	}
	var answer payment
	if err := json.Unmarshal(raw, &answer); err != nil {
		return booking.ProviderPayment{}, noAnswer(err)
	}
	if answer.PaymentKey == "" || answer.Status == "" {
		return booking.ProviderPayment{}, noAnswer(errors.New("the answer is no payment"))
	}
	return answer.translate(), nil
}

// maxTold is in characters: the longest text of the provider's that is kept.
const maxTold = 2000

// told is a text of the provider's that can be kept: what it sends is not ours to
// refuse, and a payment must not hang on a character in it.
func told(s string) string { return text.Told(s, maxTold) }

func readFailure(status int, raw []byte) error {
	var answer struct{ Code, Message string }
	if err := json.Unmarshal(raw, &answer); err != nil || answer.Code == "" {
		return noAnswer(fmt.Errorf("status %d without a code", status))
	}
	return &booking.ProviderError{Kind: kindOf(status, answer.Code), Code: told(answer.Code), Message: told(answer.Message)}
}

// kinds are the codes that decide by themselves, whatever their status.
var kinds = map[string]booking.AnswerKind{
	"IDEMPOTENT_REQUEST_PROCESSING": booking.Processing,
	"ALREADY_PROCESSED_PAYMENT":     booking.AlreadyProcessed,
	"ALREADY_CANCELED_PAYMENT":      booking.AlreadyProcessed,
	"ALREADY_REFUND_PAYMENT":        booking.AlreadyProcessed,
	"NOT_FOUND_PAYMENT_SESSION":     booking.NoSession,
	"NOT_FOUND_PAYMENT":             booking.NotFound,
	"NOT_FOUND":                     booking.NotFound,
	"PROVIDER_ERROR":                booking.Failing,
	"FORBIDDEN_CONSECUTIVE_REQUEST": booking.Failing,
	"UNAUTHORIZED_KEY":              booking.Failing,
	"INVALID_API_KEY":               booking.Failing,
	"INCORRECT_BASIC_AUTH_FORMAT":   booking.Failing,
}

func kindOf(status int, code string) booking.AnswerKind {
	if kind, known := kinds[code]; known {
		return kind
	}
	if status >= 500 || status == http.StatusTooManyRequests || status == http.StatusUnauthorized || status < 400 {
		return booking.Failing
	}
	return booking.Declined
}

// payment is the part of Toss's Payment object that we read.
type payment struct {
	PaymentKey    string      `json:"paymentKey"`
	OrderID       string      `json:"orderId"`
	Status        string      `json:"status"`
	Currency      string      `json:"currency"`
	TotalAmount   json.Number `json:"totalAmount"`
	BalanceAmount json.Number `json:"balanceAmount"`
	Method        string      `json:"method"`
	ApprovedAt    string      `json:"approvedAt"`
	Receipt       *struct {
		URL string `json:"url"`
	} `json:"receipt"`
	Failure *struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"failure"`
	Cancels []struct {
		TransactionKey string      `json:"transactionKey"`
		CancelAmount   json.Number `json:"cancelAmount"`
		CancelReason   string      `json:"cancelReason"`
		CanceledAt     string      `json:"canceledAt"`
	} `json:"cancels"`
}

func (p payment) translate() booking.ProviderPayment {
	out := booking.ProviderPayment{
		PaymentKey: told(p.PaymentKey), OrderID: told(p.OrderID), Status: booking.ProviderStatus(told(p.Status)),
		Currency: told(p.Currency), Total: won(p.TotalAmount), Balance: won(p.BalanceAmount),
		Method: told(p.Method), ApprovedAt: moment(p.ApprovedAt),
	}
	if p.Receipt != nil {
		out.ReceiptURL = told(p.Receipt.URL)
	}
	if p.Failure != nil {
		out.FailureCode, out.FailureMessage = told(p.Failure.Code), told(p.Failure.Message)
	}
	for _, c := range p.Cancels {
		out.Cancels = append(out.Cancels, booking.ProviderCancel{
			TransactionKey: told(c.TransactionKey), Amount: won(c.CancelAmount), Reason: told(c.CancelReason), CanceledAt: moment(c.CanceledAt),
		})
	}
	return out
}

// won reads an amount. One that is no whole number of 0 … money.Max reads as -1, which matches
// nothing that we ever asked for.
func won(n json.Number) money.KRW {
	whole, err := n.Int64()
	amount := money.KRW(whole)
	if err != nil || amount < 0 || amount > money.Max {
		return -1
	}
	return amount
}

func moment(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}
