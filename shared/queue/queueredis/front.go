package queueredis

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fairgate/fairgate/shared/clock"
	"github.com/fairgate/fairgate/shared/guard"
	"github.com/fairgate/fairgate/shared/queue"
)

// The beats of a gateway, all multiples of the first.
const (
	beat          = 250 * time.Millisecond
	refreshBeats  = 4  // copy the line once a second
	presenceBeats = 20 // report who was seen
	sweepBeats    = 40 // look for who was not
)

const rememberPlace = time.Second

// nearTurn is how many places ahead, at least, a fan is answered from memory
// when asking to enter: closer ones may have been offered since the copy was made.
const nearTurn = 100

// Front is what one gateway holds of all lines: it keeps them going, copies them
// once a second and answers from the copies. Safe for concurrent use.
type Front struct {
	store *Store
	log   *slog.Logger
	clock clock.Clock

	mu    sync.RWMutex
	lines map[string]*line
	known atomic.Bool // whether the list of lines was ever read
	look  look
	whole atomic.Bool // whether each line of that list was then asked for once
	told  chan struct{}
	held  func() bool // may be nil
}

// HoldWhile makes Run stop the beats of all lines, so that this gateway offers no
// place and lets nobody in, whenever held says so. Call it before Run.
func (f *Front) HoldWhile(held func() bool) { f.held = held }

// NewFront makes a front; it knows no line before Run or Refresh.
func NewFront(store *Store, log *slog.Logger, clock clock.Clock) *Front {
	return &Front{store: store, log: log, clock: clock, lines: map[string]*line{}, told: make(chan struct{}, 1)}
}

// line is one line in a gateway's memory.
type line struct {
	sale   string
	view   atomic.Pointer[view]
	marks  marks
	answer answers
	pace   pace
	asked  atomic.Bool // once, whatever came of it
}

// view is a line as it was at the last copy.
type view struct {
	Snapshot
	status    StatusBody
	perMinute float64   // fans that enter, as far as one can tell; 0 while nobody does
	readAt    time.Time // by the gateway's clock
}

