package worker

import (
	"context"
	"time"

	"github.com/fairgate/fairgate/shared/booking/bookingpg"
	"github.com/fairgate/fairgate/shared/event"
	"github.com/fairgate/fairgate/shared/notify"
	"github.com/fairgate/fairgate/shared/platform/audit"
	"github.com/fairgate/fairgate/shared/platform/run"
	"github.com/fairgate/fairgate/worker/internal/consume"
)

func (s *Service) auditLog() *audit.Log {
	return audit.New(audit.Options{
		DB: s.pool, Source: bookingpg.Audit, Last: bookingpg.LastAudit, Cursor: "ledger",
		Folder: audit.Folder{Path: s.cfg.AuditDir, Retention: s.cfg.AuditRetention},
		Now:    time.Now, Log: s.log, Metrics: s.metrics, Kinds: []string{"booking", "payment"},
	})
}

// finishAudit writes what the last changes of a worker that stops have left.
func (s *Service) finishAudit(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.ShutdownGrace/6)
	defer cancel()
	if err := s.audit.Finish(ctx); err != nil {
		s.log.WarnContext(ctx, "the last lines of the audit log are left to the next worker", "error", err)
	}
}

// noted writes the line of each mail that has been sent; the address is masked by the
// logger.
func (s *Service) noted(send func(context.Context, notify.Mail) error) func(context.Context, notify.Mail) error {
	return func(ctx context.Context, m notify.Mail) error {
		if err := send(ctx, m); err != nil {
			return err // logged by the consumer
		}
		s.log.InfoContext(ctx, "mail sent", "template", string(m.Template), "entity", m.Entity, "to", m.To)
		return nil
	}
}

// signConsumers makes each consumer the actor of the changes that it makes.
func signConsumers(table []consume.Consumer) []consume.Consumer {
	for i, c := range table {
		actor, handle := "queue:"+c.Queue, c.Handle
		table[i].Handle = func(ctx context.Context, e event.Envelope) error { return handle(audit.WithActor(ctx, actor), e) }
	}
	return table
}

// signJobs does the same for jobs.
func signJobs(jobs []run.Job) []run.Job {
	for i, job := range jobs {
		actor, do := "job:"+job.Name, job.Do
		jobs[i].Do = func(ctx context.Context) (run.Tally, error) { return do(audit.WithActor(ctx, actor)) }
	}
	return jobs
}
