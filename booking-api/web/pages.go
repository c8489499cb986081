package web

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/queue"
	"github.com/fairgate/fairgate/shared/text"
)

// categories in the order of the filter.
var categories = []string{"concert", "musical", "play", "classical", "dance", "gugak", "flight"}

const cardsOnPage = 24

type homeBody struct {
	Categories []string
	Filter     Filter
	Items      []catalogue.Performance
	Next       string
}

func (s *site) home(c *fiber.Ctx, language string) (content, error) {
	filter := Filter{
		Category: text.Query(strings.Clone(c.Query("category"))),
		Query:    text.Query(strings.Clone(c.Query("q"))),
		Cursor:   string([]byte(c.Query("cursor"))),
		Limit:    cardsOnPage,
	}
	items, next, err := s.Source.Performances(c.UserContext(), filter)
	if err != nil {
		return content{}, err
	}
	categories, err := s.categories(c.UserContext(), filter.Category)
	if err != nil {
		return content{}, err
	}
	return content{
		template: "home", title: s.messages.Text(language, "home.title"), module: "home.js",
		body: homeBody{Categories: categories, Filter: filter, Items: items, Next: next},
	}, nil
}

// categories returns those to choose from, in the order of the filter: the ones that
// have performances, and the one that is chosen.
func (s *site) categories(ctx context.Context, chosen string) ([]string, error) {
	filled, err := s.Source.Categories(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(categories), func(name string) bool {
		return name != chosen && !slices.Contains(filled, name)
	}), nil
}

type showtimeRow struct {
	catalogue.Showtime
	Sale  *catalogue.Sale // nil while it is in no sale
	State string          // none, scheduled, open, sold_out, closed
}

type performanceBody struct {
	Performance catalogue.Performance
	Rows        []showtimeRow
}

func (s *site) performance(c *fiber.Ctx, _ string) (content, error) {
	ctx := c.UserContext()
	performance, err := s.Source.Performance(ctx, string([]byte(c.Params("id"))))
	if err != nil {
		return content{}, err
	}
	showtimes, err := s.Source.Showtimes(ctx, performance.ID)
	if err != nil {
		return content{}, err
	}
	body := performanceBody{Performance: performance}
	sales := map[string]*catalogue.Sale{}
	for _, showtime := range showtimes {
		row := showtimeRow{Showtime: showtime, State: "none"}
		if showtime.SaleID != "" && sales[showtime.SaleID] == nil {
			sale, err := s.Source.Sale(ctx, showtime.SaleID)
			if err != nil {
				return content{}, err
			}
			sales[showtime.SaleID] = &sale
		}
		if row.Sale = sales[showtime.SaleID]; row.Sale != nil {
			row.State = s.stateOf(ctx, showtime, *row.Sale)
		}
		body.Rows = append(body.Rows, row)
	}
	return content{template: "performance", title: performance.Title, module: "performance.js", body: body}, nil
}

// stateOf says whether a fan may still come for a showtime. Nobody is sent to a line
// that takes nobody, nor to seats that the API would refuse to hold.
func (s *site) stateOf(ctx context.Context, showtime catalogue.Showtime, sale catalogue.Sale) string {
	now := s.Now()
	if !now.Before(showtime.StartsAt) {
		return "closed"
	}
	state := sale.State(now)
	if !sale.Queued || state == "closed" || state == "sold_out" {
		return state
	}
	line, err := s.Source.LineState(ctx, sale.ID)
	if err != nil { // the line's own page says how it stands
		return state
	}
	switch line {
	case queue.Closed, queue.Draining: // draining lets in who waits already, and takes no one new
		return "closed"
	case queue.SoldOut:
		return "sold_out"
	case queue.Draft:
		return "none"
	}
	return state
}

// Way returns where a fan goes for this showtime: the line or the seats.
func (r showtimeRow) Way() string {
	if r.Sale.Queued {
		return "/q/" + r.Sale.ID + "?showtime=" + r.ID
	}
	return "/sales/" + r.Sale.ID + "/seats?showtime=" + r.ID
}

