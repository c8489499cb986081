// Package bookingapi is the booking side's door: accounts, the catalogue, seats,
// bookings and payments over HTTP, and the storefront's pages. Postgres is the
// truth; Redis holds are the fast guard before it.
package bookingapi

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/redis/go-redis/v9"

	"github.com/fairgate/fairgate/booking-api/internal/api"
	"github.com/fairgate/fairgate/booking-api/web"
	"github.com/fairgate/fairgate/shared/account"
	"github.com/fairgate/fairgate/shared/account/accountpg"
	"github.com/fairgate/fairgate/shared/account/accountredis"
	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/booking/bookingpg"
	"github.com/fairgate/fairgate/shared/booking/bookingprom"
	"github.com/fairgate/fairgate/shared/booking/bookingredis"
	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/catalogue/cataloguepg"
	"github.com/fairgate/fairgate/shared/clock"
	"github.com/fairgate/fairgate/shared/event"
	"github.com/fairgate/fairgate/shared/guard"
	"github.com/fairgate/fairgate/shared/notify"
	"github.com/fairgate/fairgate/shared/notify/notifypg"
	"github.com/fairgate/fairgate/shared/notify/notifyredis"
	"github.com/fairgate/fairgate/shared/platform/config"
	"github.com/fairgate/fairgate/shared/platform/httpd"
	"github.com/fairgate/fairgate/shared/platform/jwks"
	"github.com/fairgate/fairgate/shared/platform/page/failure"
	"github.com/fairgate/fairgate/shared/platform/password"
	"github.com/fairgate/fairgate/shared/platform/postgres"
	"github.com/fairgate/fairgate/shared/platform/redisx"
	"github.com/fairgate/fairgate/shared/platform/run"
	"github.com/fairgate/fairgate/shared/platform/tracing"
	"github.com/fairgate/fairgate/shared/queue"
	"github.com/fairgate/fairgate/shared/queue/queuepg"
	"github.com/fairgate/fairgate/shared/queue/queueredis"
)

const (
	writeTimeout = 30 * time.Second // of whole answers; streams set their own
	// headLimit is in bytes: more than the gateway takes, which adds to what it hands on.
	// A server that refuses a head closes its connection, which looks like an outage.
	headLimit         = 48 << 10
	paymentProvider   = "toss"
	paymentScriptSite = "https://js.tosspayments.com"
)

// Service is one instance of the API.
type Service struct {
	cfg     Config
	log     *slog.Logger
	metrics *prometheus.Registry
	pool    *pgxpool.Pool
	redis   redis.UniversalClient
	tracer  *tracing.Tracer
	seats   *booking.Availability
	holds   *booking.Holds
	bell    *notifyredis.Bell
	revoked *accountredis.Revoked
	wakes   *bookingredis.Wakes
	streams *httpd.Streams
	drain   *httpd.Drain
	app     *fiber.App
}

// New wires an instance; nothing listens yet, and neither Postgres nor Redis needs
// to answer.
func New(ctx context.Context, cfg Config, log *slog.Logger) (*Service, error) {
	s := &Service{cfg: cfg, log: log, metrics: prometheus.NewRegistry(), streams: httpd.NewStreams(cfg.MaxStreams, cfg.MaxStreamsPerNetwork), drain: httpd.NewDrain(cfg.DrainDelay)}
	var err error
	if s.pool, err = postgres.Open(ctx, cfg.PostgresURL.Reveal(), cfg.PostgresConns); err != nil {
		return nil, err
	}
	if s.tracer, err = tracing.New(ctx, cfg.Tracing, "booking-api", log); err != nil {
		return nil, err
	}
	if s.redis, err = redisx.Open(cfg.Redis); err != nil {
		return nil, err
	}
	s.revoked = accountredis.NewRevoked(s.redis, cfg.Redis.Prefix, account.AccessLifetime)
	s.bell = notifyredis.NewBell(s.redis, cfg.Redis.Prefix)
	s.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		run.PanicMetrics(), postgres.PoolMetrics(s.pool), redisx.PoolMetrics(s.redis))
	s.metrics.MustRegister(s.streams.Metrics()...)
	return s, s.wire()
}

