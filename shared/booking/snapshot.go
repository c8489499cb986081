package booking

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"
)

const (
	keptUpdates   = 16   // four seconds of them
	maxReplayed   = 4000 // changed seats; a snapshot of 100,000 seats is no larger
	maxUpdateLags = 8    // updates behind, after which a snapshot is cheaper
)

// Snapshot is the state of all seats of a showtime. It is shared: do not change it.
type Snapshot struct {
	Version          int64
	Total            int
	Remaining        int            // free seats
	RemainingByGrade map[string]int // by grade code
	Bitset           []byte         // 2 bits a seat in map order, least significant first; see SeatState
	JSON             []byte         // {"version","total","remaining","bitset"}: the body of the answer
}

// Of returns the state of the seat with index i of the map.
func (s *Snapshot) Of(i int) SeatState { return SeatState(s.Bitset[i/4]>>(2*(i%4))) & 3 }

// Update is what a subscriber hears: some seats, or all of them.
type Update struct {
	Event   string // "delta" or "snapshot"
	Version int64  // the showtime's after this update; a client that returns names it
	// JSON is shared: do not change it. A delta is {"version","remaining","changes":
	// [[index, state],…]}, a snapshot is Snapshot.JSON. Both are absolute.
	JSON []byte
}

// snapshot returns the present state, made anew only after a change.
func (b *seatBoard) snapshot(now time.Time) *Snapshot {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lapseDue(now)
	return b.snapshotLocked()
}

func (b *seatBoard) snapshotLocked() *Snapshot {
	if b.cached != nil {
		return b.cached
	}
	s := &Snapshot{
		Version: b.version, Total: len(b.seats), Remaining: b.free,
		RemainingByGrade: make(map[string]int, len(b.byGrade)), Bitset: slices.Clone(b.bits),
	}
	for i, free := range b.byGrade {
		s.RemainingByGrade[b.seatMap.Grades[i].Code] = free
	}
	s.JSON = mustJSON(struct {
		Version   int64  `json:"version"`
		Total     int    `json:"total"`
		Remaining int    `json:"remaining"`
		Bitset    []byte `json:"bitset"`
	}{s.Version, s.Total, s.Remaining, s.Bitset})
	b.cached = s
	return s
}

func (b *seatBoard) snapshotUpdate() *Update {
	s := b.snapshotLocked()
	return &Update{Event: "snapshot", Version: s.Version, JSON: s.JSON}
}

func (b *seatBoard) deltaUpdate(seats []int) *Update {
	changes := make([][2]int, len(seats))
	for n, i := range seats {
		changes[n] = [2]int{i, int(b.shown(i))}
	}
	return &Update{Event: "delta", Version: b.version, JSON: mustJSON(struct {
		Version   int64    `json:"version"`
		Remaining int      `json:"remaining"`
		Changes   [][2]int `json:"changes"`
	}{b.version, b.free, changes})}
}

// mustJSON encodes what has only numbers and bytes in it.
func mustJSON(v any) []byte {
	encoded, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return encoded
}

// replay returns what a client at version since does not know, or everything when
// that is too much or too long ago. A version from the future is not ours.
func (b *seatBoard) replay(since int64, now time.Time) *Update {
	margin := replayMargin.Milliseconds()
	from := since - margin
	if from < b.since || since > max(b.version, now.UnixMilli())+margin {
		return b.snapshotUpdate()
	}
	var seats []int
	for i := range b.seats {
		if b.seats[i].changed >= from {
			if seats = append(seats, i); len(seats) > maxReplayed {
				return b.snapshotUpdate()
			}
		}
	}
	return b.deltaUpdate(seats)
}

// fanout hands the same few updates to any number of subscribers.
type fanout struct {
	unsent      []int // seats changed since the last broadcast
	updates     [keptUpdates]*Update
	next        int64         // number of the next update; update n is at n mod keptUpdates
	wake        chan struct{} // closed by the next broadcast
	subscribers int
}

func newFanout() fanout { return fanout{wake: make(chan struct{})} }

// broadcast gathers what has changed since the last time into one update, and
// reports whether anybody listens.
func (b *seatBoard) broadcast(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lapseDue(now)
	f := &b.fanout
	if len(f.unsent) == 0 {
		return f.subscribers > 0
	}
	for _, i := range f.unsent {
		b.seats[i].unsent = false
	}
	if f.subscribers > 0 {
		f.updates[f.next%keptUpdates] = b.updateFor(f.unsent)
		f.next++
		close(f.wake)
		f.wake = make(chan struct{})
	}
	f.unsent = f.unsent[:0]
	return f.subscribers > 0
}

func (b *seatBoard) updateFor(seats []int) *Update {
	if len(seats) > maxReplayed {
		return b.snapshotUpdate()
	}
	return b.deltaUpdate(seats)
}

// Subscription is one listener to a showtime's changes. It keeps no queue of its
// own: one that is slow gets a snapshot instead of what it missed.
type Subscription struct {
	board *seatBoard
	first *Update // to be given before anything else
	next  int64   // number of the update to be given next
	close sync.Once
}

func (b *seatBoard) subscribe(since int64, now time.Time) *Subscription {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lapseDue(now)
	b.fanout.subscribers++
	return &Subscription{board: b, first: b.replay(since, now), next: b.fanout.next}
}

// Next waits for the next update; the first one is there at once. Updates come at
// most four times a second. It fails only with ctx's error. One goroutine at a time.
func (s *Subscription) Next(ctx context.Context) (*Update, error) {
	for {
		update, wake := s.take()
		if update != nil {
			return update, nil
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (s *Subscription) take() (*Update, <-chan struct{}) {
	b := s.board
	b.mu.Lock()
	defer b.mu.Unlock()
	f := &b.fanout
	switch behind := f.next - s.next; {
	case s.first != nil:
		update := s.first
		s.first = nil
		return update, nil
	case behind == 0:
		return nil, f.wake
	case behind > maxUpdateLags:
		s.next = f.next
		return b.snapshotUpdate(), nil
	}
	update := f.updates[s.next%keptUpdates]
	s.next++
	return update, nil
}

// Close ends the subscription. It may be called more than once.
func (s *Subscription) Close() {
	s.close.Do(func() {
		s.board.mu.Lock()
		defer s.board.mu.Unlock()
		s.board.fanout.subscribers--
	})
}
