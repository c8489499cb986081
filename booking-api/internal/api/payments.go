package api

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/money"
	"github.com/fairgate/fairgate/shared/platform/httpd"
	"github.com/fairgate/fairgate/shared/text"
)

// Confirmation is how a payment stands.
type Confirmation struct {
	BookingID    string   `json:"booking_id"`
	BookingState string   `json:"booking_state" example:"confirmed"`
	PaymentState string   `json:"payment_state" example:"done"`
	Failure      *Failure `json:"failure,omitempty" doc:"Why it was refused; the booking stays payable."`
}

type confirmInput struct {
	Key    string `header:"Idempotency-Key" doc:"Required; the answer of a repeated request shows today's state."`
	Prefer string `header:"Prefer" maxLength:"200" doc:"wait=N: answer when the outcome is known, at the latest after N ≤ 10 seconds." example:"wait=10"`
	Body   struct {
		PaymentKey string    `json:"payment_key,omitempty" maxLength:"200" doc:"Absent for a booking of ₩0."`
		OrderID    string    `json:"order_id" minLength:"1" maxLength:"64"`
		Amount     money.KRW `json:"amount" minimum:"0" maximum:"1099511627776" doc:"KRW, as the payment window returned it." example:"330000"`
	}
}

type confirmOutput struct {
	Status  int
	Cache   string `header:"Cache-Control"`
	Applied string `header:"Preference-Applied"`
	Body    Confirmation
}

func (a *api) paymentRoutes() {
	waiting := a.jsonResponse("Still confirming.", Confirmation{})
	waiting.Headers = map[string]*huma.Param{"Preference-Applied": {Description: "wait=N, if it was waited.", Schema: &huma.Schema{Type: huma.TypeString}}}
	fails := []*errs.Error{booking.ErrBookingNotFound, booking.ErrAmountMismatch, booking.ErrNotPayable, errs.ErrRateLimited}
	add(a, route{account: true, fails: fails, Operation: huma.Operation{
		OperationID: "confirm-payment", Method: http.MethodPost, Path: "/v1/payments/confirm", Tags: []string{"payments"},
		Summary: "Confirm a payment", Description: "Takes what the payment window returned. 200 when the outcome is final (a refusal is 200 with " +
			"`payment_state: failed`), 202 while `confirming`. Checked in this order: 404 not yours, 409 `amount_mismatch`, 409 `booking_not_payable`, " +
			"with `payable: true` when only this payment key cannot be used. " +
			"Asks for no entry pass: captured money must not be refused.",
		Middlewares: huma.Middlewares{a.limitConfirms, a.requireKey},
		Responses:   map[string]*huma.Response{"202": waiting},
	}}, a.confirm)
	add(a, route{Operation: huma.Operation{
		OperationID: "toss-webhook", Method: http.MethodPost, Path: "/v1/webhooks/toss", Tags: []string{"payments"},
		Summary: "Toss Payments webhook", Description: "Unsigned, so only a hint: it is stored, and the provider is asked soon.",
		SkipValidateBody: true,
	}}, a.webhook)
}

// limitConfirms bounds how often one account, and all of one network, may ask to confirm:
// each request waits up to ten seconds and takes locks. The account comes first, so that
// one that is refused uses up nothing of its network's. An account's own few count
// nothing on its network: a carrier's address is shared by thousands, and none of them
// may keep the others from paying.
func (a *api) limitConfirms(ctx huma.Context, next func(huma.Context)) {
	c, r := humafiber.Unwrap(ctx), of(ctx.Context())
	err := httpd.Spend(c, a.Confirms, r.caller.ID)
	if err == nil && !a.ofOwn(r.caller.ID) {
		err = httpd.Spend(c, a.ConfirmsOfNetwork, r.network)
	}
	if err != nil {
		a.refuse(ctx, err)
		return
	}
	next(ctx)
}

