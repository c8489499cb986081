package booking

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fairgate/fairgate/shared/clock"
	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/guard"
)

// How Availability keeps up.
const (
	pollEvery      = 50 * time.Millisecond  // the stream of changes is read while it flows
	quietPollEvery = 250 * time.Millisecond // and when it has been silent
	quietAfter     = 5 * time.Second        // for so long
	broadcastEvery = 250 * time.Millisecond // subscribers hear, at most
	reloadEvery    = 5 * time.Second        // the claims are read anew
	retryEvery     = time.Second            // after a failure of Redis or Postgres
	idleAfter      = 2 * time.Minute        // a showtime nobody asks for is forgotten
	loadTimeout    = 10 * time.Second
	holdWaits      = time.Second // for a showtime to be loaded

	// replayMargin is by how much a replay reaches back before the version a client
	// names: that may come from another instance, which learnt of a change earlier
	// or later than this one. Changes on the stream differ by milliseconds, those
	// that only a reload brings by up to its interval.
	replayMargin = reloadEvery + 2*time.Second
)

// SeatHold is a live hold of one seat.
type SeatHold struct {
	Seat  string
	Until time.Time
}

// SeatEvent is one entry of a performance's stream of changes.
type SeatEvent struct {
	ShowtimeID string
	Seats      []string
	State      SeatState
	Until      time.Time // zero: never
	Claim      bool      // a claim changed; false: a hold came or went
}

// SeatPage is what has happened in a performance since a position.
type SeatPage struct {
	Events []SeatEvent
	Next   string // the position after Events
	Gap    bool   // something before Events may be missing
	More   bool   // there may be more already
}

// SeatSource is where holds and changes are read from: Redis.
type SeatSource interface {
	// Position returns the present end of a performance's stream of changes.
	Position(ctx context.Context, performanceID string) (string, error)
	// Holds returns which of the seats are held now.
	Holds(ctx context.Context, performanceID, showtimeID string, seats []string) ([]SeatHold, error)
	// Read returns what happened after the positions, by performance id. It does not
	// wait for something to happen.
	Read(ctx context.Context, positions map[string]string) (map[string]SeatPage, error)
}

// Availability knows, in this process's memory, which seats of the showtimes in use
// are free. It loads a showtime when first asked for it and forgets it when nobody
// asks any more. Holds and changes reach it through the stream of changes, within
// some 50 ms, the first after a silence within 250 ms; lost ones and those made
// without Redis by reading the claims every 5 s; holds lapse by themselves.
//
// Versions are the larger of the previous one plus one and the time in Unix
// milliseconds, so every instance can answer a client of any other.
type Availability struct {
	catalogue Catalogue
	claims    ClaimReader
	source    SeatSource
	clock     clock.Clock
	log       *slog.Logger

	reading sync.Mutex // held while a page of the stream is read and applied

	mu        sync.Mutex
	showtimes map[string]*watched
	feeds     map[string]*feed // by performance id
}

// watched is one showtime in use.
type watched struct {
	*seatBoard
	id            string
	performanceID string
	ready         chan struct{} // closed when loading has ended
	err           error         // of loading; read after ready
	used          atomic.Int64  // when it was last asked for, Unix milliseconds
	reloadAt      time.Time     // touched by reloadClaims only
}

// feed is how far the stream of a performance has been read.
type feed struct {
	position string
	synced   bool // false: holds may have been missed, read them all
}

// NewAvailability returns an Availability that serves once Run runs.
func NewAvailability(c Catalogue, claims ClaimReader, source SeatSource, clk clock.Clock, log *slog.Logger) *Availability {
	return &Availability{
		catalogue: c, claims: claims, source: source, clock: clk, log: log,
		showtimes: map[string]*watched{}, feeds: map[string]*feed{},
	}
}

// Snapshot returns the state of all seats of a showtime. It waits for the first
// load; after that it costs microseconds. It fails with the catalogue's
// showtime_not_found, or errs.ErrUpstream while the first load cannot be done.
func (a *Availability) Snapshot(ctx context.Context, showtimeID string) (*Snapshot, error) {
	w, err := a.watch(ctx, showtimeID)
	if err != nil {
		return nil, err
	}
	return w.snapshot(a.clock.Now()), nil
}

// Taken returns the numbers of the seats that are not free, in map order.
func (a *Availability) Taken(ctx context.Context, showtimeID string) ([]string, error) {
	w, err := a.watch(ctx, showtimeID)
	if err != nil {
		return nil, err
	}
	return w.taken(a.clock.Now()), nil
}

// Subscribe returns the changes of a showtime after version since, which may come
// from any instance; 0 asks for a snapshot first. Close it when done.
func (a *Availability) Subscribe(ctx context.Context, showtimeID string, since int64) (*Subscription, error) {
	w, err := a.watch(ctx, showtimeID)
	if err != nil {
		return nil, err
	}
	return w.subscribe(since, a.clock.Now()), nil
}

// Apply takes over changes that this process made itself, without waiting for the
// stream. Showtimes that are not in use are left alone.
func (a *Availability) Apply(showtimeID string, changes []SeatChange) {
	a.mu.Lock()
	w := a.showtimes[showtimeID]
	a.mu.Unlock()
	if w == nil || !w.isReady() {
		return
	}
	events := make([]SeatEvent, len(changes))
	for i, c := range changes {
		events[i] = SeatEvent{Seats: []string{c.Seat}, State: c.State, Until: c.Until, Claim: true}
	}
	w.applyEvents(events, a.clock.Now())
}

