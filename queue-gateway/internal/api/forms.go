package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/url"
	"regexp"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/queue-gateway/web"
	"github.com/fairgate/fairgate/shared/clock"
	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/guard"
	"github.com/fairgate/fairgate/shared/queue"
)

// joinByForm is POST /q/{sale}/join: joining without JavaScript.
func (a *API) joinByForm(c *fiber.Ctx) error {
	if err := a.sameSite(c); err != nil {
		return err
	}
	policy, err := a.Lines.Policy(saleOf(c))
	if err != nil {
		return err
	}
	subject, err := a.subject(c, policy)
	if err != nil {
		return err
	}
	if _, _, _, err := a.joinAs(c, policy, subject); err != nil && errs.KindOf(err) != errs.Conflict {
		return err // a line that takes nobody says so on the page
	}
	return private(c).Redirect(plainPage(c, policy.SaleID), fiber.StatusSeeOther)
}

// enterByForm is POST /q/{sale}/enter: claiming and entering without JavaScript.
func (a *API) enterByForm(c *fiber.Ctx) error {
	ref, policy, err := a.placeOf(c)
	if errors.Is(err, queue.ErrPlaceRequired) || errors.Is(err, queue.ErrPlaceInvalid) {
		return private(c).Redirect(plainPage(c, saleOf(c)), fiber.StatusSeeOther)
	}
	if err != nil {
		return err
	}
	if _, _, err = a.enter(c, ref, policy); err == nil {
		return private(c).Redirect(withQuery("/sales/"+policy.SaleID+"/seats", keptQuery(c)), fiber.StatusSeeOther)
	}
	switch errs.KindOf(err) {
	case errs.Conflict, errs.Gone, errs.Unauthenticated: // the page says why
		return private(c).Redirect(plainPage(c, policy.SaleID), fiber.StatusSeeOther)
	}
	return err
}

func plainPage(c *fiber.Ctx, sale string) string {
	query := keptQuery(c)
	query.Set("plain", "1")
	return withQuery("/q/"+sale, query)
}

// keptValue is what a language or the id of a showtime looks like.
var keptValue = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// keptQuery returns what the page that sent a form has in its address and the next
// one needs too. The pages are shared by all fans, so their forms cannot carry it.
func keptQuery(c *fiber.Ctx) url.Values {
	kept := url.Values{}
	from, err := url.Parse(c.Get(fiber.HeaderReferer))
	if err != nil {
		return kept
	}
	for _, name := range []string{"showtime", "lang"} {
		if value := from.Query().Get(name); keptValue.MatchString(value) {
			kept.Set(name, value)
		}
	}
	return kept
}

func withQuery(path string, query url.Values) string {
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

// pageSource tells the waiting page about lines.
type pageSource struct{ *API }

var _ web.Source = pageSource{}

func (s pageSource) Sale(_ context.Context, id string) (web.Sale, error) {
	policy, err := s.Lines.Policy(id)
	if err != nil {
		return web.Sale{}, err
	}
	sale := s.salesNamed.get(id)
	sale.Identity = string(policy.Identity)
	sale.ClaimSeconds, sale.SessionSeconds, sale.GraceSeconds = policy.ClaimSeconds, policy.SessionSeconds, policy.GraceSeconds
	if policy.OpensAt != nil {
		sale.OpensAt = *policy.OpensAt
	}
	return sale, nil
}

func (s pageSource) Place(c *fiber.Ctx, sale string) (web.Place, error) {
	status, err := s.Lines.Status(sale)
	if err != nil {
		return web.Place{}, err
	}
	var line queue.Status
	if err := json.Unmarshal(status.Body, &line); err != nil {
		return web.Place{}, err
	}
	out := web.Place{LineState: string(line.State)}
	ref, _, err := s.placeOf(c)
	if errs.KindOf(err) == errs.Unavailable {
		return out, err
	}
	if err != nil {
		return out, nil //nolint:nilerr // no place, or none any more: the page offers to join
	}
	place, err := s.Lines.Place(c.UserContext(), ref)
	if err != nil {
		return out, err
	}
	out.State, out.Reason = string(place.State), place.Reason
	if place.Ahead != nil {
		out.Ahead = int64(*place.Ahead) //nolint:gosec // a count of people
	}
	if place.ETA != nil {
		out.ETA = [2]time.Duration{place.ETA.P50, place.ETA.P90}
	}
	return out, nil
}

// saleNames remembers what sales are called, so that the waiting page shows it at
// its first paint. It never makes a fan wait: what is not known yet, the page asks
// for itself.
type saleNames struct {
	proxy Proxy
	clock clock.Clock
	log   *slog.Logger

	mu    sync.Mutex
	known map[string]namedSale
}

type namedSale struct {
	sale  web.Sale
	asked time.Time
}

const (
	nameFreshFor  = 5 * time.Minute
	nameRetry     = 10 * time.Second
	nameTimeout   = 3 * time.Second
	rememberNames = 1000
)

func newSaleNames(proxy Proxy, c clock.Clock, log *slog.Logger) *saleNames {
	return &saleNames{proxy: proxy, clock: c, log: log, known: map[string]namedSale{}}
}

func (s *saleNames) get(id string) web.Sale {
	s.mu.Lock()
	defer s.mu.Unlock()
	named, ok := s.known[id]
	fresh := nameFreshFor
	if named.sale.Title == "" {
		fresh = nameRetry
	}
	if now := s.clock.Now(); !ok || now.Sub(named.asked) > fresh {
		if len(s.known) >= rememberNames {
			clear(s.known)
		}
		named.sale.ID, named.asked = id, now
		s.known[id] = named
		guard.Go("sale_names", func() { s.ask(id) })
	}
	return named.sale
}

func (s *saleNames) ask(id string) {
	ctx, cancel := context.WithTimeout(context.Background(), nameTimeout)
	defer cancel()
	sale, err := s.fetch(ctx, id)
	if err != nil {
		s.log.Debug("the sale's name is not known", "sale", id, "error", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known[id] = namedSale{sale, s.clock.Now()}
}

func (s *saleNames) fetch(ctx context.Context, id string) (web.Sale, error) {
	var sale struct {
		PerformanceID string `json:"performance_id"`
	}
	if err := s.read(ctx, "/v1/sales/"+id, &sale); err != nil {
		return web.Sale{}, err
	}
	var performance struct {
		Title     string `json:"title"`
		VenueName string `json:"venue_name"`
		Venue     struct {
			Name string `json:"name"`
		} `json:"venue"`
		Colour    string `json:"colour"`
		PosterURL string `json:"poster_url"`
	}
	if err := s.read(ctx, "/v1/performances/"+sale.PerformanceID, &performance); err != nil {
		return web.Sale{}, err
	}
	venue := performance.VenueName
	if venue == "" {
		venue = performance.Venue.Name
	}
	return web.Sale{ID: id, Title: performance.Title, Venue: venue, Colour: performance.Colour, PosterURL: performance.PosterURL}, nil
}

func (s *saleNames) read(ctx context.Context, path string, into any) error {
	raw, err := s.proxy.Get(ctx, path)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}
