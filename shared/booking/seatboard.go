package booking

import (
	"container/heap"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/fairgate/fairgate/shared/catalogue"
)

// seatBoard is the state of all seats of one showtime. A seat has a claim (from
// Postgres) and a hold (from Redis); what shows is the claim, or else the hold.
// Both lapse by themselves. It is told the time and asks nobody.
type seatBoard struct {
	seatMap *catalogue.SeatMap

	mu      sync.Mutex
	seats   []seatCell
	bits    []byte // 2 bits a seat, as shown
	free    int
	byGrade []int  // free seats by index of grade
	version int64  // of the last change
	since   int64  // version of the first load: nothing is known of before
	lapsing lapses // when to look again at which seat
	cached  *Snapshot
	fanout  fanout
}

// seatCell is one seat. Times are Unix milliseconds.
type seatCell struct {
	claim      SeatState
	unsent     bool  // changed since the last broadcast
	claimUntil int64 // of a Held claim
	holdUntil  int64 // 0: no hold
	touched    int64 // when the stream last spoke of it
	changed    int64 // version of the last change of what shows
	queued     int64 // when lapsing has it; 0: not at all
}

const never = math.MaxInt64

func newSeatBoard(seatMap *catalogue.SeatMap, now time.Time) *seatBoard {
	b := &seatBoard{
		seatMap: seatMap,
		seats:   make([]seatCell, len(seatMap.Seats)),
		bits:    make([]byte, (len(seatMap.Seats)+3)/4),
		free:    len(seatMap.Seats),
		byGrade: make([]int, len(seatMap.Grades)),
		version: now.UnixMilli(),
		since:   now.UnixMilli(),
		fanout:  newFanout(),
	}
	for i := range seatMap.Seats {
		b.byGrade[seatMap.Seats[i].Grade]++
	}
	return b
}

// seatNumbers returns the numbers of all seats in map order.
func (b *seatBoard) seatNumbers() []string {
	numbers := make([]string, len(b.seatMap.Seats))
	for i := range numbers {
		numbers[i] = b.seatMap.Seats[i].No
	}
	return numbers
}

// applyEvents takes over entries of the stream. Nobody sees what some of them say and
// the later ones correct.
func (b *seatBoard) applyEvents(events []SeatEvent, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change := b.begin(now)
	for _, event := range events {
		b.applyEvent(event, change)
	}
}

func (b *seatBoard) applyEvent(event SeatEvent, change change) {
	for _, no := range event.Seats {
		i, ok := b.seatMap.Find(no)
		if !ok {
			continue
		}
		cell := &b.seats[i]
		cell.touched = change.now
		switch {
		case !event.Claim && event.State == Held:
			cell.holdUntil = millis(event.Until)
		case !event.Claim:
			cell.holdUntil = 0
		default:
			cell.setClaim(event.State, event.Until)
			if event.State != Free {
				cell.holdUntil = 0 // the claim has used it up
			}
		}
		b.show(i, change)
	}
}