// Feed returns next for a process that also answers from a: a change is known here
// when Publish returns, without waiting for the stream.
func (a *Availability) Feed(next SeatFeed) SeatFeed { return seenHere{a, next} }

type seenHere struct {
	seats *Availability
	next  SeatFeed
}

func (f seenHere) Publish(ctx context.Context, performanceID, showtimeID string, changes []SeatChange) error {
	f.seats.Apply(showtimeID, changes)
	err := f.next.Publish(ctx, performanceID, showtimeID, changes)
	if err == nil { // what is read before the changes are on the stream may say older things: be the last to speak
		f.seats.reading.Lock()
		defer f.seats.reading.Unlock()
	}
	f.seats.Apply(showtimeID, changes)
	return err
}

// claimed returns which of the seats have a live claim as far as is known here;
// withHolds adds those that are held. Nothing is known of a showtime that cannot be
// loaded: holds go on while Postgres is down.
func (a *Availability) claimed(ctx context.Context, showtimeID string, seats []string, withHolds bool) []string {
	w := a.use(ctx, showtimeID)
	if !w.isReady() {
		ctx, cancel := context.WithTimeout(ctx, holdWaits)
		defer cancel()
		if w.wait(ctx) != nil {
			return nil
		}
	}
	return w.conflicts(seats, withHolds, a.clock.Now())
}

func (w *watched) isReady() bool {
	select {
	case <-w.ready:
		return w.err == nil
	default:
		return false
	}
}

// watch returns the showtime once it is loaded.
func (a *Availability) watch(ctx context.Context, showtimeID string) (*watched, error) {
	w := a.use(ctx, showtimeID)
	return w, w.wait(ctx)
}

// use returns the showtime, which begins to load if it was not in use.
func (a *Availability) use(ctx context.Context, showtimeID string) *watched {
	a.mu.Lock()
	defer a.mu.Unlock()
	w, known := a.showtimes[showtimeID]
	if !known {
		w = &watched{id: strings.Clone(showtimeID), ready: make(chan struct{})} // the caller may reuse its bytes
		a.showtimes[w.id] = w
		loading := context.WithoutCancel(ctx)
		guard.Go("availability", func() { a.load(loading, w) })
	}
	w.used.Store(a.clock.Now().UnixMilli())
	return w
}

// wait returns when w is loaded, with the error of that.
func (w *watched) wait(ctx context.Context) error {
	select {
	case <-w.ready:
		return w.err
	case <-ctx.Done():
		return errs.ErrUpstream.Because(ctx.Err())
	}
}

// load fills w, or forgets it so that the next request tries again.
func (a *Availability) load(ctx context.Context, w *watched) {
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	defer close(w.ready)
	if w.err = guard.Call("availability", func() error { return a.fill(ctx, w) }); w.err != nil {
		a.mu.Lock()
		delete(a.showtimes, w.id)
		a.mu.Unlock()
	}
}

func (a *Availability) fill(ctx context.Context, w *watched) error {
	showtime, err := a.catalogue.Showtime(ctx, w.id)
	if err != nil {
		return err
	}
	seatMap, err := a.catalogue.SeatMap(ctx, showtime.HallID)
	if err != nil {
		return err
	}
	if err := a.follow(ctx, showtime.PerformanceID); err != nil {
		a.log.Warn("holds cannot be read, going on without", "performance_id", showtime.PerformanceID, "error", err)
	}
	board := newSeatBoard(seatMap, a.clock.Now())
	a.mu.Lock() // from here on the stream reaches it
	w.seatBoard, w.performanceID = board, showtime.PerformanceID
	a.mu.Unlock()
	a.syncHolds(ctx, w)
	return a.reload(ctx, w)
}

// follow makes sure that the stream of the performance is read from before now on.
// When its position cannot be had, the reader will look for it again.
func (a *Availability) follow(ctx context.Context, performanceID string) error {
	a.mu.Lock()
	_, known := a.feeds[performanceID]
	a.mu.Unlock()
	if known {
		return nil
	}
	position, err := a.source.Position(ctx, performanceID)
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, known = a.feeds[performanceID]; !known {
		a.feeds[performanceID] = &feed{position: position, synced: err == nil}
	}
	return err
}

// syncHolds reads all holds of w anew. A failure marks the feed for another try.
func (a *Availability) syncHolds(ctx context.Context, w *watched) {
	asked := a.clock.Now()
	holds, err := a.source.Holds(ctx, w.performanceID, w.id, w.seatNumbers())
	if err == nil {
		w.setHolds(holds, asked, a.clock.Now())
		return
	}
	a.mu.Lock()
	if f := a.feeds[w.performanceID]; f != nil {
		f.synced = false
	}
	a.mu.Unlock()
}

func (a *Availability) reload(ctx context.Context, w *watched) error {
	asked := a.clock.Now()
	w.reloadAt = asked.Add(reloadEvery)
	claims, err := a.claims.Claims(ctx, w.id)
	if err != nil {
		return errs.ErrUpstream.Because(fmt.Errorf("claims of %s: %w", w.id, err))
	}
	w.setClaims(claims, asked, a.clock.Now())
	return nil
}
