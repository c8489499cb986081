package api

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/money"
)

// Showtime is one dated sitting.
type Showtime struct {
	ID            string    `json:"id" example:"PF900001-20261212-1800"`
	PerformanceID string    `json:"performance_id" example:"PF900001"`
	SaleID        string    `json:"sale_id" doc:"Empty while it is in no sale." example:"demo-onsale"`
	HallID        string    `json:"hall_id" example:"FC900010-01"`
	StartsAt      time.Time `json:"starts_at"`
	Prices        []Price   `json:"prices" doc:"The dearest first."`
}

// Price is a grade's price.
type Price struct {
	Grade  string    `json:"grade" example:"VIP"`
	Amount money.KRW `json:"amount" doc:"KRW" example:"165000"`
}

// ShowtimeDetail is a showtime with what is left of it.
type ShowtimeDetail struct {
	ID            string       `json:"id"`
	PerformanceID string       `json:"performance_id"`
	SaleID        string       `json:"sale_id"`
	HallID        string       `json:"hall_id"`
	StartsAt      time.Time    `json:"starts_at"`
	Total         int          `json:"total" doc:"Seats of the hall." example:"15000"`
	Remaining     int          `json:"remaining" example:"14210"`
	Prices        []GradePrice `json:"prices" doc:"The dearest first."`
}

// GradePrice is a grade's price with what is left of it.
type GradePrice struct {
	Grade     string    `json:"grade" example:"VIP"`
	Name      string    `json:"name" example:"VIP석"`
	Colour    string    `json:"colour" example:"#8e5bd0"`
	Amount    money.KRW `json:"amount" doc:"KRW" example:"165000"`
	Remaining int       `json:"remaining" example:"812"`
}

type showtimesInput struct {
	IDInput
	PageInput
	From string `query:"from" format:"date-time" doc:"Starts then or later."`
	To   string `query:"to" format:"date-time" doc:"Starts earlier."`
}

func showtimeOf(t catalogue.Showtime) Showtime {
	s := Showtime{
		ID: t.ID, PerformanceID: t.PerformanceID, SaleID: t.SaleID, HallID: t.HallID, StartsAt: t.StartsAt, Prices: []Price{},
	}
	for grade, amount := range t.Prices {
		s.Prices = append(s.Prices, Price{Grade: grade, Amount: amount})
	}
	slices.SortFunc(s.Prices, func(a, b Price) int { return cmp.Compare(b.Amount, a.Amount) })
	return s
}

func (a *api) showtimes(ctx context.Context, in *showtimesInput) (*cached[listBody[Showtime]], error) {
	page, err := in.page("showtimes")
	if err != nil {
		return nil, err
	}
	q := catalogue.ShowtimeQuery{Page: page, PerformanceID: in.ID}
	q.From, _ = time.Parse(time.RFC3339, in.From) // checked with the schema
	q.To, _ = time.Parse(time.RFC3339, in.To)
	items, next, err := a.Catalogue.Showtimes(ctx, q)
	if err != nil {
		return nil, err
	}
	return listOf("showtimes", items, next, showtimeOf)
}

func (a *api) showtimeRoutes(app *fiber.App) {
	missing := []*errs.Error{catalogue.ErrShowtimeNotFound, catalogue.ErrHallNotFound}
	add(a, route{tagged: true, fails: missing, Operation: huma.Operation{
		OperationID: "get-showtime", Method: http.MethodGet, Path: "/v1/showtimes/{id}", Tags: []string{"seats"},
		Summary: "A showtime", Description: "With prices and what remains of each grade.",
	}}, a.showtime)
	add(a, route{fails: missing, Operation: huma.Operation{
		OperationID: "get-seat-map", Method: http.MethodGet, Path: "/v1/showtimes/{id}/seatmap", Tags: []string{"seats"},
		Summary: "The seat map", Description: "Static and cacheable for ever. Seats are in the order of the bits of availability. " +
			"`?format=compact` groups them: each of `runs` is one row of a zone `z` (index) and grade `g` (index), `r` the row, `c` the first " +
			"seat's number (the next ones count up), `xy` the first centre, then the steps to the next seats; a seat's `no` is `<zone code>-<r>-<number>`.",
		Responses: map[string]*huma.Response{"200": a.jsonResponse("The map.", SeatMap{}, CompactSeatMap{})},
	}}, a.seatMap)
	add(a, route{tagged: true, fails: missing, Operation: huma.Operation{
		OperationID: "get-availability", Method: http.MethodGet, Path: "/v1/showtimes/{id}/availability", Tags: []string{"seats"},
		Summary: "Which seats are free", Description: "`bitset` is base64 with 2 bits a seat in the order of the map, seat i in bits 2·(i mod 4) " +
			"of byte ⌊i/4⌋: 0 free, 1 held, 2 sold, 3 not for sale. `?format=list` answers `{\"taken\":[no…]}` instead.",
		Responses: map[string]*huma.Response{"200": a.jsonResponse("The state of all seats.", Availability{}, TakenSeats{})},
	}}, a.availability)
	app.Get("/v1/showtimes/:id/availability/events", a.availabilityEvents)
}

