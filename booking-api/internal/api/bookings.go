package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/money"
	"github.com/fairgate/fairgate/shared/platform/httpd"
)

// Booking is an order as its owner sees it.
type Booking struct {
	ID               string        `json:"id" example:"bkg-01jd0z8m7q3k5v9x2c4b6n8p0r"`
	OrderID          string        `json:"order_id" example:"ord-01jd0z8m7q3k5v9x2c4b6n8p0r"`
	State            string        `json:"state" enum:"pending_payment,confirmed,cancelling,cancelled,expired" example:"pending_payment"`
	PaymentState     string        `json:"payment_state" example:"ready" doc:"ready, confirming, waiting_for_deposit, done, failed, cancelled, partially_cancelled or expired."`
	PerformanceID    string        `json:"performance_id"`
	PerformanceTitle string        `json:"performance_title"`
	VenueName        string        `json:"venue_name"`
	SaleID           string        `json:"sale_id"`
	ShowtimeID       string        `json:"showtime_id"`
	StartsAt         time.Time     `json:"starts_at"`
	Seats            []BookedSeat  `json:"seats"`
	Price            money.KRW     `json:"price" doc:"KRW, the sum of the seats." example:"330000"`
	Discount         money.KRW     `json:"discount" example:"0"`
	Amount           money.KRW     `json:"amount" doc:"What is to be paid." example:"330000"`
	PayBefore        time.Time     `json:"pay_before"`
	CreatedAt        time.Time     `json:"created_at"`
	ConfirmedAt      *time.Time    `json:"confirmed_at,omitempty"`
	CancelReason     string        `json:"cancel_reason,omitempty"`
	Payment          PaymentWindow `json:"payment" doc:"What the payment window needs."`
	Failure          *Failure      `json:"failure,omitempty" doc:"Why the latest payment was refused."`
	ReceiptURL       string        `json:"receipt_url,omitempty"`
	Refunds          []Refund      `json:"refunds"`
}

// BookedSeat is one seat of a booking.
type BookedSeat struct {
	No       string    `json:"no" example:"1F-A-12-7"`
	Grade    string    `json:"grade" example:"VIP"`
	Price    money.KRW `json:"price" example:"165000"`
	Discount money.KRW `json:"discount" example:"0"`
}

// PaymentWindow opens the provider's window.
type PaymentWindow struct {
	Provider   string `json:"provider" example:"toss"`
	ClientKey  string `json:"client_key" example:"test_ck_fairgate"`
	OrderName  string `json:"order_name"`
	SuccessURL string `json:"success_url" doc:"The provider adds paymentKey, orderId and amount."`
	FailURL    string `json:"fail_url" doc:"The provider adds code and message."`
	WindowURL  string `json:"window_url,omitempty" doc:"Of the simulator's window; absent where the provider's script opens it."`
}

// Refund is money on its way back.
type Refund struct {
	ID          string     `json:"id"`
	Amount      money.KRW  `json:"amount"`
	Reason      string     `json:"reason"`
	State       string     `json:"state" example:"done"`
	RequestedAt time.Time  `json:"requested_at"`
	DoneAt      *time.Time `json:"done_at,omitempty"`
}

// Failure is why a payment was refused.
type Failure struct {
	Code    string `json:"code" doc:"The provider's." example:"REJECT_CARD_COMPANY"`
	Message string `json:"message"`
}

// Ticket lets one person in.
type Ticket struct {
	ID       string    `json:"id"`
	Seat     string    `json:"seat" example:"1F-A-12-7"`
	Code     string    `json:"code" doc:"What its QR shows."`
	Void     bool      `json:"void" doc:"Its booking was cancelled."`
	IssuedAt time.Time `json:"issued_at"`
}

type createBookingInput struct {
	Key  string `header:"Idempotency-Key" doc:"Required; repeating a request with it gives the same answer for 24 h."`
	Pass string `header:"Entry-Pass" doc:"Required while the sale is queued, unless the cookie is sent."`
	Body struct {
		HoldID        string  `json:"hold_id" minLength:"1" maxLength:"4096"`
		CouponClaimID *string `json:"coupon_claim_id,omitempty" nullable:"true" doc:"Not offered yet."`
	}
}

type bookingOutput struct {
	Status int
	Cache  string `header:"Cache-Control"`
	Body   Booking
}

type bookingsInput struct {
	PageInput
	State string `query:"state" enum:"pending_payment,confirmed,cancelling,cancelled,expired"`
}

type bookingsOutput struct {
	Cache string `header:"Cache-Control"`
	Body  listBody[Booking]
}

