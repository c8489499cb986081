// Package worker does everything that can wait: it relays events from the outbox
// to the broker, consumes them (payments, tickets, lines, mails, posts, the fans'
// inboxes) and runs the scheduled jobs. Any number of workers share the work. Only
// the admin address listens.
package worker

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/redis/go-redis/v9"

	"github.com/fairgate/fairgate/shared/account"
	"github.com/fairgate/fairgate/shared/account/accountpg"
	"github.com/fairgate/fairgate/shared/account/accountredis"
	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/booking/bookingpg"
	"github.com/fairgate/fairgate/shared/booking/bookingprom"
	"github.com/fairgate/fairgate/shared/booking/bookingredis"
	"github.com/fairgate/fairgate/shared/booking/toss"
	"github.com/fairgate/fairgate/shared/catalogue/cataloguepg"
	"github.com/fairgate/fairgate/shared/clock"
	"github.com/fairgate/fairgate/shared/guard"
	"github.com/fairgate/fairgate/shared/notify"
	"github.com/fairgate/fairgate/shared/notify/notifypg"
	"github.com/fairgate/fairgate/shared/notify/notifyredis"
	"github.com/fairgate/fairgate/shared/notify/slackhook"
	"github.com/fairgate/fairgate/shared/notify/smtpmail"
	"github.com/fairgate/fairgate/shared/platform/audit"
	"github.com/fairgate/fairgate/shared/platform/httpd"
	"github.com/fairgate/fairgate/shared/platform/outbox"
	"github.com/fairgate/fairgate/shared/platform/postgres"
	"github.com/fairgate/fairgate/shared/platform/rabbit"
	"github.com/fairgate/fairgate/shared/platform/redisx"
	"github.com/fairgate/fairgate/shared/platform/run"
	"github.com/fairgate/fairgate/shared/platform/tracing"
	"github.com/fairgate/fairgate/shared/queue/queuepg"
	"github.com/fairgate/fairgate/shared/queue/queueredis"
	"github.com/fairgate/fairgate/worker/internal/consume"
	"github.com/fairgate/fairgate/worker/internal/schedule"
)

const (
	relays        = 2
	jobsLock      = 7_301_986 // any number that nothing else locks
	deliveryLease = time.Minute
	providerName  = "toss"

	releaseTimeout = 10 * time.Second // of one account's holds
)

// Service is one worker.
type Service struct {
	cfg      Config
	log      *slog.Logger
	metrics  *prometheus.Registry
	pool     *pgxpool.Pool
	redis    redis.UniversalClient
	together redis.UniversalClient // redis, but concurrent calls share pipelines
	tracer   *tracing.Tracer
	broker   *rabbit.Client
	table    []consume.Consumer
	relay    *outbox.Relay
	audit    *audit.Log
	asked    *bookingredis.Requests
	revoked  *accountredis.Revoked
	releaser booking.Releaser
	books    *booking.Service
	jobs     *run.Jobs
	due      []run.Job
}

// New wires a worker; nothing runs yet, and no backend needs to answer.
func New(ctx context.Context, cfg Config, log *slog.Logger) (*Service, error) {
	s := &Service{cfg: cfg, log: log, metrics: prometheus.NewRegistry()}
	var err error
	if s.pool, err = postgres.Open(ctx, cfg.PostgresURL.Reveal(), cfg.PostgresConns); err != nil {
		return nil, err
	}
	if s.tracer, err = tracing.New(ctx, cfg.Tracing, "worker", log); err != nil {
		return nil, err
	}
	if s.redis, err = redisx.Open(cfg.Redis); err != nil {
		return nil, err
	}
	s.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		run.PanicMetrics(), postgres.PoolMetrics(s.pool), redisx.PoolMetrics(s.redis))
	return s, s.wire()
}