// wire puts the parts together, from the stores up to the routes.
func (s *Service) wire() error {
	cfg, system := s.cfg, clock.System{}
	shop := cataloguepg.New(s.pool)
	emailKey, err := base64.StdEncoding.DecodeString(cfg.EmailKey.Reveal())
	if err != nil {
		return fmt.Errorf("EMAIL_KEY: %w", err)
	}
	accounts := account.New(accountpg.New(s.pool), password.NewHasher(), accountredis.New(s.redis, cfg.Redis.Prefix), s.revoked, account.Settings{
		FailedLogins: cfg.FailedLoginsPerMinute, FailedByAccount: cfg.FailedLoginsPerAccount, FailedByAddress: cfg.FailedLoginsPerAddress, SignUps: cfg.SignUpsPerMinute, RefreshLifetime: cfg.RefreshLifetime,
		EmailKey: emailKey,
	})

	holdKey, err := holdKey(cfg.HoldKey)
	if err != nil {
		return err
	}
	together := redisx.NewCoalescer(s.redis)
	claims, fast := bookingpg.NewClaims(s.pool), bookingredis.New(together, cfg.Redis.Prefix)
	s.wakes = bookingredis.NewWakes(fast)
	s.metrics.MustRegister(shop.Metrics())
	s.seats = booking.NewAvailability(shop, claims, fast, system, s.log)
	s.holds = booking.NewHolds(shop, holdKey, fast, claims, s.seats, system, newHoldMetrics(s.metrics))
	books := bookingpg.New(s.pool)
	bookings := booking.NewService(booking.Options{
		Store: bookingprom.Observe(books, s.metrics), Holds: s.holds, Programme: shop, ProviderName: paymentProvider, Feed: s.seats.Feed(fast), Wakes: s.wakes, Requested: bookingredis.NewRequests(fast).Ring, Log: s.log,
	})

	signer, err := jwks.NewSignerBase64(cfg.AccessTokenKey.Reveal())
	if err != nil {
		return fmt.Errorf("ACCESS_TOKEN_KEY: %w", err)
	}
	lines := queueredis.New(together, cfg.Redis.Prefix, nil)
	gate := queue.NewGate(jwks.NewRemote(cfg.QueueJWKSURL, nil), lines, spent{books}, system)
	public, err := url.Parse(cfg.PublicURL)
	if err != nil {
		return fmt.Errorf("PUBLIC_URL: %w", err)
	}

	failures, err := failure.New()
	if err != nil {
		return err
	}
	s.app = httpd.New(httpd.Options{
		Name: "booking-api", Log: s.log, Metrics: s.metrics, BodyLimit: api.BodyLimit, HeadLimit: headLimit,
		HSTS: cfg.Env == config.Production, ErrorPage: failures.Send,
		TrustedProxies: cfg.TrustedProxies, WriteTimeout: writeTimeout, Drain: s.drain,
		Tracer: s.tracer, Quiet: api.IsCrowded,
	})
	door := api.Options{
		Accounts: accounts, Catalogue: shop, Bookings: bookings, Holds: s.holds, HoldKey: holdKey, Availability: s.seats,
		Inbox: notify.NewInbox(notifypg.NewStore(s.pool), s.bell), Gate: gate, Signer: signer, Revoked: revocations{s.revoked, accounts}, Streams: s.streams,
		Clock: system, Log: s.log, Development: s.development(shop, func(email string) account.EmailMark { return account.MarkOf(emailKey, email) }), PublicURL: public, RefreshLifetime: cfg.RefreshLifetime,
		TossClientKey: cfg.TossClientKey, PaymentWindowURL: cfg.paymentWindow(),
		Limits: map[string]int{
			account.LimitLogIn: cfg.FailedLoginsPerMinute, account.LimitLogInAccount: cfg.FailedLoginsPerAccount, account.LimitLogInAddress: cfg.FailedLoginsPerAddress, account.LimitSignUp: cfg.SignUpsPerMinute,
		},
		Confirms:          httpd.NewLimiter("confirms", cfg.ConfirmsPerMinute, time.Minute, system),
		ConfirmsOfOwn:     httpd.NewLimiter("confirms_of_own", cfg.ConfirmsOfOwn, time.Minute, system),
		ConfirmsOfNetwork: httpd.NewLimiter("confirms_of_network", cfg.ConfirmsPerNetwork, time.Minute, system),
	}
	api.Register(s.app, door)
	return web.Register(s.app, web.Options{Source: storefront{shop, newLineStates(lines.Policy, system.Now)}, Accounts: api.NewForms(door), Now: system.Now, PaymentScriptOrigin: cfg.paymentScript()})
}

func holdKey(secret config.Secret) (booking.HoldKey, error) {
	raw, err := base64.StdEncoding.DecodeString(secret.Reveal())
	if err != nil {
		return booking.HoldKey{}, fmt.Errorf("HOLD_KEY: %w", err)
	}
	return booking.NewHoldKey(raw)
}