// ofOwn counts a request to confirm among an account's own few, and reports whether it
// is one of them.
func (a *api) ofOwn(account string) bool {
	_, ok := a.ConfirmsOfOwn.Allow(strings.Clone(account)) // the limiter keeps it
	return ok
}

const longestWait = 10 * time.Second

func (a *api) confirm(ctx context.Context, in *confirmInput) (*confirmOutput, error) {
	r := of(ctx)
	wait := preferredWait(in.Prefer)
	c, err := a.Bookings.ConfirmOnce(r.act(ctx), r.key, booking.ConfirmCommand{
		AccountID: r.caller.ID, OrderID: in.Body.OrderID, PaymentKey: in.Body.PaymentKey, Amount: in.Body.Amount, RequestID: r.id,
	}, wait)
	if err != nil {
		return nil, err
	}
	out := &confirmOutput{Status: http.StatusAccepted, Cache: "no-store", Body: Confirmation{
		BookingID: c.BookingID, BookingState: string(c.BookingState), PaymentState: string(c.PaymentState),
	}}
	if c.Final() {
		out.Status = http.StatusOK
	}
	if wait > 0 {
		out.Applied = fmt.Sprintf("wait=%d", int(wait.Seconds()))
	}
	if c.Failure != nil {
		out.Body.Failure = &Failure{Code: c.Failure.Code, Message: c.Failure.Message}
	}
	return out, nil
}

// preferredWait reads wait=N of a Prefer header (RFC 7240); other preferences are
// passed over.
func preferredWait(header string) time.Duration {
	for part := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		seconds, err := strconv.ParseUint(strings.Trim(strings.TrimSpace(value), `"`), 10, 16)
		if strings.EqualFold(strings.TrimSpace(name), "wait") && err == nil {
			return min(time.Duration(seconds)*time.Second, longestWait)
		}
	}
	return 0
}

type webhookInput struct {
	TransmissionID string `header:"Tosspayments-Webhook-Transmission-Id" text:"token" maxLength:"200"`
	RawBody        []byte `contentType:"application/json"`
}

type webhookOutput struct {
	Body struct {
		Received bool `json:"received"`
	}
}

// tossEvent is a webhook: PAYMENT_STATUS_CHANGED has data, DEPOSIT_CALLBACK is flat.
type tossEvent struct {
	EventType string `json:"eventType"`
	OrderID   string `json:"orderId"`
	Status    string `json:"status"`
	Data      struct {
		PaymentKey string `json:"paymentKey"`
		OrderID    string `json:"orderId"`
		Status     string `json:"status"`
	} `json:"data"`
}

const maxTold = 200 // characters

// told is a text of the webhook as it can be kept: it is not ours to refuse.
func told(s string) string { return text.Told(s, maxTold) }

func (a *api) webhook(ctx context.Context, in *webhookInput) (*webhookOutput, error) {
	var e tossEvent
	if err := json.Unmarshal(in.RawBody, &e); err != nil && !json.Valid(in.RawBody) {
		return nil, errs.ErrMalformedJSON.Because(err) // a shape that is new to us is still a hint
	}
	id := in.TransmissionID
	if id == "" {
		id = fmt.Sprintf("sha256:%x", sha256.Sum256(in.RawBody))
	}
	hint := booking.Hint{
		TransmissionID: id, Type: told(e.EventType), OrderID: told(e.Data.OrderID), PaymentKey: told(e.Data.PaymentKey),
		Status: booking.ProviderStatus(told(e.Data.Status)), Body: in.RawBody,
	}
	if e.EventType == "" {
		hint.Type, hint.OrderID, hint.Status = "DEPOSIT_CALLBACK", told(e.OrderID), booking.ProviderStatus(told(e.Status))
	}
	if err := a.Bookings.WebhookHint(ctx, hint); err != nil {
		return nil, err // anything but 200 makes the provider send it again
	}
	out := &webhookOutput{}
	out.Body.Received = true
	return out, nil
}