type cancelInput struct {
	IDInput
	Key     string `header:"Idempotency-Key" doc:"Required."`
	RawBody []byte // tells null from absent
	Body    struct {
		Reason        string         `json:"reason" text:"note" minLength:"1" maxLength:"150" example:"일정 변경"`
		Seats         []string       `json:"seats,omitempty" text:"line" minItems:"1" nullable:"false" doc:"Partial cancellation is not offered yet: absent, or all of them; neither null nor empty."`
		RefundAccount map[string]any `json:"refund_account,omitempty" nullable:"true" doc:"Not offered yet."`
	}
}

type ticketsOutput struct {
	Cache string `header:"Cache-Control"`
	Body  struct {
		Items []Ticket `json:"items"`
	}
}

func (a *api) bookingRoutes() {
	operation := func(id, method, path, summary, description string, fails ...*errs.Error) route {
		return route{account: true, fails: fails, Operation: huma.Operation{
			OperationID: id, Method: method, Path: path, Tags: []string{"bookings"},
			Summary: summary, Description: description,
		}}
	}
	create := operation("create-booking", http.MethodPost, "/v1/bookings", "Book a hold",
		"Turns a hold into a booking that is to be paid before `pay_before`. 410 `hold_expired`; 409 `seat_taken`, `seat_limit`, "+
			"`hold_already_booked`; 403 `pass_required`, `pass_invalid`.", booking.ErrHoldNotFound, booking.ErrHoldExpired, booking.ErrSeatTaken, booking.ErrSeatLimit, booking.ErrHoldUsed, booking.ErrSaleClosed, booking.ErrTooMuch)
	create.DefaultStatus = http.StatusCreated
	create.Security = []map[string][]string{{"account": {}, "pass": {}}}
	create.Middlewares = huma.Middlewares{a.passForHold, a.requireKey}
	add(a, create, a.createBooking)
	add(a, operation("list-bookings", http.MethodGet, "/v1/bookings",
		"My bookings", "Newest first."), a.bookings)
	add(a, operation("get-booking", http.MethodGet, "/v1/bookings/{id}",
		"A booking of mine", "Others get 404.", booking.ErrBookingNotFound), a.booking)
	cancel := operation("cancel-booking", http.MethodPost, "/v1/bookings/{id}/cancel", "Cancel a booking of mine",
		"200 when it is cancelled at once (unpaid), 202 while the money is on its way back. 409 `not_cancellable`.", booking.ErrBookingNotFound, booking.ErrNotCancellable)
	cancel.Responses = map[string]*huma.Response{"202": a.jsonResponse("The money is on its way back.", Booking{})}
	cancel.Middlewares = huma.Middlewares{a.requireKey}
	add(a, cancel, a.cancelBooking)
	add(a, operation("list-tickets", http.MethodGet, "/v1/bookings/{id}/tickets",
		"The tickets of a booking of mine", "Empty until they are issued, moments after it is confirmed.", booking.ErrBookingNotFound), a.tickets)
}

func (a *api) createBooking(ctx context.Context, in *createBookingInput) (*bookingOutput, error) {
	if in.Body.CouponClaimID != nil {
		return nil, notOffered("body.coupon_claim_id")
	}
	contact, err := a.contact(ctx)
	if err != nil {
		return nil, err
	}
	r := of(ctx)
	command := booking.BookCommand{
		AccountID: r.caller.ID, HoldID: in.Body.HoldID, Contact: contact, Session: r.bookingSession(), RequestID: r.id,
	}
	answer, err := a.Bookings.BookOnce(r.act(ctx), r.key, command, func(b booking.Booking) (booking.Answer, error) {
		return a.answer(b, http.StatusCreated)
	})
	return replayed(answer, err)
}

// once runs effect at most once per Idempotency-Key and answers as the first time.
func (a *api) once(ctx context.Context, effect func(ctx context.Context) (booking.Booking, int, error)) (*bookingOutput, error) {
	answer, err := a.Bookings.Once(ctx, of(ctx).key, func(ctx context.Context) (booking.Answer, error) {
		b, status, err := effect(ctx)
		if err != nil {
			return booking.Answer{}, err
		}
		return a.answer(b, status)
	})
	return replayed(answer, err)
}

func (a *api) answer(b booking.Booking, status int) (booking.Answer, error) {
	body, err := json.Marshal(a.bookingOf(b))
	return booking.Answer{Status: status, Body: body}, err
}

func replayed(answer booking.Answer, err error) (*bookingOutput, error) {
	if err != nil {
		return nil, err
	}
	out := &bookingOutput{Status: answer.Status, Cache: "no-store"}
	return out, json.Unmarshal(answer.Body, &out.Body)
}

func (a *api) bookings(ctx context.Context, in *bookingsInput) (*bookingsOutput, error) {
	listed, err := a.Bookings.List(ctx, booking.Page{
		AccountID: of(ctx).caller.ID, State: booking.State(in.State), Limit: in.Limit, Cursor: in.Cursor,
	})
	if err != nil {
		return nil, err
	}
	out := &bookingsOutput{Cache: "no-store", Body: listBody[Booking]{Items: make([]Booking, len(listed.Items)), NextCursor: orNull(listed.NextCursor)}}
	for i, b := range listed.Items {
		out.Body.Items[i] = a.bookingOf(b)
	}
	return out, nil
}