type seatsBody struct {
	Sale        catalogue.Sale
	Performance catalogue.Performance
	Showtimes   []catalogue.Showtime
	Chosen      catalogue.Showtime
}

func (s *site) seats(c *fiber.Ctx, _ string) (content, error) {
	ctx := c.UserContext()
	sale, err := s.Source.Sale(ctx, string([]byte(c.Params("id"))))
	if err != nil {
		return content{}, err
	}
	performance, err := s.Source.Performance(ctx, sale.PerformanceID)
	if err != nil {
		return content{}, err
	}
	all, err := s.Source.Showtimes(ctx, sale.PerformanceID)
	if err != nil {
		return content{}, err
	}
	body := seatsBody{Sale: sale, Performance: performance}
	body.Showtimes = slices.DeleteFunc(all, func(t catalogue.Showtime) bool { return t.SaleID != sale.ID })
	if len(body.Showtimes) == 0 {
		return content{}, catalogue.ErrShowtimeNotFound
	}
	body.Chosen = chosenShowtime(body.Showtimes, c.Query("showtime"), s.Now())
	return content{
		template: "seats", title: performance.Title, module: "seats.js", texts: []string{"seats."}, body: body,
		data: map[string]any{
			"sale": sale.ID, "queued": sale.Queued, "state": s.stateOf(ctx, body.Chosen, sale), "showtime": body.Chosen.ID, "max_seats": sale.MaxSeatsPerAccount, "prices": body.Chosen.Prices,
		},
	}, nil
}

// chosenShowtime returns the one asked for, else the first that has not begun,
// else the last.
func chosenShowtime(showtimes []catalogue.Showtime, asked string, now time.Time) catalogue.Showtime {
	if i := slices.IndexFunc(showtimes, func(t catalogue.Showtime) bool { return t.ID == asked }); i >= 0 {
		return showtimes[i]
	}
	if i := slices.IndexFunc(showtimes, func(t catalogue.Showtime) bool { return t.StartsAt.After(now) }); i >= 0 {
		return showtimes[i]
	}
	return showtimes[len(showtimes)-1]
}

func (s *site) pay(c *fiber.Ctx, language string) (content, error) {
	id := string([]byte(c.Params("id")))
	if len(id) > 64 {
		return content{}, errs.ErrNotFound
	}
	made := content{
		template: "pay", title: s.messages.Text(language, "pay.title"), module: "pay.js", texts: []string{"pay.", "booking."},
		data: map[string]any{"booking": id, "payment_script": s.PaymentScriptOrigin}, personal: true,
	}
	if s.PaymentScriptOrigin != "" {
		made.scripts = []string{s.PaymentScriptOrigin}
	}
	return made, nil
}

func (s *site) myBookings(_ *fiber.Ctx, language string) (content, error) {
	return content{
		template: "bookings", title: s.messages.Text(language, "bookings.title"), module: "bookings.js", texts: []string{"bookings.", "booking."}, personal: true,
	}, nil
}

// plainWords is a page of texts: its name in the catalogue and the sections in order.
type plainWords struct {
	Name     string
	Sections []string
}

func (s *site) terms(_ *fiber.Ctx, language string) (content, error) {
	return s.plainWords(language, plainWords{"terms", []string{"line", "seats", "pay", "cancel", "fair"}}), nil
}

func (s *site) privacy(_ *fiber.Ctx, language string) (content, error) {
	return s.plainWords(language, plainWords{"privacy", []string{"keep", "others", "cookies", "delete"}}), nil
}

func (s *site) plainWords(language string, words plainWords) content {
	return content{template: "plainwords", title: s.messages.Text(language, words.Name+".title"), module: "performance.js", body: words}
}

// Address returns the list's address with another category or the next page.
func (b homeBody) Address(category, cursor string) string {
	query := url.Values{}
	for key, value := range map[string]string{"category": category, "q": b.Filter.Query, "cursor": cursor} {
		if value != "" {
			query.Set(key, value)
		}
	}
	if len(query) == 0 {
		return "/"
	}
	return "/?" + query.Encode()
}
