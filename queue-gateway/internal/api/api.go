// Package api is the gateway's HTTP door: the routes of the waiting lines, their
// credentials, and in front of everything else the proxy to the booking API.
package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/url"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/queue-gateway/web"
	"github.com/fairgate/fairgate/shared/clock"
	"github.com/fairgate/fairgate/shared/platform/httpd"
	"github.com/fairgate/fairgate/shared/platform/jwks"
	"github.com/fairgate/fairgate/shared/queue"
)

const (
	bodyLimit  = 4 << 10 // bytes, on our own routes
	adminLimit = 16 << 10
)

// Lines is what the routes need of the waiting lines.
type Lines interface {
	// Policy returns a line's settings as they were at most a second ago, without
	// asking Redis. Error: queue.ErrLineNotFound.
	Policy(sale string) (queue.Policy, error)
	// Status returns the shared status of a line from memory.
	Status(sale string) (Status, error)
	// Join gives subject its place in the line; created is false when it had one.
	Join(ctx context.Context, sale, subject string) (place queue.Place, created bool, err error)
	// Place tells where a place stands and notes that its fan was seen. It asks
	// Redis only for those whose turn has come or who are gone.
	Place(ctx context.Context, ref queue.PlaceRef) (queue.Place, error)
	// Enter claims the place's turn, or returns its session once it is active.
	Enter(ctx context.Context, ref queue.PlaceRef) (queue.Session, error)
	// Leave ends the place or its session.
	Leave(ctx context.Context, ref queue.PlaceRef) error
	// Watch wakes its caller whenever the place may have something new to tell,
	// until stop is called.
	Watch(ref queue.PlaceRef) (wake <-chan struct{}, stop func())
}

// Operator is what operators do with lines, always on the store itself.
type Operator interface {
	Lines(ctx context.Context) ([]string, error)
	Policy(ctx context.Context, sale string) (queue.Policy, error)
	Figures(ctx context.Context, sale string) (queue.Figures, error)
	Patch(ctx context.Context, sale string, patch queue.Patch) (queue.Policy, error)
	Act(ctx context.Context, sale string, verb queue.Verb) (queue.Policy, error)
}

// Status is the shared status of a line, the same bytes for everyone.
type Status struct {
	Body   []byte // JSON of queue.Status
	ETag   string // quoted
	Notice []byte // JSON of what is not a number that changes each second
}

// Passes mints entry passes.
type Passes interface {
	Mint(session queue.Session, subject string, identity queue.Identity) (string, error)
}

// Proxy is the way to the booking API.
type Proxy interface {
	Handle(c *fiber.Ctx) error
	Get(ctx context.Context, path string) ([]byte, error)
}

// Config is what the routes are made of.
type Config struct {
	Lines    Lines
	Operator Operator
	Tokens   *queue.PlaceTokens
	Passes   Passes
	PassKeys jwks.Set    // published
	Accounts jwks.Source // keys of access tokens
	// Revoked reports whether an account's access token that was issued then is
	// revoked; it asks nobody. While it is not known, nobody passes.
	Revoked        func(accountID string, issued time.Time) (revoked, known bool)
	Gone           func(accountID string) (gone, known bool) // the account was deleted; as with Revoked
	Pages          *web.Pages
	Proxy          Proxy
	Streams        *httpd.Streams
	Ready          []httpd.Check
	PublicURL      string
	JoinsPerMinute int // from one address
	// BrowsersPerMinute is how many browsers not seen before may join from one network.
	BrowsersPerMinute int
	Clock             clock.Clock
	Log               *slog.Logger
}

// API answers the gateway's routes.
type API struct {
	Config
	access     *jwks.Verifier[caller]
	origin     string // scheme://host of PublicURL
	secure     bool   // cookies only over TLS
	passKeys   []byte
	joins      *httpd.Limiter
	ownJoins   *httpd.Limiter
	browsers   *httpd.Limiter
	entries    *httpd.Limiter
	salesNamed *saleNames
	document   *document
}

// New makes the routes' handlers.
func New(cfg Config) (*API, error) {
	keys, err := json.Marshal(cfg.PassKeys)
	if err != nil {
		return nil, err
	}
	public, err := url.Parse(cfg.PublicURL)
	if err != nil {
		return nil, err
	}
	rules := jwks.Rules{Typ: "at+jwt", Issuer: "fairgate", Audience: "fairgate", Now: cfg.Clock.Now}
	return &API{
		Config:     cfg,
		access:     jwks.NewVerifier[caller](cfg.Accounts, rules),
		origin:     public.Scheme + "://" + public.Host,
		secure:     !isLocal(public.Hostname()),
		passKeys:   keys,
		joins:      httpd.NewLimiter("joins", cfg.JoinsPerMinute, time.Minute, cfg.Clock),
		browsers:   httpd.NewLimiter("new-browsers", cfg.BrowsersPerMinute, time.Minute, cfg.Clock),
		ownJoins:   httpd.NewLimiter("joins-of-one", 120, time.Minute, cfg.Clock),
		entries:    httpd.NewLimiter("entries", 600, time.Minute, cfg.Clock),
		salesNamed: newSaleNames(cfg.Proxy, cfg.Clock, cfg.Log),
		document:   &document{proxy: cfg.Proxy, clock: cfg.Clock},
	}, nil
}