func (a *api) booking(ctx context.Context, in *IDInput) (*bookingOutput, error) {
	b, err := a.Bookings.Get(ctx, of(ctx).caller.ID, in.ID)
	if err != nil {
		return nil, err
	}
	return &bookingOutput{Status: http.StatusOK, Cache: "no-store", Body: a.bookingOf(b)}, nil
}

func (a *api) cancelBooking(ctx context.Context, in *cancelInput) (*bookingOutput, error) {
	if in.Body.RefundAccount != nil {
		return nil, notOffered("body.refund_account")
	}
	r := of(ctx)
	return a.once(r.act(ctx), func(ctx context.Context) (booking.Booking, int, error) {
		if err := a.allSeats(ctx, in); err != nil {
			return booking.Booking{}, 0, err
		}
		b, err := a.Bookings.Cancel(ctx, booking.CancelCommand{
			AccountID: r.caller.ID, BookingID: in.ID, Reason: in.Body.Reason, RequestID: r.id,
		})
		if b.State == booking.Cancelling {
			return b, http.StatusAccepted, err
		}
		return b, http.StatusOK, err
	})
}

// allSeats refuses to cancel some of a booking's seats only, or none: a list that came out
// empty must not cancel everything.
func (a *api) allSeats(ctx context.Context, in *cancelInput) error {
	if in.Body.Seats == nil {
		if slices.Contains(httpd.NullMembers(in.RawBody), "seats") {
			return errs.ErrValidationFailed.WithField("body.seats", "must not be null")
		}
		return nil
	}
	b, err := a.Bookings.Get(ctx, of(ctx).caller.ID, in.ID)
	if err != nil {
		return err
	}
	asked, all := slices.Sorted(slices.Values(in.Body.Seats)), slices.Sorted(slices.Values(b.SeatNumbers()))
	if !slices.Equal(asked, all) {
		return notOffered("body.seats")
	}
	return nil
}

func (a *api) tickets(ctx context.Context, in *IDInput) (*ticketsOutput, error) {
	b, err := a.Bookings.Get(ctx, of(ctx).caller.ID, in.ID)
	if err != nil {
		return nil, err
	}
	out := &ticketsOutput{Cache: "no-store"}
	out.Body.Items = make([]Ticket, len(b.Tickets))
	for i, t := range b.Tickets {
		out.Body.Items[i] = Ticket{ID: t.ID, Seat: t.Seat, Code: t.Code, Void: t.Void, IssuedAt: t.IssuedAt}
	}
	return out, nil
}

func (a *api) bookingOf(b booking.Booking) Booking {
	out := Booking{
		ID: b.ID, OrderID: b.OrderID, State: string(b.State.Public()), PaymentState: string(b.Payment.Public()),
		PerformanceID: b.PerformanceID, PerformanceTitle: b.PerformanceTitle, VenueName: b.VenueName,
		SaleID: b.SaleID, ShowtimeID: b.ShowtimeID, StartsAt: b.StartsAt.UTC(),
		Seats: make([]BookedSeat, len(b.Seats)), Price: b.Price, Discount: b.Discount, Amount: b.Amount,
		PayBefore: b.PayBefore.UTC(), CreatedAt: b.CreatedAt.UTC(), ConfirmedAt: unlessZero(b.ConfirmedAt), CancelReason: b.CancelReason,
		Payment: a.windowOf(b), ReceiptURL: b.Payment.ReceiptURL, Refunds: refundsOf(b),
	}
	for i, s := range b.Seats {
		out.Seats[i] = BookedSeat(s)
	}
	if failure := booking.ConfirmationOf(b).Failure; failure != nil {
		out.Failure = &Failure{Code: failure.Code, Message: failure.Message}
	}
	return out
}

func refundsOf(b booking.Booking) []Refund {
	refunds := make([]Refund, len(b.Refunds))
	for i, f := range b.Refunds {
		refunds[i] = Refund{
			ID: f.ID, Amount: f.Amount, Reason: f.Reason, State: string(f.State),
			RequestedAt: f.RequestedAt.UTC(), DoneAt: unlessZero(f.DoneAt),
		}
	}
	return refunds
}

func (a *api) windowOf(b booking.Booking) PaymentWindow {
	page := a.PublicURL.JoinPath("bookings", b.ID, "pay").String()
	return PaymentWindow{
		Provider: b.Payment.Provider, ClientKey: a.TossClientKey, OrderName: b.OrderName(),
		SuccessURL: page + "?result=success", FailURL: page + "?result=fail", WindowURL: a.PaymentWindowURL,
	}
}

func unlessZero(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
