package run_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairgate/fairgate/shared/platform/run"
)

// shelf keeps records, unless it is broken.
type shelf struct {
	mu      sync.Mutex
	broken  bool
	records []run.Record
}

func (s *shelf) store(_ context.Context, records []run.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken {
		return errors.New("full")
	}
	s.records = append(s.records, records...)
	return nil
}

func (s *shelf) stored() []run.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.records)
}

func (s *shelf) sum() (total run.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.records {
		total.Runs, total.RunsFailed = total.Runs+r.Runs, total.RunsFailed+r.RunsFailed
		total.Items.Selected += r.Items.Selected
		total.Items.Done += r.Items.Done
		total.Items.Failed += r.Items.Failed
	}
	return total
}

func TestHistoryAddsUpAndLosesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		kept := &shelf{broken: true}
		runs, boom := 0, errors.New("boom")
		job := run.Job{Name: "test", Every: time.Second, Do: func(context.Context) (run.Tally, error) {
			if runs++; runs%10 == 0 {
				return run.Tally{}, boom
			}
			return run.Tally{Selected: 3, Done: 2, Failed: 1}, nil
		}}
		jobs := run.NewJobs(alone, time.Second, discard(), nil)
		jobs.Keep(run.NewHistory(kept.store, discard()))
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); _ = jobs.Run(ctx, []run.Job{job}) }()
		time.Sleep(90 * time.Second)
		if len(kept.stored()) != 0 {
			t.Fatal("stored although it cannot be")
		}
		kept.mu.Lock()
		kept.broken = false
		kept.mu.Unlock()
		time.Sleep(60 * time.Second)
		if records := kept.stored(); len(records) != 1 || records[0].Error != "boom" {
			t.Fatalf("%d records %+v; want one of two minutes, with the error", len(records), records)
		}
		stop()
		<-done
		failed := runs / 10
		good := runs - failed
		got := kept.sum()
		if got.Runs != runs || got.RunsFailed != failed || got.Items != (run.Tally{Selected: 3 * good, Done: 2 * good, Failed: good}) {
			t.Errorf("kept %+v of %d runs; want all, the last ones too", got, runs)
		}
	})
}
