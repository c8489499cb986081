package booking

import (
	"context"
	"time"

	"github.com/fairgate/fairgate/shared/guard"
)

// Run keeps the showtimes in use up to date until ctx ends.
func (a *Availability) Run(ctx context.Context) error {
	var loops guard.Group
	loops.Keep(ctx, "availability", func(ctx context.Context) error { return every(ctx, reloadEvery/20, a.reloadClaims) })
	loops.Keep(ctx, "availability", func(ctx context.Context) error { return every(ctx, broadcastEvery, a.broadcast) })
	loops.Keep(ctx, "availability", a.readStreams)
	loops.Wait()
	return nil
}

func every(ctx context.Context, d time.Duration, f func(ctx context.Context)) error {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			f(ctx)
		}
	}
}

// readStreams polls instead of blocking: one call serves all performances, however
// many, keeps no connection busy, and works across the slots of a Cluster.
func (a *Availability) readStreams(ctx context.Context) error {
	wait := time.NewTimer(0)
	defer wait.Stop()
	failing, news := false, a.clock.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-wait.C:
		}
		found, more, err := a.poll(ctx)
		if found {
			news = a.clock.Now()
		}
		if failed := err != nil; failed != failing && ctx.Err() == nil {
			failing = failed
			a.log.Warn("stream of seat changes", "failing", failing, "error", err)
		}
		switch {
		case err != nil:
			wait.Reset(retryEvery)
		case more:
			wait.Reset(0)
		default:
			wait.Reset(pollPause(a.clock.Now().Sub(news)))
		}
	}
}

// pollPause is how long to wait when nothing has happened for so long: where nobody
// buys, looking often costs more than everything else.
func pollPause(quiet time.Duration) time.Duration {
	if quiet < quietAfter {
		return pollEvery
	}
	return quietPollEvery
}

// poll reads and applies what is new, and reports whether there was anything and
// whether there may be more.
func (a *Availability) poll(ctx context.Context) (found, more bool, err error) {
	positions, unsynced := a.positions()
	for _, performanceID := range unsynced {
		if err := a.resync(ctx, performanceID); err != nil {
			return false, false, err
		}
	}
	if len(positions) == 0 {
		return false, false, nil
	}
	a.reading.Lock()
	defer a.reading.Unlock()
	pages, err := a.source.Read(ctx, positions)
	if err != nil {
		return false, false, err
	}
	for performanceID, page := range pages {
		a.applyPage(performanceID, page)
		found, more = found || len(page.Events) > 0, more || page.More
	}
	return found, more, nil
}

func (a *Availability) positions() (synced map[string]string, unsynced []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	synced = make(map[string]string, len(a.feeds))
	for performanceID, f := range a.feeds {
		if f.synced {
			synced[performanceID] = f.position
		} else {
			unsynced = append(unsynced, performanceID)
		}
	}
	return synced, unsynced
}

func (a *Availability) applyPage(performanceID string, page SeatPage) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f := a.feeds[performanceID]
	if f == nil {
		return
	}
	f.position = page.Next
	f.synced = f.synced && !page.Gap
	events := map[string][]SeatEvent{} // by showtime
	for _, event := range page.Events {
		events[event.ShowtimeID] = append(events[event.ShowtimeID], event)
	}
	now := a.clock.Now()
	for showtimeID, its := range events {
		if w := a.showtimes[showtimeID]; w != nil && w.seatBoard != nil {
			w.applyEvents(its, now)
		}
	}
}

// resync reads all holds of a performance after a gap in its stream.
func (a *Availability) resync(ctx context.Context, performanceID string) error {
	position, err := a.source.Position(ctx, performanceID)
	if err != nil {
		return err
	}
	a.mu.Lock()
	if f := a.feeds[performanceID]; f != nil {
		f.position, f.synced = position, true // a failing syncHolds takes it back
	}
	a.mu.Unlock()
	for _, w := range a.inUse() {
		if w.performanceID == performanceID {
			a.syncHolds(ctx, w)
		}
	}
	return nil
}

// inUse returns the showtimes that have been loaded.
func (a *Availability) inUse() []*watched {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := make([]*watched, 0, len(a.showtimes))
	for _, w := range a.showtimes {
		if w.isReady() {
			list = append(list, w)
		}
	}
	return list
}

func (a *Availability) reloadClaims(ctx context.Context) {
	for _, w := range a.inUse() {
		if a.clock.Now().Before(w.reloadAt) {
			continue
		}
		if err := a.reload(ctx, w); err != nil && ctx.Err() == nil {
			a.log.Warn("claims cannot be read anew", "showtime_id", w.id, "error", err)
		}
	}
}

func (a *Availability) broadcast(context.Context) {
	now := a.clock.Now()
	for _, w := range a.inUse() {
		if !w.broadcast(now) && now.UnixMilli()-w.used.Load() > idleAfter.Milliseconds() {
			a.forget(w)
		}
	}
}

// forget drops a showtime, and the stream of its performance with the last one.
func (a *Availability) forget(w *watched) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.showtimes, w.id)
	for _, other := range a.showtimes {
		if other.performanceID == w.performanceID || other.seatBoard == nil {
			return // one that is being loaded may be of this performance
		}
	}
	delete(a.feeds, w.performanceID)
}
