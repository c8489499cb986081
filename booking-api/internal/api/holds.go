package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/money"
	"github.com/fairgate/fairgate/shared/queue"
)

// Hold is seats reserved for minutes.
type Hold struct {
	HoldID    string    `json:"hold_id" doc:"Opaque, some 300 characters."`
	Seats     []string  `json:"seats" example:"[\"1F-A-12-7\",\"1F-A-12-8\"]"`
	Amount    money.KRW `json:"amount" doc:"KRW, the sum of the prices." example:"330000"`
	ExpiresAt time.Time `json:"expires_at"`
}

type holdInput struct {
	IDInput
	Key  string `header:"Idempotency-Key" doc:"Required; repeating a request with it gives the same hold."`
	Pass string `header:"Entry-Pass" doc:"Required while the sale is queued, unless the cookie is sent."`
	Body struct {
		Seats         []string       `json:"seats,omitempty" text:"line" maxItems:"100" doc:"Numbers; all or none are held."`
		BestAvailable *BestAvailable `json:"best_available,omitempty" doc:"Instead of seats."`
	}
}

const (
	maxSeatsAsked = 100 // the tag maxItems above
	maxID         = 80  // the tag maxLength of IDInput
)

// BestAvailable asks for the best seats side by side.
type BestAvailable struct {
	Count int    `json:"count" minimum:"1" maximum:"100" example:"2"`
	Grade string `json:"grade,omitempty" text:"line" maxLength:"20" doc:"Any grade when absent." example:"R"`
}

type holdOutput struct {
	Cache string `header:"Cache-Control"`
	Body  Hold
}

// MyHold is a live hold with where it belongs.
type MyHold struct {
	HoldID           string     `json:"hold_id" doc:"As it was answered when the hold was made."`
	ShowtimeID       string     `json:"showtime_id" example:"PF900001-20261212-1800"`
	SaleID           string     `json:"sale_id" example:"demo-onsale"`
	PerformanceID    string     `json:"performance_id" example:"PF900001"`
	PerformanceTitle string     `json:"performance_title,omitempty" doc:"Absent while the catalogue cannot be read, as are venue_name and starts_at." example:"파란밤 월드투어: 처음의 빛"`
	VenueName        string     `json:"venue_name,omitempty" example:"KSPO DOME (올림픽체조경기장)"`
	StartsAt         *time.Time `json:"starts_at,omitempty"`
	Seats            []string   `json:"seats" example:"[\"1F-A-12-7\",\"1F-A-12-8\"]"`
	Amount           money.KRW  `json:"amount" doc:"KRW, the sum of the prices." example:"330000"`
	ExpiresAt        time.Time  `json:"expires_at"`
}

type myHoldsInput struct {
	ShowtimeID string `query:"showtime_id" maxLength:"80" doc:"Only those of this showtime."`
}

type myHoldsOutput struct {
	Cache string `header:"Cache-Control"`
	Body  struct {
		Items    []MyHold `json:"items"`
		Complete bool     `json:"complete" doc:"False while a part of the holds cannot be read: there may be more."`
	}
}

type holdIDInput struct {
	ID string `path:"id" maxLength:"4096"`
}

func (a *api) holdRoutes(app *fiber.App) {
	app.Post("/v1/showtimes/:id/holds", a.plainHold)
	pass := []map[string][]string{{"account": {}, "pass": {}}}
	add(a, route{account: true, Operation: huma.Operation{
		OperationID: "create-hold", Method: http.MethodPost, Path: "/v1/showtimes/{id}/holds", Tags: []string{"seats"},
		Summary: "Hold seats", Description: "Reserves the seats for minutes, all or none. Exactly the seats of a live hold of mine are answered " +
			"with that hold, never a longer one. 409 `seat_taken` with `conflicts`, and among them `yours`, which a hold of mine has; `seat_limit`; " +
			"403 `pass_required`, `pass_invalid`; 422 `unknown_seat`, `validation_failed`; 409 `sale_not_open`, `sale_closed`.",
		DefaultStatus: http.StatusCreated, Security: pass, Middlewares: huma.Middlewares{a.passForShowtime, a.requireKey},
	}, fails: []*errs.Error{
		catalogue.ErrShowtimeNotFound, booking.ErrSeatTaken, booking.ErrSeatLimit, booking.ErrUnknownSeat,
		booking.ErrSaleNotOpen, booking.ErrSaleClosed, booking.ErrHoldExpired, booking.ErrTooMuch,
	}}, a.createHold)
	add(a, route{account: true, Operation: huma.Operation{
		OperationID: "list-my-holds", Method: http.MethodGet, Path: "/v1/me/holds", Tags: []string{"seats"},
		Summary: "My live holds", Description: "What I hold now, the hold that lapses first at the head: without what was released, has lapsed or was booked.",
	}, fails: []*errs.Error{catalogue.ErrShowtimeNotFound}}, a.myHolds)
	add(a, route{account: true, Operation: huma.Operation{
		OperationID: "get-hold", Method: http.MethodGet, Path: "/v1/holds/{id}", Tags: []string{"seats"},
		Summary: "A hold of mine", Description: "Others get 404; 410 `hold_expired` once it has lapsed.",
	}, fails: []*errs.Error{booking.ErrHoldNotFound, booking.ErrHoldExpired}}, a.hold)
	add(a, route{account: true, Operation: huma.Operation{
		OperationID: "release-hold", Method: http.MethodDelete, Path: "/v1/holds/{id}", Tags: []string{"seats"},
		Summary: "Release a hold of mine", Description: "The seats are free at once.",
		DefaultStatus: http.StatusNoContent,
	}, fails: []*errs.Error{booking.ErrHoldNotFound}}, a.releaseHold)
}

