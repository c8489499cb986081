package run

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

// Record is what the runs of one job within a while did, all together.
type Record struct {
	Job              string
	Started, Ended   time.Time // of the first and of the last run
	Runs, RunsFailed int
	Items            Tally
	Error            string // of the last run that failed
}

const (
	historyEvery   = time.Minute
	historyTimeout = 5 * time.Second
)

// History adds up what jobs do and stores it once a minute.
type History struct {
	store func(ctx context.Context, records []Record) error
	log   *slog.Logger

	mu      sync.Mutex
	pending map[string]Record // by job
}

// NewHistory returns a history that store keeps.
func NewHistory(store func(ctx context.Context, records []Record) error, log *slog.Logger) *History {
	return &History{store: store, log: log, pending: map[string]Record{}}
}

// add adds one run. A nil history forgets it.
func (h *History) add(job string, started time.Time, items Tally, err error) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	r, known := h.pending[job]
	if !known {
		r = Record{Job: job, Started: started}
	}
	r.Ended = time.Now()
	r.Runs++
	r.Items.Selected += items.Selected
	r.Items.Done += items.Done
	r.Items.Failed += items.Failed
	if err != nil {
		r.RunsFailed++
		r.Error = err.Error()
	}
	h.pending[job] = r
}

// keep stores what there is every minute until ctx ends.
func (h *History) keep(ctx context.Context) error {
	if h == nil {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(historyEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
			h.flush(ctx)
		}
	}
	return nil
}

// flush stores what has been added; while it cannot, the figures go on adding up.
func (h *History) flush(ctx context.Context) {
	h.mu.Lock()
	taken := h.pending
	h.pending = map[string]Record{}
	h.mu.Unlock()
	if len(taken) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), historyTimeout)
	defer cancel()
	records := slices.SortedFunc(maps.Values(taken), func(a, b Record) int { return cmp.Compare(a.Job, b.Job) })
	if err := h.store(ctx, records); err != nil {
		h.log.WarnContext(ctx, "the history of jobs is not stored", "error", err)
		h.putBack(taken)
	}
}

func (h *History) putBack(taken map[string]Record) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for job, old := range taken {
		r, known := h.pending[job]
		if !known {
			h.pending[job] = old
			continue
		}
		r.Started = old.Started
		r.Runs, r.RunsFailed = r.Runs+old.Runs, r.RunsFailed+old.RunsFailed
		r.Items.Selected += old.Items.Selected
		r.Items.Done += old.Items.Done
		r.Items.Failed += old.Items.Failed
		r.Error = cmp.Or(r.Error, old.Error)
		h.pending[job] = r
	}
}
