// Package api is the booking API's door: JSON over HTTP, described by the OpenAPI
// 3.1 document that is made of the same code. What happens behind it is decided in
// the nouns: account, booking, catalogue, notify, queue.
package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"
	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/account"
	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/clock"
	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/notify"
	"github.com/fairgate/fairgate/shared/platform/apidoc"
	"github.com/fairgate/fairgate/shared/platform/httpd"
	"github.com/fairgate/fairgate/shared/platform/jwks"
	"github.com/fairgate/fairgate/shared/queue"
)

// Catalogue is what the door reads of the catalogue.
type Catalogue interface {
	booking.Programme
	Venues(ctx context.Context, q catalogue.VenueQuery) ([]catalogue.Venue, *catalogue.Mark, error)
	Venue(ctx context.Context, id string) (catalogue.Venue, error)
	Halls(ctx context.Context, venueID string) ([]catalogue.Hall, error)
	Performers(ctx context.Context, q catalogue.PerformerQuery) ([]catalogue.Performer, *catalogue.Mark, error)
	Performer(ctx context.Context, id string) (catalogue.Performer, error)
	Performances(ctx context.Context, q catalogue.PerformanceQuery) ([]catalogue.Performance, *catalogue.Mark, error)
	Showtimes(ctx context.Context, q catalogue.ShowtimeQuery) ([]catalogue.Showtime, *catalogue.Mark, error)
	// SeatMapBody returns the gzip of the compact form of a hall's map, and its version.
	SeatMapBody(ctx context.Context, hallID string) (body []byte, version int, err error)
}

// Gate lets holders of a pass through; see queue.Gate.
type Gate interface {
	Check(ctx context.Context, token, saleID, accountID string) (queue.Session, error)
}

// Development makes what load runs need. It is nil in production.
type Development interface {
	// CreateAccounts stores accounts that share one password hash.
	CreateAccounts(ctx context.Context, accounts []account.Account, passwordHash string) error
	// CreateSale stores a sale with everything it needs.
	CreateSale(ctx context.Context, sale catalogue.TestSale) (catalogue.Sale, error)
	// CreateLine stores the settings of a sale's line, from which the worker makes it.
	CreateLine(ctx context.Context, policy queue.Policy) error
	// Hash hashes a password.
	Hash(password string) (string, error)
}

// Options are what the door is made of.
type Options struct {
	Accounts     *account.Service
	Catalogue    Catalogue
	Bookings     *booking.Service
	Holds        *booking.Holds
	HoldKey      booking.HoldKey
	Availability *booking.Availability
	Inbox        *notify.Inbox
	Gate         Gate
	Signer       *jwks.Signer // of access tokens
	Revoked      Revoked
	Streams      *httpd.Streams
	Clock        clock.Clock
	Log          *slog.Logger
	Development  Development

	PublicURL        *url.URL      // what a fan's browser shows
	RefreshLifetime  time.Duration // of the refresh cookie
	TossClientKey    string
	PaymentWindowURL string         // of the simulator's window; empty: the provider's script opens it
	Limits           map[string]int // a minute, by name, as the accounts have them
	// Confirms and ConfirmsOfNetwork limit the requests to confirm a payment, of one
	// account and of one network; those within an account's ConfirmsOfOwn are not
	// counted on its network.
	Confirms, ConfirmsOfOwn, ConfirmsOfNetwork *httpd.Limiter
}

type api struct {
	Options
	huma   huma.API
	tokens *tokens
	maps   *mapBodies
	secure bool // cookies only over https
}

func newAPI(o Options) *api {
	return &api{Options: o, tokens: newTokens(o.Signer, o.Clock, o.Revoked), maps: newMapBodies(o.Catalogue), secure: o.PublicURL.Scheme == "https"}
}