// passForShowtime checks the pass for the sale of the showtime in the path.
func (a *api) passForShowtime(ctx huma.Context, next func(huma.Context)) {
	offer, err := a.Holds.Offer(ctx.Context(), ctx.Param("id"))
	switch {
	case err == nil:
		err = a.checkPass(ctx, offer.Sale)
		of(ctx.Context()).offer = &offer
	case isNotFound(err):
		err = nil // the handler's 404, which comes after what is wrong with the body
	}
	if err != nil {
		a.refuse(ctx, err)
		return
	}
	next(ctx)
}

// isNotFound reports that what was asked for is not there, and not that nobody could
// say so: a guard may only let the former go on.
func isNotFound(err error) bool { return errs.KindOf(err) == errs.NotFound }

// passForHold checks the pass for the sale of the hold in the body, as far as the
// body can be read.
func (a *api) passForHold(ctx huma.Context, next func(huma.Context)) {
	if err := a.checkPassOfHold(ctx, readHoldID(bodyOf(ctx))); err != nil {
		a.refuse(ctx, err)
		return
	}
	next(ctx)
}

// readHoldID reads the hold from a body, as far as that can be read: what cannot is
// refused by the handler, for which the pass counts all the same.
func readHoldID(body []byte) string {
	var read struct {
		HoldID string `json:"hold_id"`
	}
	if err := json.Unmarshal(body, &read); err != nil {
		return ""
	}
	return read.HoldID
}

func (a *api) checkPassOfHold(ctx huma.Context, holdID string) error {
	hold, err := a.HoldKey.Open(holdID)
	if isNotFound(err) {
		return nil // the handler's 404
	}
	if err != nil {
		return err
	}
	sale, err := a.Catalogue.Sale(ctx.Context(), hold.SaleID)
	if isNotFound(err) {
		return nil // the handler's 404
	}
	if err != nil {
		return err
	}
	return a.checkPass(ctx, sale)
}

func (a *api) createHold(ctx context.Context, in *holdInput) (*holdOutput, error) {
	r := of(ctx)
	request := booking.HoldRequest{
		ShowtimeID: in.ID, Offer: r.offer, AccountID: r.caller.ID, IdempotencyKey: r.key.Value, Seats: in.Body.Seats,
	}
	bindTo(r.session, &request)
	if best := in.Body.BestAvailable; best != nil {
		request.BestAvailable = &booking.BestAvailable{Count: best.Count, Grade: best.Grade}
	}
	hold, err := a.Holds.Hold(ctx, request)
	if err != nil {
		return nil, err
	}
	return holdOutputOf(hold), nil
}

// bindTo makes a hold end with the fan's session; it is nil when the sale is not queued.
func bindTo(session *queue.Session, request *booking.HoldRequest) {
	if session != nil {
		request.Session, request.SessionEndsAt = eventSession(session), session.EndsAt
	}
}

func holdOf(h booking.Hold) Hold {
	return Hold{HoldID: h.ID, Seats: h.Seats, Amount: h.Amount, ExpiresAt: h.ExpiresAt}
}

func holdOutputOf(h booking.Hold) *holdOutput { return &holdOutput{Cache: "no-store", Body: holdOf(h)} }

func (a *api) hold(ctx context.Context, in *holdIDInput) (*holdOutput, error) {
	hold, err := a.Holds.Get(ctx, of(ctx).caller.ID, in.ID)
	if err != nil {
		return nil, err
	}
	return holdOutputOf(hold), nil
}

func (a *api) myHolds(ctx context.Context, in *myHoldsInput) (*myHoldsOutput, error) {
	mine, err := a.Holds.Mine(ctx, of(ctx).caller.ID, in.ShowtimeID)
	if err != nil {
		return nil, err
	}
	out := &myHoldsOutput{Cache: "no-store"}
	out.Body.Items, out.Body.Complete = make([]MyHold, len(mine.Holds)), mine.Complete
	for i, h := range mine.Holds {
		out.Body.Items[i] = MyHold{
			HoldID: h.ID, ShowtimeID: h.ShowtimeID, SaleID: h.SaleID, PerformanceID: h.PerformanceID,
			Seats: h.Seats, Amount: h.Amount, ExpiresAt: h.ExpiresAt,
		}
		if err := a.nameShow(ctx, &out.Body.Items[i]); err != nil {
			a.Log.WarnContext(ctx, "a hold is listed without its show", "showtime_id", h.ShowtimeID, "error", err)
		}
	}
	return out, nil
}

// nameShow says what a hold is for. The seats are the fan's whether or not the
// catalogue answers, so a failure leaves the names out and no more.
func (a *api) nameShow(ctx context.Context, hold *MyHold) error {
	showtime, err := a.Catalogue.Showtime(ctx, hold.ShowtimeID)
	if err != nil {
		return err
	}
	hold.StartsAt = &showtime.StartsAt
	performance, err := a.Catalogue.Performance(ctx, hold.PerformanceID)
	if err != nil {
		return err
	}
	hold.PerformanceTitle, hold.VenueName = performance.Title, performance.VenueName
	return nil
}

func (a *api) releaseHold(ctx context.Context, in *holdIDInput) (*struct{}, error) {
	return nil, a.Holds.Release(ctx, of(ctx).caller.ID, in.ID)
}

func notOffered(location string) error {
	return errs.ErrValidationFailed.WithField(location, "is not offered yet")
}
