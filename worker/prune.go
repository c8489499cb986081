package worker

import (
	"context"
	"time"

	"github.com/fairgate/fairgate/shared/booking/bookingpg"
	"github.com/fairgate/fairgate/shared/notify/notifypg"
	"github.com/fairgate/fairgate/shared/platform/outbox"
	"github.com/fairgate/fairgate/shared/platform/postgres"
	"github.com/fairgate/fairgate/worker/internal/schedule"
)

// Retention is how long rows are kept that nothing needs any longer. Bookings,
// payments, refunds and the ledger are kept for ever.
type Retention struct {
	Webhooks      time.Duration `env:"RETENTION_WEBHOOKS" envDefault:"720h" min:"1h" max:"876000h"`       // webhooks of the payment provider
	Deliveries    time.Duration `env:"RETENTION_DELIVERIES" envDefault:"2160h" min:"168h" max:"876000h"`  // that a mail or a post was sent; at least 168h
	Notifications time.Duration `env:"RETENTION_NOTIFICATIONS" envDefault:"4320h" min:"1h" max:"876000h"` // fans' inboxes
	Unroutable    time.Duration `env:"RETENTION_UNROUTABLE" envDefault:"720h" min:"24h" max:"876000h"`    // events that no queue takes; at least 24h
	JobRuns       time.Duration `env:"RETENTION_JOB_RUNS" envDefault:"336h" min:"1h" max:"876000h"`       // what the scheduled jobs did
}

// endedSessionsKept is longer than a pass can live.
const endedSessionsKept = 48 * time.Hour

func (s *Service) prunes() []schedule.Prune {
	keep := s.cfg.Retention
	var prunes []schedule.Prune
	for _, p := range []postgres.Prune{
		bookingpg.PruneWebhooks(keep.Webhooks),
		bookingpg.PruneEndedSessions(endedSessionsKept),
		bookingpg.PruneSessionAccounts(endedSessionsKept),
		notifypg.PruneDeliveries(keep.Deliveries),
		notifypg.PruneNotifications(keep.Notifications),
		outbox.PruneUnroutable(keep.Unroutable),
		postgres.NewJobRuns(s.pool).PruneAfter(keep.JobRuns),
	} {
		prunes = append(prunes, func(ctx context.Context, limit int) (int, error) { return p.Rows(ctx, s.pool, limit) })
	}
	return prunes
}