// wire puts the parts together, from the stores up to the tables.
func (s *Service) wire() error {
	s.together = redisx.NewCoalescer(s.redis)
	bookings, err := s.bookings()
	if err != nil {
		return err
	}
	s.books = bookings
	lines := queueredis.New(s.together, s.cfg.Redis.Prefix, nil)
	s.revoked = accountredis.NewRevoked(s.redis, s.cfg.Redis.Prefix, account.AccessLifetime)
	table, err := s.consumers(bookings, lines)
	if err != nil {
		return err
	}
	s.table = signConsumers(table)
	s.broker = rabbit.New(s.cfg.RabbitURL.Reveal(), consume.Topology(s.table), s.log, s.metrics)
	s.broker.Trace(s.tracer)
	s.relay = outbox.NewRelay(s.pool, publisher{s.broker, s.tracer}, s.log, s.metrics)
	s.audit = s.auditLog()

	shop, claims, seats := cataloguepg.New(s.pool), bookingpg.NewClaims(s.pool), bookingredis.New(s.together, s.cfg.Redis.Prefix)
	s.releaser = booking.Releaser{Catalogue: shop, Redis: seats, Postgres: claims, Feed: seats}
	s.jobs = run.NewJobs(s.lead, s.finish(), s.log, s.metrics)
	s.jobs.Keep(run.NewHistory(postgres.NewJobRuns(s.pool).Store, s.log))
	s.due = signJobs(schedule.Table(schedule.Deps{
		Bookings: bookings, SweepHolds: claims.SweepLapsed, Metrics: s.metrics,
		Endings:     schedule.Endings{Lines: lines, Holds: s.releaser},
		Lines:       schedule.Lines{Live: lines, Mirror: queuepg.New(s.pool)},
		SoldOut:     schedule.SoldOut{Shop: shop, Line: lines, Gone: claims.Gone, Moved: claims.Moved, Clock: clock.System{}},
		OutboxLag:   func(ctx context.Context) (int, time.Duration, error) { return outbox.Lag(ctx, s.pool) },
		QueueDepths: s.broker.Depths, Pending: bookingpg.New(s.pool).Pending, ForgetNames: bookingpg.New(s.pool).ForgetDue,
		Audit: s.audit, Prunes: s.prunes(),
	}))
	return nil
}

func (s *Service) bookings() (*booking.Service, error) {
	secret, err := base64.StdEncoding.DecodeString(s.cfg.TicketKey.Reveal())
	if err != nil {
		return nil, fmt.Errorf("TICKET_KEY: %w", err)
	}
	tickets, err := booking.NewTicketKey(secret)
	if err != nil {
		return nil, err
	}
	alarms := newAlarms(s.metrics)
	seats := bookingredis.New(s.together, s.cfg.Redis.Prefix)
	s.asked = bookingredis.NewRequests(seats)
	return booking.NewService(booking.Options{
		Store: bookingprom.Observe(bookingpg.New(s.pool), s.metrics), Feed: seats, Wakes: bookingredis.NewWakes(seats),
		Provider:     bookingprom.ObserveProvider(toss.New(s.cfg.TossBaseURL, s.cfg.TossSecretKey.Reveal(), 0), s.metrics),
		ProviderName: providerName,
		Tickets:      tickets, Log: s.log, Alarm: alarms.ring,
	}), nil
}

func (s *Service) consumers(bookings *booking.Service, lines *queueredis.Store) ([]consume.Consumer, error) {
	writer, err := notify.NewWriter(s.cfg.PublicURL)
	if err != nil {
		return nil, err
	}
	mailer, err := smtpmail.New(s.cfg.Mail)
	if err != nil {
		return nil, err
	}
	deliveries := newDeliveries(s.metrics)
	courier := notify.NewCourier(notifypg.NewDeliveries(s.pool), deliveryLease)
	notifications, books := notifypg.NewStore(s.pool), bookingpg.New(s.pool)
	inbox := notify.NewInbox(notifications, notifyredis.NewBell(s.together, s.cfg.Redis.Prefix))
	deleted := accountpg.NewDeleted(s.pool)
	slack := consume.Slack{Writer: writer, Courier: courier}
	if s.cfg.SlackWebhookURL != "" {
		slack.Post = counted(deliveries, "slack", slackhook.New(s.cfg.SlackWebhookURL).Post)
	}
	abandon := func(ctx context.Context, accountID string) error {
		_, err := bookings.Abandon(ctx, accountID)
		return err
	}
	return consume.Table(consume.Handlers{
		Payments: consume.Payments{Execute: bookings.ExecuteRequested},
		Tickets:  consume.Tickets{Issue: bookings.IssueTickets},
		Line:     consume.Line{Sessions: lines},
		Mail:     consume.Mail{Deleted: deleted.At, Writer: writer, Courier: courier, Send: s.noted(counted(deliveries, "mail", mailer.Send))},
		Slack:    slack,
		Push:     consume.Push{Deleted: deleted.At, Writer: writer, Tell: counted(deliveries, "push", inbox.Tell)},
		Erasure:  consume.Erasure{Forget: []func(context.Context, string) error{abandon, books.ForgetAccount, notifications.Forget, s.revoked.Gone}},
	}), nil
}

