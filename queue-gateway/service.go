// Package queuegateway is the front door: it gives fans their places in a sale's
// line, lets them in at the rate that the booking side can take, and proxies
// everything else to the booking API. It has Redis and keys, and no database: a
// million waiting fans cost the booking side nothing.
package queuegateway

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/redis/go-redis/v9"

	"github.com/fairgate/fairgate/queue-gateway/internal/api"
	"github.com/fairgate/fairgate/queue-gateway/internal/proxy"
	"github.com/fairgate/fairgate/queue-gateway/web"
	"github.com/fairgate/fairgate/shared/account"
	"github.com/fairgate/fairgate/shared/account/accountredis"
	"github.com/fairgate/fairgate/shared/clock"
	"github.com/fairgate/fairgate/shared/guard"
	"github.com/fairgate/fairgate/shared/platform/config"
	"github.com/fairgate/fairgate/shared/platform/httpd"
	"github.com/fairgate/fairgate/shared/platform/jwks"
	"github.com/fairgate/fairgate/shared/platform/page/failure"
	"github.com/fairgate/fairgate/shared/platform/redisx"
	"github.com/fairgate/fairgate/shared/platform/run"
	"github.com/fairgate/fairgate/shared/platform/tracing"
	"github.com/fairgate/fairgate/shared/queue"
	"github.com/fairgate/fairgate/shared/queue/queueredis"
)

const (
	// proxiedBodyLimit is in bytes, and not above what the booking API reads: that
	// closes the connection on a larger one, which looks like an outage from here.
	proxiedBodyLimit = 1 << 20
	keysPath         = "/.well-known/jwks.json"
	// headLimit is in bytes: the places of fifty lines and ten passes at once, with the
	// longest names of sales; and less than the booking API reads, for what is added on the way.
	headLimit    = 32 << 10
	writeTimeout = 30 * time.Second // of whole answers; streams set their own
)

// Service is one gateway.
type Service struct {
	cfg     Config
	log     *slog.Logger
	metrics *prometheus.Registry
	redis   redis.UniversalClient
	revoked *accountredis.Revoked
	front   *queueredis.Front
	lines   *lines
	proxy   *proxy.Proxy
	tracer  *tracing.Tracer
	streams *httpd.Streams
	drain   *httpd.Drain
	ready   []httpd.Check
	app     *fiber.App
}

// New wires a gateway; nothing runs or listens yet, and neither Redis nor the
// booking API needs to answer.
func New(ctx context.Context, cfg Config, log *slog.Logger) (*Service, error) {
	s := &Service{cfg: cfg, log: log, metrics: prometheus.NewRegistry(), streams: httpd.NewStreams(cfg.MaxStreams, cfg.MaxStreamsPerNetwork), drain: httpd.NewDrain(cfg.DrainDelay)}
	var err error
	if s.tracer, err = tracing.New(ctx, cfg.Tracing, "queue-gateway", log); err != nil {
		return nil, err
	}
	if s.redis, err = redisx.Open(cfg.Redis); err != nil {
		return nil, err
	}
	s.revoked = accountredis.NewRevoked(s.redis, cfg.Redis.Prefix, account.AccessLifetime)
	s.ready = []httpd.Check{s.drain.Check(), {Name: "redis", Probe: func(ctx context.Context) error { return s.redis.Ping(ctx).Err() }}}
	if s.proxy, err = proxy.New(upstreamSettings(cfg), log, s.metrics); err != nil {
		return nil, err
	}
	return s, s.wireRoutes()
}

// upstreamSettings are those of the way to the booking API.
func upstreamSettings(cfg Config) proxy.Settings {
	return proxy.Settings{
		Upstream: cfg.BookingAPIURL, Timeout: cfg.UpstreamTimeout, Slow: cfg.UpstreamSlow,
		BodyLimit: proxiedBodyLimit, HealthProbe: keysPath,
	}
}