// setClaims makes claims the only ones, except for seats that the stream has spoken
// of since asked, when the claims were asked for: its word is newer.
func (b *seatBoard) setClaims(claims []SeatClaim, asked, now time.Time) {
	claimOf := make([]int32, len(b.seats)) // number of the seat's claim, 0: none
	for n, claim := range claims {
		if i, ok := b.seatMap.Find(claim.Seat); ok {
			claimOf[i] = int32(n + 1)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	change := b.begin(now)
	for i := range b.seats {
		cell := &b.seats[i]
		switch n := claimOf[i]; {
		case cell.touched >= asked.UnixMilli(), n == 0 && cell.claim == Free:
			continue
		case n == 0:
			cell.setClaim(Free, time.Time{})
		default:
			cell.setClaim(claims[n-1].State, claims[n-1].Until)
		}
		b.show(i, change)
	}
}

// setHolds makes holds the only ones, with the same exception as setClaims.
func (b *seatBoard) setHolds(holds []SeatHold, asked, now time.Time) {
	until := make([]int64, len(b.seats)) // 0: no hold
	for _, hold := range holds {
		if i, ok := b.seatMap.Find(hold.Seat); ok {
			until[i] = millis(hold.Until)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	change := b.begin(now)
	for i := range b.seats {
		if b.seats[i].holdUntil != until[i] && b.seats[i].touched < asked.UnixMilli() {
			b.seats[i].holdUntil = until[i]
			b.show(i, change)
		}
	}
}

// conflicts returns which of the numbers have a live claim, or with holds are not
// free at all.
func (b *seatBoard) conflicts(numbers []string, holds bool, now time.Time) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var taken []string
	for _, no := range numbers {
		i, ok := b.seatMap.Find(no)
		if !ok {
			continue
		}
		cell := b.seats[i]
		if !holds {
			cell.holdUntil = 0
		}
		if cell.state(now.UnixMilli()) != Free {
			taken = append(taken, no)
		}
	}
	return taken
}

func (b *seatBoard) taken(now time.Time) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lapseDue(now)
	numbers := make([]string, 0, len(b.seats)-b.free)
	for i := range b.seats {
		if b.shown(i) != Free {
			numbers = append(numbers, b.seatMap.Seats[i].No)
		}
	}
	return numbers
}

func (c *seatCell) setClaim(state SeatState, until time.Time) {
	c.claim, c.claimUntil = state, 0
	if state == Held {
		c.claimUntil = millis(until)
	}
}

// state returns what shows at now.
func (c *seatCell) state(now int64) SeatState {
	switch {
	case c.claim == Sold, c.claim == NotForSale:
		return c.claim
	case c.claim == Held && c.claimUntil > now, c.holdUntil > now:
		return Held
	}
	return Free
}

// change is one batch of changes: those that make a difference share a version.
type change struct{ now, version int64 }

func (b *seatBoard) begin(now time.Time) change {
	return change{now: now.UnixMilli(), version: max(b.version+1, now.UnixMilli())}
}

// show brings what shows of seat i in line with its claim and hold.
func (b *seatBoard) show(i int, c change) {
	cell := &b.seats[i]
	before, after := b.shown(i), cell.state(c.now)
	if at := cell.nextLapse(c.now); at != never && at != cell.queued {
		cell.queued = at
		heap.Push(&b.lapsing, lapse{at: at, seat: i})
	}
	if before == after {
		return
	}
	b.count(i, before, -1)
	b.count(i, after, +1)
	shift := 2 * (i % 4)
	b.bits[i/4] = b.bits[i/4]&^(3<<shift) | byte(after)<<shift
	cell.changed, b.version, b.cached = c.version, c.version, nil
	if !cell.unsent {
		cell.unsent = true
		b.fanout.unsent = append(b.fanout.unsent, i)
	}
}

func (b *seatBoard) shown(i int) SeatState { return SeatState(b.bits[i/4]>>(2*(i%4))) & 3 }

func (b *seatBoard) count(i int, state SeatState, by int) {
	if state == Free {
		b.free += by
		b.byGrade[b.seatMap.Seats[i].Grade] += by
	}
}

// lapseDue shows what has lapsed by now.
func (b *seatBoard) lapseDue(now time.Time) {
	c := b.begin(now)
	for len(b.lapsing) > 0 && b.lapsing[0].at <= c.now {
		due := heap.Pop(&b.lapsing).(lapse)
		if b.seats[due.seat].queued == due.at {
			b.seats[due.seat].queued = 0
		}
		b.show(due.seat, c)
	}
}

// nextLapse returns when what shows of the seat changes by itself.
func (c *seatCell) nextLapse(now int64) int64 {
	next := int64(never)
	if c.claim == Held && c.claimUntil > now {
		next = c.claimUntil
	}
	if c.holdUntil > now {
		next = min(next, c.holdUntil)
	}
	return next
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return never
	}
	return t.UnixMilli()
}

// lapse says when to look again at a seat. Entries outlive what they were made for;
// looking once too often does no harm.
type lapse struct {
	at   int64
	seat int
}

type lapses []lapse

func (l lapses) Len() int           { return len(l) }
func (l lapses) Less(i, j int) bool { return l[i].at < l[j].at }
func (l lapses) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }
func (l *lapses) Push(x any)        { *l = append(*l, x.(lapse)) }
func (l *lapses) Pop() any {
	last := len(*l) - 1
	x := (*l)[last]
	*l = slices.Delete(*l, last, last+1)
	return x
}
