package run

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/fairgate/fairgate/shared/guard"
)

// Tally proves that a run left nothing out: Selected = Done + Failed.
type Tally struct{ Selected, Done, Failed int }

// Job is work that is done again and again.
type Job struct {
	Name    string        // metrics label (Prometheus itself says job for what runs it)
	Every   time.Duration // from the start of one run to the start of the next
	Timeout time.Duration // of one run; 30 s when 0
	// Everywhere runs it in every process; otherwise only the leader runs it.
	Everywhere bool
	Do         func(ctx context.Context) (Tally, error)
}

// Lead calls f while this process is the leader, again and again until ctx ends.
// stop ends when f must return: ctx has ended or the lead is lost; held ends only
// when the lead is lost, so that f may finish what it has in hand.
type Lead func(ctx context.Context, f func(stop, held context.Context)) error

const defaultJobTimeout = 30 * time.Second

// Jobs runs jobs on time and counts what became of them.
type Jobs struct {
	lead     Lead
	finish   time.Duration
	history  *History
	log      *slog.Logger
	runs     *prometheus.CounterVec
	items    *prometheus.CounterVec
	duration *prometheus.HistogramVec
	success  *prometheus.GaugeVec
	leading  prometheus.Gauge
	period   *prometheus.GaugeVec
}

// NewJobs returns a runner. Runs in hand when it is stopped have that
// long to end before their context does. A nil registerer registers no metrics.
func NewJobs(lead Lead, finish time.Duration, log *slog.Logger, registerer prometheus.Registerer) *Jobs {
	factory := promauto.With(registerer)
	return &Jobs{
		lead: lead, finish: finish, log: log,
		runs: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "fairgate_job_runs_total", Help: "Runs of scheduled jobs, by outcome (ok, failed).",
		}, []string{"name", "outcome"}),
		items: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "fairgate_job_items_total", Help: "Items that jobs selected, and what became of them (selected, done, failed).",
		}, []string{"name", "outcome"}),
		duration: factory.NewHistogramVec(prometheus.HistogramOpts{
			Name: "fairgate_job_duration_seconds", Help: "Time a run took.",
			Buckets: []float64{.001, .005, .01, .05, .1, .5, 1, 5, 10, 30},
		}, []string{"name"}),
		success: factory.NewGaugeVec(prometheus.GaugeOpts{
			Name: "fairgate_job_last_success_timestamp_seconds", Help: "When the job last succeeded in this process.",
		}, []string{"name"}),
		period: factory.NewGaugeVec(prometheus.GaugeOpts{
			Name: "fairgate_job_period_seconds", Help: "How often the job is to run.",
		}, []string{"name"}),
		leading: factory.NewGauge(prometheus.GaugeOpts{
			Name: "fairgate_job_leading_processes", Help: "1 while this process leads: it runs the jobs that only one may run.",
		}),
	}
}

// Keep has h keep what the jobs do; call it before Run.
func (j *Jobs) Keep(h *History) { j.history = h }

// Run runs all jobs until ctx ends, and lets the runs in hand finish.
func (j *Jobs) Run(ctx context.Context, jobs []Job) error {
	var everywhere, leaderOnly []Job
	for _, job := range jobs {
		j.period.WithLabelValues(job.Name).Set(job.Every.Seconds())
		j.runs.WithLabelValues(job.Name, "failed") // shows as 0 until the first time
		if job.Everywhere {
			everywhere = append(everywhere, job)
		} else {
			leaderOnly = append(leaderOnly, job)
		}
	}
	if j.history != nil {
		defer j.history.flush(ctx) // once all have ended
	}
	var all guard.Group
	defer all.Wait()
	all.Keep(ctx, "job_history", j.history.keep)
	all.Go("jobs", func() { j.repeat(ctx, context.WithoutCancel(ctx), everywhere) })
	return j.lead(ctx, func(stop, held context.Context) {
		j.leading.Set(1)
		defer j.leading.Set(0)
		j.repeat(stop, held, leaderOnly)
	})
}

// repeat runs jobs side by side until stop ends. A run in hand is cut off when held
// ends, or when it takes too long to finish after stop.
func (j *Jobs) repeat(stop, held context.Context, jobs []Job) {
	running, cancel := Finish(stop, j.finish)
	defer cancel()
	defer context.AfterFunc(held, guard.Func("jobs", cancel))()
	var all guard.Group
	defer all.Wait()
	for _, job := range jobs {
		all.Keep(stop, "jobs", func(stop context.Context) error {
			tick := time.NewTicker(job.Every)
			defer tick.Stop()
			for stop.Err() == nil {
				j.once(running, job)
				select {
				case <-stop.Done():
				case <-tick.C:
				}
			}
			return nil
		})
	}
}

func (j *Jobs) once(ctx context.Context, job Job) {
	timeout := job.Timeout
	if timeout == 0 {
		timeout = defaultJobTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	started := time.Now()
	tally, err := guarded(ctx, job)
	j.history.add(job.Name, started, tally, err)
	j.duration.WithLabelValues(job.Name).Observe(time.Since(started).Seconds())
	j.items.WithLabelValues(job.Name, "selected").Add(float64(tally.Selected))
	j.items.WithLabelValues(job.Name, "done").Add(float64(tally.Done))
	j.items.WithLabelValues(job.Name, "failed").Add(float64(tally.Failed))
	if err != nil {
		j.runs.WithLabelValues(job.Name, "failed").Inc()
		j.log.ErrorContext(ctx, "job failed", "job", job.Name, "error", err)
		return
	}
	j.runs.WithLabelValues(job.Name, "ok").Inc()
	j.success.WithLabelValues(job.Name).SetToCurrentTime()
}

// guarded turns a panic and a tally that does not add up into errors.
func guarded(ctx context.Context, job Job) (tally Tally, err error) {
	err = guard.Call("job", func() (err error) {
		tally, err = job.Do(ctx)
		return err
	})
	if err == nil && tally.Selected != tally.Done+tally.Failed {
		err = fmt.Errorf("selected %d but did %d and failed %d", tally.Selected, tally.Done, tally.Failed)
	}
	return tally, err
}