func (c Config) paymentWindow() string {
	if c.TossWindowURL == windowOff {
		return ""
	}
	return c.TossWindowURL
}

func (c Config) paymentScript() string {
	if c.paymentWindow() == "" {
		return paymentScriptSite
	}
	return ""
}

// revocations are whose access tokens are no longer taken: as this process has heard, or,
// until it has asked Redis for them once, as Postgres says. That knows who is deleted, not
// whose deletion has failed after their tokens were revoked: those are taken again.
type revocations struct {
	*accountredis.Revoked
	accounts *account.Service
}

// Has implements api.Revoked.
func (r revocations) Has(ctx context.Context, accountID string, issued time.Time) (bool, error) {
	if revoked, known := r.Revoked.Has(accountID, issued); known {
		return revoked, nil
	}
	_, err := r.accounts.Get(ctx, accountID)
	if errors.Is(err, account.ErrNotFound) {
		return true, nil
	}
	return false, postgres.Explain(err)
}

// spent tells the gate of sessions that have bought already, and whose they are.
type spent struct{ books *bookingpg.Store }

func (s spent) SessionSpent(ctx context.Context, ref queue.SessionRef) (bool, error) {
	return s.books.IsSpent(ctx, event.Session(ref))
}

func (s spent) BindSession(ctx context.Context, ref queue.SessionRef, accountID string) (bool, error) {
	return s.books.BindSession(ctx, event.Session(ref), accountID)
}

// development returns what load runs may do; nothing in production.
func (s *Service) development(shop *cataloguepg.Store, mark func(email string) account.EmailMark) api.Development {
	if s.cfg.Env != config.Development && s.cfg.Env != config.Test {
		return nil
	}
	return development{accounts: accountpg.New(s.pool), mark: mark, shop: shop, lines: queuepg.New(s.pool), Hasher: password.NewHasher()}
}

type development struct {
	accounts *accountpg.Store
	mark     func(email string) account.EmailMark
	shop     *cataloguepg.Store
	lines    *queuepg.Store
	*password.Hasher
}

func (d development) CreateAccounts(ctx context.Context, accounts []account.Account, hash string) error {
	return d.accounts.CreateMany(ctx, accounts, hash, d.mark)
}

func (d development) CreateSale(ctx context.Context, sale catalogue.TestSale) (catalogue.Sale, error) {
	return d.shop.CreateTestSale(ctx, sale)
}

func (d development) CreateLine(ctx context.Context, policy queue.Policy) error {
	_, err := d.lines.Mirror(ctx, policy)
	return err
}

// Run serves until ctx ends, then drains, ends the streams, finishes what is being
// answered and returns.
func (s *Service) Run(ctx context.Context) error {
	defer s.pool.Close()
	defer func() { _ = s.redis.Close() }()
	ctx, cancel := s.drain.After(ctx)
	defer cancel()
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	stopStreams := context.AfterFunc(ctx, guard.Func("streams", s.streams.Stop))
	defer stopStreams()
	s.revoked.Begin(ctx) // before anybody is answered
	var group guard.Group
	group.Keep(background, "availability", s.seats.Run)
	group.Keep(background, "lost_holds", s.holds.Run)
	group.Keep(background, "inbox", s.bell.Run)
	group.Keep(background, "revoked_tokens", s.revoked.Run)
	group.Keep(background, "payment_wakes", s.wakes.Run)
	err := run.Together(ctx,
		func(ctx context.Context) error {
			return httpd.ServeAdmin(ctx, s.cfg.AdminAddr, s.metrics, s.checks(), s.cfg.PProf)
		},
		func(ctx context.Context) error {
			s.log.InfoContext(ctx, "listening", "addr", s.cfg.Addr, "admin", s.cfg.AdminAddr)
			return httpd.Serve(ctx, s.app, s.cfg.Addr, s.cfg.ShutdownGrace)
		},
	)
	s.streams.Wait(s.cfg.ShutdownGrace)
	stop() // seats stay current while the last requests are answered
	group.Wait()
	s.tracer.Close(ctx)
	s.log.InfoContext(ctx, "stopped")
	return err
}

// checks names what the API is not ready without. Holds and reads go on without
// Redis, so it is not among them.
func (s *Service) checks() []httpd.Check {
	return []httpd.Check{s.drain.Check(), {Name: "postgres", Probe: s.pool.Ping}}
}