func (s *Service) wireRoutes() error {
	cfg, system := s.cfg, clock.System{}
	placeKey, err := base64.StdEncoding.DecodeString(cfg.PlaceKey.Reveal())
	if err != nil {
		return fmt.Errorf("PLACE_KEY: %w", err)
	}
	tokens, err := queue.NewPlaceTokens(placeKey, system)
	if err != nil {
		return err
	}
	signer, err := jwks.NewSignerBase64(cfg.PassKey.Reveal())
	if err != nil {
		return err
	}
	pages, err := web.New()
	if err != nil {
		return err
	}
	store := queueredis.New(redisx.NewCoalescer(s.redis), cfg.Redis.Prefix, tokens)
	s.front = queueredis.NewFront(store, s.log, system)
	held := func() bool { return !s.proxy.Healthy() }
	s.front.HoldWhile(held)
	s.ready = append(s.ready, httpd.Check{Name: "lines", Probe: s.front.Ready}, httpd.Check{Name: "revoked_tokens", Probe: s.revoked.Ready})
	s.lines = newLines(s.front, held, newPromises(system, s.metrics), s.revoked.IsGone)
	routes, err := api.New(api.Config{
		Lines: s.lines, Operator: operator{store, s.front},
		Tokens: tokens, Passes: queue.NewPassMinter(signer, system), PassKeys: signer.Public(),
		Accounts: jwks.NewRemote(cfg.BookingAPIURL+keysPath, nil), Revoked: s.revoked.Has, Gone: s.revoked.IsGone,
		Pages: pages, Proxy: s.proxy, Streams: s.streams, Ready: s.ready,
		PublicURL: cfg.PublicURL, JoinsPerMinute: cfg.JoinsPerMinute, BrowsersPerMinute: cfg.BrowsersPerMinute, Clock: system, Log: s.log,
	})
	if err != nil {
		return err
	}
	s.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		run.PanicMetrics(), newLineMetrics(s.front), redisx.PoolMetrics(s.redis))
	s.metrics.MustRegister(s.streams.Metrics()...)
	failures, err := failure.New()
	if err != nil {
		return err
	}
	s.app = httpd.New(httpd.Options{
		Name: "queue-gateway", Log: s.log, Metrics: s.metrics, BodyLimit: proxiedBodyLimit, HeadLimit: headLimit, StreamBody: true,
		HSTS: cfg.Env == config.Production, ErrorPage: failures.Send,
		TrustedProxies: cfg.TrustedProxies, WriteTimeout: writeTimeout, Drain: s.drain,
		Tracer: s.tracer, Quiet: api.IsCrowded,
	})
	routes.Register(s.app)
	return nil
}

// Run serves until ctx ends, then drains, ends the streams, finishes what is being
// answered and returns.
func (s *Service) Run(ctx context.Context) error {
	defer func() { _ = s.redis.Close() }()
	ctx, cancel := s.drain.After(ctx)
	defer cancel()
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	stopStreams := context.AfterFunc(ctx, guard.Func("streams", func() {
		s.streams.Stop()
		s.proxy.StopStreams()
	}))
	defer stopStreams()
	s.revoked.Begin(ctx) // before anybody is answered
	var group guard.Group
	group.Keep(background, "lines", s.front.Run)
	group.Keep(background, "hub", func(ctx context.Context) error { return s.lines.hub.Run(ctx, s.front.Told()) })
	group.Keep(background, "eta_accuracy", func(ctx context.Context) error { return s.lines.told.run(ctx, s.lines.stand) })
	group.Keep(background, "proxy", s.proxy.Watch)
	group.Keep(background, "revoked_tokens", s.revoked.Run)
	group.Keep(background, "deleted_accounts", func(ctx context.Context) error { return s.revoked.Follow(ctx, s.lines.leaveAll) })
	err := run.Together(ctx,
		func(ctx context.Context) error {
			return httpd.ServeAdmin(ctx, s.cfg.AdminAddr, s.metrics, s.ready, s.cfg.PProf)
		},
		func(ctx context.Context) error {
			s.log.InfoContext(ctx, "listening", "addr", s.cfg.Addr, "admin", s.cfg.AdminAddr)
			return httpd.Serve(ctx, s.app, s.cfg.Addr, s.cfg.ShutdownGrace)
		},
	)
	s.streams.Wait(s.cfg.ShutdownGrace)
	stop() // lines keep going while the last requests are answered
	group.Wait()
	s.tracer.Close(ctx)
	s.log.InfoContext(ctx, "stopped")
	return err
}
