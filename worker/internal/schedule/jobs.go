// Package schedule is the worker's door for time: a table of what is done again
// and again, and one file per job that is more than a call.
package schedule

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/platform/rabbit"
	"github.com/fairgate/fairgate/shared/platform/run"
)

// Bookings is what the jobs ask of bookings; see booking.Service.
type Bookings interface {
	ExpireDue(ctx context.Context, limit int) (int, error)
	ReconcileDue(ctx context.Context) (booking.Looked, error)
	SendDueRefunds(ctx context.Context) (booking.Looked, error)
	ForgetKeys(ctx context.Context, limit int) (int, error)
	Sweep(ctx context.Context) (booking.Swept, error)
	Violations(ctx context.Context) (map[string]int, error)
}

// Deps is what the jobs act on.
type Deps struct {
	Bookings Bookings
	// SweepHolds removes up to limit holds that lapsed long ago.
	SweepHolds func(ctx context.Context, limit int) (int, error)
	Endings    Endings
	Lines      Lines
	SoldOut    SoldOut
	// OutboxLag returns how many events wait, and how long the oldest has.
	OutboxLag func(ctx context.Context) (events int, oldest time.Duration, err error)
	// QueueDepths returns what waits in the broker; rabbit.ErrDown without one.
	QueueDepths func(ctx context.Context) ([]rabbit.Depth, error)
	// Pending returns the money whose outcome is not known yet.
	Pending func(ctx context.Context) ([]booking.Pending, error)
	// ForgetNames removes the names that erased accounts left in their bookings, of up to
	// limit accounts that were not looked at since round, and returns how many it looked at
	// and for how many of them everything is done.
	ForgetNames func(ctx context.Context, round time.Time, limit int) (looked, done int, err error)
	Audit       Audit
	Prunes      []Prune
	Metrics     prometheus.Registerer
}

// Audit is the audit log; see audit.Log.
type Audit interface {
	Write(ctx context.Context) (run.Tally, error)
	Forget(ctx context.Context) (run.Tally, error)
}

// limit of one batch, which is one transaction; a run takes batches until nothing is
// left.
const limit = 500

// Table lists all jobs. Those that are not Everywhere run on one worker at a time.
func Table(d Deps) []run.Job {
	return []run.Job{
		{Name: "expire_bookings", Every: time.Second, Do: batches(d.Bookings.ExpireDue)},
		{Name: "reconcile_payments", Every: time.Second, Timeout: 5 * time.Minute, Do: looked(d.Bookings.ReconcileDue)},
		{Name: "send_refunds", Every: time.Second, Timeout: 5 * time.Minute, Do: looked(d.Bookings.SendDueRefunds)},
		{Name: "sweep_holds", Every: 10 * time.Second, Do: batches(d.SweepHolds)},
		{Name: "release_ended_sessions", Every: 200 * time.Millisecond, Do: d.Endings.release},
		{Name: "forget_idempotency_keys", Every: time.Minute, Do: batches(d.Bookings.ForgetKeys)},
		{Name: "forget_names", Every: time.Minute, Do: forgetNames(d.ForgetNames)},
		{Name: "prune", Every: 10 * time.Minute, Timeout: 5 * time.Minute, Do: prune(d.Prunes)},
		{Name: "check_invariants", Every: 15 * time.Second, Timeout: time.Minute, Do: sweep(d.Bookings.Sweep)},
		{Name: "measure_invariants", Every: 15 * time.Second, Everywhere: true, Do: invariants(d.Bookings.Violations, d.Metrics)},
		{Name: "keep_lines", Every: time.Second, Do: d.Lines.keep},
		{Name: "mark_sold_out", Every: time.Second, Do: d.SoldOut.look},
		{Name: "write_audit_log", Every: time.Second, Do: d.Audit.Write},
		{Name: "forget_audit_files", Every: time.Hour, Do: d.Audit.Forget},
		{Name: "measure_outbox", Every: 5 * time.Second, Everywhere: true, Do: outboxLag(d.OutboxLag, d.Metrics)},
		{Name: "measure_queues", Every: 5 * time.Second, Timeout: 10 * time.Second, Everywhere: true, Do: queueDepths(d.QueueDepths, d.Metrics)},
		{Name: "measure_money", Every: 5 * time.Second, Everywhere: true, Do: pendingMoney(d.Pending, d.Metrics)},
	}
}

// looked makes a job of looks at the payment provider.
func looked(f func(ctx context.Context) (booking.Looked, error)) func(context.Context) (run.Tally, error) {
	return func(ctx context.Context) (run.Tally, error) {
		l, err := f(ctx)
		return run.Tally{Selected: l.Taken, Done: l.Taken - l.Failed, Failed: l.Failed}, err
	}
}

// forgetNames looks once at every erased account of which something may be left. What it
// does is look: for an hour at least, every one of them is looked at again.
func forgetNames(f func(ctx context.Context, round time.Time, limit int) (looked, done int, err error)) func(context.Context) (run.Tally, error) {
	return func(ctx context.Context) (run.Tally, error) {
		var all run.Tally
		for round := time.Now(); ; {
			looked, _, err := f(ctx, round, limit)
			all.Selected, all.Done = all.Selected+looked, all.Done+looked
			if err != nil || looked < limit || ctx.Err() != nil {
				return all, err
			}
		}
	}
}

// counted makes a job of a function that returns how many it did.
func counted(f func(ctx context.Context) (int, error)) func(context.Context) (run.Tally, error) {
	return func(ctx context.Context) (run.Tally, error) {
		n, err := f(ctx)
		return run.Tally{Selected: n, Done: n}, err
	}
}

// batches makes a job of a function that does up to limit at a time and returns how
// many it did.
func batches(f func(ctx context.Context, limit int) (int, error)) func(context.Context) (run.Tally, error) {
	return counted(func(ctx context.Context) (int, error) {
		total := 0
		for {
			n, err := f(ctx, limit)
			total += n
			if err != nil || n < limit || ctx.Err() != nil {
				return total, err
			}
		}
	})
}