func (s *Service) lead(ctx context.Context, f func(stop, held context.Context)) error {
	return postgres.Lead(ctx, s.pool, jobsLock, s.log, f)
}

func (s *Service) checks() []httpd.Check {
	return []httpd.Check{
		{Name: "postgres", Probe: s.pool.Ping},
		{Name: "redis", Probe: func(ctx context.Context) error { return s.redis.Ping(ctx).Err() }},
		{Name: "rabbitmq", Probe: s.broker.Ready},
	}
}

// Run works until ctx ends; then it takes nothing new, finishes the messages,
// batches and runs in hand within the grace, and returns.
func (s *Service) Run(ctx context.Context) error {
	defer func() { _ = s.redis.Close() }()
	brokerCtx, closeBroker := context.WithCancel(context.WithoutCancel(ctx))
	defer closeBroker()
	closed := make(chan struct{})
	guard.Go("rabbit", func() { defer close(closed); guard.Keep(brokerCtx, "rabbit", s.broker.Run) })

	s.log.InfoContext(ctx, "working", "admin", s.cfg.AdminAddr)
	err := s.withinGrace(ctx, func() error {
		return run.Together(ctx,
			func(ctx context.Context) error {
				return httpd.ServeAdmin(ctx, s.cfg.AdminAddr, s.metrics, s.checks(), s.cfg.PProf)
			},
			func(ctx context.Context) error { return s.relay.Run(ctx, relays) },
			func(ctx context.Context) error {
				guard.Keep(ctx, "capture_requests", func(ctx context.Context) error { return s.asked.Run(ctx, s.relay.Wake) })
				return nil
			},
			func(ctx context.Context) error {
				guard.Keep(ctx, "revoked_tokens", s.revoked.Run)
				return nil
			},
			func(ctx context.Context) error {
				guard.Keep(ctx, "deleted_accounts", func(ctx context.Context) error { return s.revoked.Follow(ctx, s.releaseAccount) })
				return nil
			},
			func(ctx context.Context) error { return consume.Run(ctx, s.broker, s.table, s.finish()) },
			func(ctx context.Context) error { return s.jobs.Run(ctx, s.due) },
		)
	})
	closeBroker() // only now: acks and confirms were still on their way
	<-closed
	s.finishAudit(ctx)
	s.tracer.Close(ctx)
	if err == nil {
		s.pool.Close()
	}
	s.log.InfoContext(ctx, "stopped")
	return err
}

// releaseAccount releases what a deleted account still holds, or has booked and not begun
// to pay.
func (s *Service) releaseAccount(ctx context.Context, accountID string) error {
	ctx, cancel := context.WithTimeout(ctx, releaseTimeout)
	defer cancel()
	released, err := s.releaser.ReleaseAccount(ctx, accountID)
	if err != nil {
		s.log.WarnContext(ctx, "the holds of a deleted account are not released yet", "account_id", accountID, "error", err)
	} else if released > 0 {
		s.log.InfoContext(ctx, "released the holds of a deleted account", "account_id", accountID, "holds", released)
	}
	cancelled, bookErr := s.books.Abandon(ctx, accountID)
	if bookErr != nil {
		s.log.WarnContext(ctx, "the unpaid bookings of a deleted account are not cancelled yet", "account_id", accountID, "error", bookErr)
	} else if cancelled > 0 {
		s.log.InfoContext(ctx, "cancelled the unpaid bookings of a deleted account", "account_id", accountID, "bookings", cancelled)
	}
	return errors.Join(err, bookErr)
}

// finish is how long what is in hand may go on when the worker is stopped; what is
// cut off then still has to store what it knows, within the grace.
func (s *Service) finish() time.Duration { return s.cfg.ShutdownGrace / 3 }

var errGrace = errors.New("stopped with work in hand: the grace is over; it will be done again")

// withinGrace waits for work, but not much longer than ctx.
func (s *Service) withinGrace(ctx context.Context, work func() error) error {
	done := make(chan error, 1)
	guard.Go("service", func() { done <- guard.Call("service", work) })
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(s.cfg.ShutdownGrace):
		return errGrace
	}
}
