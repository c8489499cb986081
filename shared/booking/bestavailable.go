package booking

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/errs"
)

// How the best available seats are looked for. Everybody asks for the best block at
// once, so each picks at random among a few, and among more after every collision.
const (
	firstBlocks = 12
	widenBy     = 4
	bestTries   = 5
)

// holdBest holds Count seats side by side. When there is no such block, or others
// were faster bestTries times, it fails with ErrSeatTaken and no conflicts.
func (h *Holds) holdBest(ctx context.Context, request HoldRequest, place hall) (Hold, error) {
	best := *request.BestAvailable
	grade, err := place.checkBest(best)
	if err != nil {
		return Hold{}, err
	}
	snapshot, err := h.seats.Snapshot(ctx, place.showtime.ID)
	if err != nil {
		return Hold{}, err
	}
	free := func(i int) bool { return snapshot.Of(i) == Free }
	lost := map[int]bool{} // seats that turned out to be taken
	for try, among := 1, firstBlocks; ; try, among = try+1, among*widenBy {
		blocks := freeBlocks(place.seatMap, grade, best.Count, func(i int) bool { return free(i) && !lost[i] })
		order := h.bestOrder(request, place, pickBlock(place.seatMap, blocks, best.Count, among))
		hold, err := h.place(ctx, order)
		taken := errs.From(err)
		if taken == nil || taken.Code != ErrSeatTaken.Code {
			return hold, err
		}
		if len(order.Hold.Seats) == 0 || try == bestTries {
			return Hold{}, ErrSeatTaken.WithMessage("There are not that many seats side by side.").With("conflicts", []string{})
		}
		conflicts, _ := taken.Extra["conflicts"].([]string)
		for _, no := range conflicts {
			if i, ok := place.seatMap.Find(no); ok {
				lost[i] = true
			}
		}
	}
}

// bestOrder may be for no seats at all: that still replays an earlier answer.
func (h *Holds) bestOrder(request HoldRequest, place hall, seats []int) attempt {
	try := h.order(request, place, place.numbers(seats))
	try.Request = fmt.Sprintf("best %d %s", request.BestAvailable.Count, request.BestAvailable.Grade)
	try.Exact = false
	return try
}

// anyGrade stands for the index of a grade when the fan named none.
const anyGrade = -1

// checkBest returns the index of the grade, or anyGrade.
func (p hall) checkBest(best BestAvailable) (int, error) {
	if best.Count > p.sale.MaxSeatsPerAccount {
		return 0, errs.ErrValidationFailed.WithField("body.best_available.count", fmt.Sprintf("at most %d seats", p.sale.MaxSeatsPerAccount))
	}
	if best.Grade == "" {
		return anyGrade, nil
	}
	grade := slices.IndexFunc(p.seatMap.Grades, func(g catalogue.Grade) bool { return g.Code == best.Grade })
	if grade < 0 {
		return 0, errs.ErrValidationFailed.WithField("body.best_available.grade", "the hall has no such grade")
	}
	return grade, nil
}

// freeBlocks returns the first seats of all blocks of count free seats side by side.
func freeBlocks(m *catalogue.SeatMap, grade, count int, free func(i int) bool) []int {
	var blocks []int
	run := 0 // free neighbours up to and including i
	for i := range m.Seats {
		switch {
		case grade != anyGrade && m.Seats[i].Grade != grade, !free(i):
			run = 0
		case run > 0 && beside(&m.Seats[i-1], &m.Seats[i]):
			run++
		default:
			run = 1
		}
		if run >= count {
			blocks = append(blocks, i-count+1)
		}
	}
	return blocks
}

// beside reports whether b follows a in the same row.
func beside(a, b *catalogue.Seat) bool {
	if a.Zone != b.Zone || a.Row != b.Row {
		return false
	}
	left, err := strconv.Atoi(a.Col)
	if err != nil {
		return false
	}
	right, err := strconv.Atoi(b.Col)
	return err == nil && right == left+1
}

// pickBlock returns the seats of one of the among blocks that are nearest to the
// stage, chosen at random; none when there are no blocks.
func pickBlock(m *catalogue.SeatMap, blocks []int, count, among int) []int {
	if len(blocks) == 0 {
		return nil
	}
	near := nearest(m, blocks, count, among)
	first := near[rand.IntN(len(near))]
	seats := make([]int, count)
	for n := range seats {
		seats[n] = first + n
	}
	return seats
}

// nearest returns up to among blocks, the nearest to the stage first.
func nearest(m *catalogue.SeatMap, blocks []int, count, among int) []int {
	x, y := stageCentre(m)
	near := make([]int, 0, among+1)
	away := make([]int, 0, among+1)
	for _, first := range blocks {
		d := distance(m, first, count, x, y)
		at, _ := slices.BinarySearch(away, d+1) // behind its equals
		if at == among {
			continue
		}
		near, away = slices.Insert(near, at, first), slices.Insert(away, at, d)
		near, away = near[:min(len(near), among)], away[:min(len(away), among)]
	}
	return near
}

// distance is the square of how far the middle of a block is from (x, y).
func distance(m *catalogue.SeatMap, first, count, x, y int) int {
	a, b := &m.Seats[first], &m.Seats[first+count-1]
	dx, dy := (a.X+b.X)/2-x, (a.Y+b.Y)/2-y
	return dx*dx + dy*dy
}

// stageCentre is the middle of the stage's outline, or of the map's upper edge.
func stageCentre(m *catalogue.SeatMap) (x, y int) {
	points := len(m.Stage) / 2
	if points == 0 {
		return m.Width / 2, 0
	}
	for i := range points {
		x += m.Stage[2*i]
		y += m.Stage[2*i+1]
	}
	return x / points, y / points
}