// Run keeps every line going until ctx ends: beats, copies, reports of who is there.
func (f *Front) Run(ctx context.Context) error {
	var lines guard.Group
	defer lines.Wait()
	ctx, end := context.WithCancel(ctx)
	defer end() // also should this loop panic: the lines are begun again with it
	started := map[string]context.CancelFunc{}
	ticker := time.NewTicker(refreshBeats * beat)
	defer ticker.Stop()
	for {
		if sales, err := f.store.Lines(ctx); err == nil {
			f.keepOnly(sales, started)
			f.learn(sales)
			for _, sale := range sales {
				if started[sale] == nil {
					lineCtx, stop := context.WithCancel(ctx)
					started[sale] = stop
					lines.Keep(lineCtx, "lines", func(ctx context.Context) error { return f.runLine(ctx, sale) })
				}
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// learn notes which lines there are, before any of them has been copied: until then
// they cannot be told of, which is not the same as that there is no such line.
func (f *Front) learn(sales []string) {
	for _, sale := range sales {
		f.lineOrNew(sale)
	}
	f.known.Store(true)
}

// Ready fails with ErrUnavailable until the lines that there were at the start have
// been asked for; a gateway that takes fans earlier could not tell them anything.
func (f *Front) Ready(context.Context) error {
	if f.whole.Load() {
		return nil
	}
	if !f.known.Load() {
		return queue.ErrUnavailable
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	for _, l := range f.lines {
		if !l.asked.Load() {
			return queue.ErrUnavailable
		}
	}
	f.whole.Store(true)
	return nil
}

func (f *Front) keepOnly(sales []string, started map[string]context.CancelFunc) {
	for sale, stop := range started {
		if !slices.Contains(sales, sale) {
			stop()
			delete(started, sale)
			f.mu.Lock()
			delete(f.lines, sale)
			f.mu.Unlock()
		}
	}
}

func (f *Front) runLine(ctx context.Context, sale string) error {
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	failing := false
	for n := 0; ; n++ {
		err := f.beat(ctx, sale, n)
		f.lineOrNew(sale).asked.Store(true)
		switch failed := err != nil && ctx.Err() == nil; {
		case failed && !failing:
			f.log.WarnContext(ctx, "line does not move", "sale", sale, "error", err)
			failing = true
		case !failed && failing:
			f.log.InfoContext(ctx, "line moves again", "sale", sale)
			failing = false
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func (f *Front) beat(ctx context.Context, sale string, n int) error {
	var did Ticked
	var err error
	if f.held == nil || !f.held() {
		did, err = f.store.Tick(ctx, sale)
	}
	if n%refreshBeats == 0 || f.isBehind(sale, did.version) {
		err = errors.Join(err, f.Refresh(ctx, sale))
	}
	if n%presenceBeats == 0 {
		err = errors.Join(err, f.ReportPresence(ctx, sale))
	}
	if n%sweepBeats == sweepBeats-1 {
		_, sweepErr := f.store.Sweep(ctx, sale)
		err = errors.Join(err, sweepErr)
	}
	return err
}

// isBehind reports whether the copy, or the shared status in it, does not know a
// version of the line's settings and state yet.
func (f *Front) isBehind(sale string, version int64) bool {
	_, v, err := f.at(sale)
	return err == nil && (v.Policy.Version < version || v.status.version < version)
}

// Told receives soon after the status of some line has begun to tell of a change of
// its settings or state.
func (f *Front) Told() <-chan struct{} { return f.told }

// Refresh copies a line now. Run does it each second, and at once when the line's
// settings or state have changed.
func (f *Front) Refresh(ctx context.Context, sale string) error {
	snapshot, err := f.store.Snapshot(ctx, sale)
	if err != nil {
		return err
	}
	status, err := f.store.shareStatus(ctx, snapshot)
	if err != nil {
		return err
	}
	l := f.lineOrNew(sale)
	snapshot.Figures.EnteringPerMinute = l.pace.measure(snapshot.At, snapshot.Figures.Entered)
	if old := l.view.Load(); old != nil && old.status.version != status.version {
		defer f.tell()
	}
	l.view.Store(&view{
		Snapshot: snapshot, status: status, readAt: f.clock.Now(),
		perMinute: expectedPace(snapshot.Policy, snapshot.Figures.EnteringPerMinute, l.pace.long()),
	})
	l.answer.forgetOld(f.clock.Now(), snapshot.Policy)
	return nil
}

func (f *Front) tell() {
	select {
	case f.told <- struct{}{}:
	default: // it has not been heard yet
	}
}

// ReportPresence reports who was seen since the last time. Run does it every 5 s.
func (f *Front) ReportPresence(ctx context.Context, sale string) error {
	l := f.lineOrNew(sale)
	bits, count := l.marks.take()
	err := f.store.reportPresence(ctx, sale, bits, count)
	if err != nil {
		l.marks.merge(bits)
	}
	return err
}

func (f *Front) lineOrNew(sale string) *line {
	f.mu.Lock()
	defer f.mu.Unlock()
	l, ok := f.lines[sale]
	if !ok {
		l = &line{sale: sale}
		f.lines[sale] = l
	}
	return l
}

// at returns a line and its last copy. Errors: ErrLineNotFound; ErrUnavailable
// while it is not known yet which lines there are.
func (f *Front) at(sale string) (*line, *view, error) {
	l := f.line(sale)
	if l == nil && f.known.Load() {
		f.lookFor(sale)
		l = f.line(sale)
	}
	if l != nil {
		if v := l.view.Load(); v != nil {
			return l, v, nil
		}
	}
	if f.known.Load() && l == nil {
		return nil, nil, queue.ErrLineNotFound
	}
	return nil, nil, queue.ErrUnavailable
}

// line returns a line that is known here, else nil.
func (f *Front) line(sale string) *line {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.lines[sale]
}

// Lines returns the sale ids of all lines that are known here, sorted.
func (f *Front) Lines() []string {
	f.mu.RLock()
	defer f.mu.RUnlock()
	sales := make([]string, 0, len(f.lines))
	for sale, l := range f.lines {
		if l.view.Load() != nil {
			sales = append(sales, sale)
		}
	}
	slices.Sort(sales)
	return sales
}

// Policy returns a line's settings as of the last second.
func (f *Front) Policy(sale string) (queue.Policy, error) {
	_, v, err := f.at(sale)
	if err != nil {
		return queue.Policy{}, err
	}
	return v.Policy, nil
}

// Figures returns a line's live numbers as of the last second.
func (f *Front) Figures(sale string) (queue.Figures, error) {
	_, v, err := f.at(sale)
	if err != nil {
		return queue.Figures{}, err
	}
	return v.Figures, nil
}

// Status returns the shared status body, the same bytes on every gateway.
func (f *Front) Status(sale string) (StatusBody, error) {
	_, v, err := f.at(sale)
	if err != nil {
		return StatusBody{}, err
	}
	return v.status, nil
}

// Age returns how old the copy of a line is: growing while Redis does not answer.
func (f *Front) Age(sale string) (time.Duration, error) {
	_, v, err := f.at(sale)
	if err != nil {
		return 0, err
	}
	return f.clock.Now().Sub(v.readAt), nil
}