// Register adds the routes of the API to app and returns its OpenAPI document.
func Register(app *fiber.App, o Options) *huma.OpenAPI {
	useProblems()
	a := newAPI(o)
	app.Use(readablePath)
	app.Use("/v1", httpd.LimitBody(maxBody))
	a.huma = humafiber.NewWithGroup(app, headRouter{app}, document())
	a.authRoutes()
	a.meRoutes()
	a.catalogueRoutes()
	a.showtimeRoutes(app)
	a.holdRoutes(app)
	a.bookingRoutes()
	a.paymentRoutes()
	a.operatorRoutes()
	a.notificationRoutes(app)
	app.Get("/.well-known/jwks.json", a.keys)
	if o.Development != nil {
		a.developmentRoutes()
	}
	a.describeStreams()
	document := &documented{of: a.huma.OpenAPI()}
	for _, path := range apidoc.Paths() {
		app.Get(path, document.serve)
	}
	return document.of
}

const maxBody = 64 << 10 // bytes

// BodyLimit is how large a body the server has to accept before the API refuses it.
const BodyLimit = 1 << 20

func (a *api) keys(c *fiber.Ctx) error {
	c.Set(fiber.HeaderCacheControl, "public, max-age=300")
	keys, err := json.Marshal(a.Signer.Public())
	if err != nil {
		return err
	}
	return httpd.SendTagged(c, keys, httpd.TagOf(keys))
}

func document() huma.Config {
	config := huma.DefaultConfig("Fairgate booking API", "1.0.0")
	config.Info.Description = "Accounts, the catalogue, seats, bookings and payments. Errors are problem+json with a stable `code`."
	config.CreateHooks = nil                                             // no $schema members in answers
	config.DocsPath, config.SchemasPath, config.OpenAPIPath = "", "", "" // served by documented
	format := huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: decode}
	config.Formats = map[string]huma.Format{jsonType: format, "json": format} // the latter for application/…+json
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"account": {Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "An access token of POST /v1/auth/login."},
		"refresh": {Type: "apiKey", In: "cookie", Name: refreshCookie, Description: "The refresh token of a log-in."},
		"pass":    {Type: "apiKey", In: "header", Name: headerPass, Description: "The entry pass of a queued sale; also taken from the cookie entry_pass_<sale>."},
	}
	config.Tags = []*huma.Tag{
		{Name: "accounts"}, {Name: "catalogue"}, {Name: "seats"}, {Name: "bookings"}, {Name: "payments"}, {Name: "operators"},
		{Name: "notifications"}, {Name: "development", Description: "Only where ENV is development or test."},
	}
	return config
}

// headRouter answers HEAD wherever it answers GET, as Fiber does for its own routes.
type headRouter struct{ fiber.Router }

// Add implements fiber.Router.
func (r headRouter) Add(method, path string, handlers ...fiber.Handler) fiber.Router {
	if method == http.MethodGet {
		r.Router.Add(http.MethodHead, path, handlers...)
	}
	return r.Router.Add(method, path, handlers...)
}

// route is one operation; what it needs beside an account is in its middlewares.
type route struct {
	huma.Operation
	account bool          // needs an access token
	tagged  bool          // its answer gets an ETag
	fails   []*errs.Error // how it may end, beside what documented adds to all of its kind
}

// add registers a route: strings of the request are copied, because Fiber reuses
// them after the answer and caches keep them.
func add[I, O any](a *api, r route, handle func(ctx context.Context, in *I) (*O, error)) {
	before := huma.Middlewares{a.begin}
	if r.account {
		before = append(before, a.requireAccount)
		r.Security = append([]map[string][]string{{"account": {}}}, r.Security...)
	}
	if r.tagged {
		before = append(before, a.tag)
	}
	r.Middlewares = append(append(before, r.Middlewares...), a.requireReadable)
	r.describe()
	huma.Register(a.huma, r.Operation, func(ctx context.Context, in *I) (*O, error) {
		err := normalise(in)
		if err != nil {
			return nil, a.problem(ctx, err)
		}
		out, err := handle(ctx, in)
		if err != nil {
			return nil, a.problem(ctx, err)
		}
		return out, nil
	})
}
