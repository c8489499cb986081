package run_test

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairgate/fairgate/shared/platform/backendtest"
	"github.com/fairgate/fairgate/shared/platform/backendtest/pgtest"
	"github.com/fairgate/fairgate/shared/platform/postgres"
	"github.com/fairgate/fairgate/shared/platform/run"
)

const (
	limit   = 20 * time.Second
	leadKey = 42
)

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", limit, what)
		}
	}
}

func start(t *testing.T, f func(ctx context.Context)) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); f(ctx) }()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func leadOf(pool *pgxpool.Pool) run.Lead {
	return func(ctx context.Context, f func(stop, held context.Context)) error {
		return postgres.Lead(ctx, pool, leadKey, discard(), f)
	}
}

// alone is a lead that nobody contests.
func alone(ctx context.Context, f func(stop, held context.Context)) error {
	f(ctx, context.WithoutCancel(ctx))
	return nil
}

// busyWorkers runs the same job in three workers and returns how often two ran it
// at the same time.
func busyWorkers(t *testing.T, lead func() run.Lead, linger func(inside *atomic.Int32)) (together int32) {
	t.Helper()
	var inside, total, collisions atomic.Int32
	job := run.Job{Name: "test", Every: time.Millisecond, Do: func(context.Context) (run.Tally, error) {
		if inside.Add(1) > 1 {
			collisions.Add(1)
		}
		linger(&inside)
		inside.Add(-1)
		total.Add(1)
		return run.Tally{}, nil
	}}
	for range 3 {
		jobs := run.NewJobs(lead(), limit, discard(), nil)
		start(t, func(ctx context.Context) { _ = jobs.Run(ctx, []run.Job{job}) })
	}
	eventually(t, "100 runs", func() bool { return total.Load() >= 100 })
	return collisions.Load()
}

func TestOneWorkerRunsAJob(t *testing.T) {
	t.Parallel()
	databaseURL := pgtest.URL(t)
	together := busyWorkers(t, func() run.Lead {
		pool, err := pgxpool.New(context.Background(), databaseURL)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(pool.Close)
		return leadOf(pool)
	}, func(*atomic.Int32) { time.Sleep(time.Millisecond) })
	if together != 0 {
		t.Errorf("two workers ran the job together %d times", together)
	}
}

// The twin: without the lead, workers run the job together.
func TestWithoutTheLeadWorkersRunTogether(t *testing.T) {
	t.Parallel()
	var met atomic.Bool
	untilTheyMeet := func(inside *atomic.Int32) {
		for deadline := time.Now().Add(limit / 4); !met.Load() && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			met.Store(met.Load() || inside.Load() > 1)
		}
	}
	if together := busyWorkers(t, func() run.Lead { return alone }, untilTheyMeet); together == 0 {
		t.Error("no two workers ran together: the test above proves nothing")
	}
}

func TestTheNextWorkerTakesOverWhenTheLeaderIsCutOff(t *testing.T) {
	t.Parallel()
	u, err := url.Parse(pgtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	direct, err := pgxpool.New(context.Background(), u.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(direct.Close)
	proxy := backendtest.NewProxy(t, u.Host)
	u.Host = proxy.Addr
	shaky, err := pgxpool.New(context.Background(), u.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(shaky.Close)

	var mu sync.Mutex
	var leaders []string
	last := func() string {
		mu.Lock()
		defer mu.Unlock()
		if len(leaders) == 0 {
			return ""
		}
		return leaders[len(leaders)-1]
	}
	var cutOff atomic.Bool
	lead := func(name string, pool *pgxpool.Pool) {
		start(t, func(ctx context.Context) {
			_ = postgres.Lead(ctx, pool, leadKey, discard(), func(stop, held context.Context) {
				mu.Lock()
				leaders = append(leaders, name)
				mu.Unlock()
				<-stop.Done()
				if held.Err() != nil {
					cutOff.Store(true)
				}
			})
		})
	}
	lead("shaky", shaky)
	eventually(t, "the first leads", func() bool { return last() == "shaky" })
	lead("direct", direct)
	proxy.SetDown(true)
	eventually(t, "the second leads", func() bool { return last() == "direct" })
	eventually(t, "the first was told that it lost the lead", cutOff.Load)
}

func TestRunInHandIsFinished(t *testing.T) {
	t.Parallel()
	begun, finish := make(chan struct{}), make(chan struct{})
	var finished atomic.Bool
	pool := pgtest.Pool(t)
	var once sync.Once
	stop := start(t, func(ctx context.Context) {
		_ = run.NewJobs(leadOf(pool), limit, discard(), nil).Run(ctx, []run.Job{{Name: "test", Every: time.Hour, Do: func(ctx context.Context) (run.Tally, error) {
			once.Do(func() { close(begun) })
			select {
			case <-finish:
				finished.Store(true)
			case <-ctx.Done():
			}
			return run.Tally{}, ctx.Err()
		}}})
	})
	<-begun
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	select {
	case <-stopped:
		t.Fatal("stopped with a run in hand")
	case <-time.After(100 * time.Millisecond):
	}
	close(finish)
	<-stopped
	if !finished.Load() {
		t.Error("the run in hand was cut off")
	}
}

func TestRunThatDoesNotEndIsCutOff(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{})
	job := run.Job{Name: "test", Every: time.Hour, Do: func(ctx context.Context) (run.Tally, error) {
		close(begun)
		<-ctx.Done()
		return run.Tally{}, ctx.Err()
	}}
	stop := start(t, func(ctx context.Context) {
		_ = run.NewJobs(alone, 50*time.Millisecond, discard(), nil).Run(ctx, []run.Job{job})
	})
	<-begun
	stopped := make(chan struct{})
	go func() { defer close(stopped); stop() }()
	select {
	case <-stopped:
	case <-time.After(limit):
		t.Error("a run in hand held everything up")
	}
}

func TestOutcomesAreCounted(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		do      func(context.Context) (run.Tally, error)
		outcome string
	}{
		"good":     {func(context.Context) (run.Tally, error) { return run.Tally{Selected: 3, Done: 2, Failed: 1}, nil }, "ok"},
		"failing":  {func(context.Context) (run.Tally, error) { return run.Tally{}, errors.New("boom") }, "failed"},
		"panicked": {func(context.Context) (run.Tally, error) { panic("a bug") }, "failed"},
		"leaky":    {func(context.Context) (run.Tally, error) { return run.Tally{Selected: 3, Done: 2}, nil }, "failed"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			registry := prometheus.NewRegistry()
			stop := start(t, func(ctx context.Context) {
				_ = run.NewJobs(alone, limit, discard(), registry).Run(ctx, []run.Job{{Name: "test", Every: time.Hour, Do: c.do}})
			})
			eventually(t, "counted", func() bool { return counted(t, registry, c.outcome) == 1 })
			stop()
			if other := counted(t, registry, map[string]string{"ok": "failed", "failed": "ok"}[c.outcome]); other != 0 {
				t.Errorf("the other outcome was counted %v times", other)
			}
		})
	}
}

func counted(t *testing.T, registry *prometheus.Registry, outcome string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != "fairgate_job_runs_total" {
			continue
		}
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if label.GetName() == "outcome" && label.GetValue() == outcome {
					return metric.GetCounter().GetValue()
				}
			}
		}
	}
	return 0
}