func (a *api) showtime(ctx context.Context, in *IDInput) (*cached[ShowtimeDetail], error) {
	t, err := a.Catalogue.Showtime(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	seats, err := a.Catalogue.SeatMap(ctx, t.HallID)
	if err != nil {
		return nil, err
	}
	now, err := a.Availability.Snapshot(ctx, t.ID)
	if err != nil {
		return nil, err
	}
	detail := ShowtimeDetail{
		ID: t.ID, PerformanceID: t.PerformanceID, SaleID: t.SaleID, HallID: t.HallID, StartsAt: t.StartsAt,
		Total: now.Total, Remaining: now.Remaining, Prices: []GradePrice{},
	}
	for _, grade := range seats.Grades {
		if amount, ok := t.Prices[grade.Code]; ok {
			detail.Prices = append(detail.Prices, GradePrice{
				Grade: grade.Code, Name: grade.Name, Colour: grade.Colour, Amount: amount, Remaining: now.RemainingByGrade[grade.Code],
			})
		}
	}
	slices.SortStableFunc(detail.Prices, func(a, b GradePrice) int { return cmp.Compare(b.Amount, a.Amount) })
	return &cached[ShowtimeDetail]{Cache: "public, max-age=1", Body: detail}, nil
}

// Availability is the state of all seats of a showtime.
type Availability struct {
	Version   int64  `json:"version" doc:"Grows; names a state to the event stream."`
	Total     int    `json:"total" example:"15000"`
	Remaining int    `json:"remaining" example:"14210"`
	Bitset    []byte `json:"bitset" doc:"Base64, standard alphabet."`
}

// TakenSeats is the same as a list.
type TakenSeats struct {
	Taken []string `json:"taken" doc:"Numbers of the seats that are not free, in map order."`
}

type availabilityInput struct {
	IDInput
	Format string `query:"format" enum:"bitset,list" default:"bitset"`
}

// raw is a body that was made before.
type raw struct {
	Status   int
	Type     string `header:"Content-Type"`
	Encoding string `header:"Content-Encoding"`
	Vary     string `header:"Vary"`
	Cache    string `header:"Cache-Control"`
	ETag     string `header:"ETag"`
	Body     []byte
}

const jsonType = "application/json"

func (a *api) availability(ctx context.Context, in *availabilityInput) (*raw, error) {
	out := &raw{Status: http.StatusOK, Type: jsonType, Cache: "public, max-age=1"}
	if in.Format == "list" {
		taken, err := a.Availability.Taken(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		out.Body, err = json.Marshal(TakenSeats{taken})
		return out, err
	}
	snapshot, err := a.Availability.Snapshot(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out.Body = snapshot.JSON
	return out, nil
}

// sinceOf reads Last-Event-ID, or ?since= on a first call; 0 when there is neither.
func sinceOf(c *fiber.Ctx) (int64, error) {
	text := c.Get("Last-Event-ID", c.Query("since"))
	if text == "" {
		return 0, nil
	}
	since, ok := positive(text)
	if !ok {
		return 0, errs.ErrValidationFailed.WithField("query.since", "must be an event's id")
	}
	return since, nil
}
