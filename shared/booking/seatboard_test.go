package booking

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var epoch = time.UnixMilli(1_700_000_000_000)

// modelSeat is what a seat is by the rules, kept the plainest way.
type modelSeat struct {
	claim      SeatState
	claimUntil time.Time // zero: never
	holdUntil  time.Time // zero: no hold
}

func (m modelSeat) state(now time.Time) SeatState {
	switch {
	case m.claim == Sold || m.claim == NotForSale:
		return m.claim
	case m.claim == Held && (m.claimUntil.IsZero() || m.claimUntil.After(now)), m.holdUntil.After(now):
		return Held
	}
	return Free
}

// client is a page: it knows only what a snapshot and updates told it.
type client struct {
	version int64
	states  []SeatState
}

func (c *client) hear(t *rapid.T, update *Update) {
	if update.Event == "snapshot" {
		var body struct{ Bitset []byte }
		if err := json.Unmarshal(update.JSON, &body); err != nil {
			t.Fatal(err)
		}
		for i := range c.states {
			c.states[i] = SeatState(body.Bitset[i/4]>>(2*(i%4))) & 3
		}
	} else {
		var body struct{ Changes [][2]int }
		if err := json.Unmarshal(update.JSON, &body); err != nil {
			t.Fatal(err)
		}
		for _, change := range body.Changes {
			c.states[change[0]] = SeatState(change[1])
		}
	}
	if update.Version < c.version {
		t.Fatalf("version went back: %d after %d", update.Version, c.version)
	}
	c.version = update.Version
}

// boardMachine drives a board and a model of it through the same history.
type boardMachine struct {
	board  *seatBoard
	model  []modelSeat
	now    time.Time
	client client
	sub    *Subscription
}

const machineSeats = 9

func (m *boardMachine) drawUntil(t *rapid.T) time.Time {
	return m.now.Add(time.Duration(rapid.IntRange(-2, 20).Draw(t, "seconds")) * time.Second)
}

func (m *boardMachine) hold(t *rapid.T) {
	i, until := rapid.IntRange(0, machineSeats-1).Draw(t, "seat"), m.drawUntil(t)
	m.model[i].holdUntil = until
	m.board.applyEvents([]SeatEvent{{Seats: []string{m.no(i)}, State: Held, Until: until}}, m.now)
}

func (m *boardMachine) release(t *rapid.T) {
	i := rapid.IntRange(0, machineSeats-1).Draw(t, "seat")
	m.model[i].holdUntil = time.Time{}
	m.board.applyEvents([]SeatEvent{{Seats: []string{m.no(i)}, State: Free}}, m.now)
}

func (m *boardMachine) claim(t *rapid.T) {
	i, claim := rapid.IntRange(0, machineSeats-1).Draw(t, "seat"), m.drawClaim(t)
	m.model[i].claim, m.model[i].claimUntil = claim.State, claim.Until
	if claim.State != Free {
		m.model[i].holdUntil = time.Time{}
	}
	m.board.applyEvents([]SeatEvent{{Seats: []string{m.no(i)}, State: claim.State, Until: claim.Until, Claim: true}}, m.now)
}

func (m *boardMachine) drawClaim(t *rapid.T) SeatClaim {
	claim := SeatClaim{State: SeatState(rapid.IntRange(0, 3).Draw(t, "state"))}
	if claim.State == Held && rapid.Bool().Draw(t, "lapses") {
		claim.Until = m.drawUntil(t)
	}
	return claim
}

// reload replaces all claims, as the reader of Postgres does.
func (m *boardMachine) reload(t *rapid.T) {
	m.now = m.now.Add(time.Millisecond) // newer than anything from the stream
	var claims []SeatClaim
	for i := range m.model {
		claim := m.drawClaim(t)
		m.model[i].claim, m.model[i].claimUntil = claim.State, claim.Until
		if claim.State != Free {
			claim.Seat = m.no(i)
			claims = append(claims, claim)
		}
	}
	m.board.setClaims(claims, m.now, m.now)
}

// resync replaces all holds, as after a gap in the stream.
func (m *boardMachine) resync(t *rapid.T) {
	m.now = m.now.Add(time.Millisecond)
	var holds []SeatHold
	for i := range m.model {
		m.model[i].holdUntil = time.Time{}
		if rapid.Bool().Draw(t, "held") {
			m.model[i].holdUntil = m.drawUntil(t)
			holds = append(holds, SeatHold{Seat: m.no(i), Until: m.model[i].holdUntil})
		}
	}
	m.board.setHolds(holds, m.now, m.now)
}

func (m *boardMachine) pass(t *rapid.T) {
	m.now = m.now.Add(time.Duration(rapid.IntRange(1, 12_000).Draw(t, "ms")) * time.Millisecond)
}

func (m *boardMachine) listen(t *rapid.T) {
	m.board.broadcast(m.now)
	for m.sub.first != nil || m.sub.next < m.board.fanout.next {
		update, err := m.sub.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		m.client.hear(t, update)
	}
	m.checkClient(t)
}

// reconnect leaves out whatever was broadcast since the client last listened.
func (m *boardMachine) reconnect(t *rapid.T) {
	m.sub.Close()
	m.sub = m.board.subscribe(m.client.version, m.now)
	m.listen(t)
}

func (m *boardMachine) checkClient(t *rapid.T) {
	for i := range m.model {
		if want := m.model[i].state(m.now); m.client.states[i] != want {
			t.Fatalf("the client has seat %d %s, want %s", i, m.client.states[i], want)
		}
	}
}

func (m *boardMachine) no(i int) string { return m.board.seatMap.Seats[i].No }

// check compares what shows with the model.
func (m *boardMachine) check(t *rapid.T) {
	snapshot := m.board.snapshot(m.now)
	free := 0
	var taken []string
	for i := range m.model {
		want := m.model[i].state(m.now)
		if got := snapshot.Of(i); got != want {
			t.Fatalf("seat %d is %s, want %s (%+v)", i, got, want, m.model[i])
		}
		if want == Free {
			free++
		} else {
			taken = append(taken, m.no(i))
		}
	}
	if snapshot.Remaining != free || snapshot.RemainingByGrade["VIP"] != free {
		t.Fatalf("remaining %d %v, want %d", snapshot.Remaining, snapshot.RemainingByGrade, free)
	}
	if got := m.board.taken(m.now); !slices.Equal(got, taken) {
		t.Fatalf("taken %v, want %v", got, taken)
	}
}

func TestBoardFollowsTheModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := &boardMachine{model: make([]modelSeat, machineSeats), now: epoch}
		m.board = newSeatBoard(testMap(machineSeats), epoch)
		m.client.states = make([]SeatState, machineSeats)
		m.sub = m.board.subscribe(0, epoch)
		t.Repeat(map[string]func(*rapid.T){
			"hold": m.hold, "release": m.release, "claim": m.claim, "reload": m.reload, "resync": m.resync,
			"time passes": m.pass, "the client listens": m.listen, "the client reconnects": m.reconnect, "": m.check,
		})
	})
}

func TestStreamIsNewerThanAReloadAskedBefore(t *testing.T) {
	t.Parallel()
	board := newSeatBoard(testMap(2), epoch)
	no := board.seatMap.Seats[0].No
	asked, heard, answered := epoch.Add(time.Second), epoch.Add(2*time.Second), epoch.Add(3*time.Second)
	board.applyEvents([]SeatEvent{{Seats: []string{no}, State: Sold, Claim: true}}, heard)
	board.setClaims(nil, asked, answered)
	if got := board.snapshot(answered).Of(0); got != Sold {
		t.Errorf("a reload asked for before the sale made the seat %s", got)
	}
	board.setClaims(nil, answered, answered)
	if got := board.snapshot(answered).Of(0); got != Free {
		t.Errorf("after the next reload the seat is %s", got)
	}
}

func TestVersionsGrowAndReplaysAreAnsweredByAnyInstance(t *testing.T) {
	t.Parallel()
	a, b := newSeatBoard(testMap(100), epoch), newSeatBoard(testMap(100), epoch.Add(1500*time.Millisecond))
	sell := func(board *seatBoard, i int, at time.Time) {
		board.applyEvents([]SeatEvent{{Seats: []string{board.seatMap.Seats[i].No}, State: Sold, Claim: true}}, at)
	}
	now := epoch.Add(time.Minute)
	for i := range 10 {
		sell(a, i, now.Add(time.Duration(i)*time.Second))
		sell(b, i, now.Add(time.Duration(i)*time.Second+40*time.Millisecond)) // hears it later
	}
	// A client has what A said after five sales, and asks B.
	since := now.Add(4 * time.Second).UnixMilli()
	update := b.replay(since, now.Add(time.Minute))
	if update.Event != "delta" {
		t.Fatalf("got a %s", update.Event)
	}
	var body struct{ Changes [][2]int }
	if err := json.Unmarshal(update.JSON, &body); err != nil {
		t.Fatal(err)
	}
	for i := 5; i < 10; i++ {
		if !slices.Contains(body.Changes, [2]int{i, int(Sold)}) {
			t.Errorf("seat %d is missing in %v", i, body.Changes)
		}
	}
	for _, since := range []int64{0, epoch.UnixMilli(), now.Add(time.Hour).UnixMilli()} {
		if got := b.replay(since, now.Add(time.Minute)).Event; got != "snapshot" {
			t.Errorf("since %d is answered with a %s", since, got)
		}
	}
}

func TestSlowSubscriberGetsASnapshot(t *testing.T) {
	t.Parallel()
	board := newSeatBoard(testMap(100), epoch)
	sub := board.subscribe(0, epoch)
	defer sub.Close()
	for i := range maxUpdateLags + 2 {
		at := epoch.Add(time.Duration(i) * time.Second)
		board.applyEvents([]SeatEvent{{Seats: []string{board.seatMap.Seats[i].No}, State: Sold, Claim: true}}, at)
		board.broadcast(at)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if first, err := sub.Next(ctx); err != nil || first.Event != "snapshot" {
		t.Fatalf("first %+v, %v", first, err)
	}
	second, err := sub.Next(ctx)
	if err != nil || second.Event != "snapshot" || second.Version != board.version {
		t.Fatalf("second %+v, %v", second, err)
	}
	cancel()
	if _, err := sub.Next(ctx); err == nil {
		t.Error("there was a third")
	}
}

func TestUpdatesAreGathered(t *testing.T) {
	t.Parallel()
	board := newSeatBoard(testMap(100), epoch)
	sub := board.subscribe(0, epoch)
	defer sub.Close()
	if _, err := sub.Next(context.Background()); err != nil {
		t.Fatal(err)
	}
	for i := range 30 {
		board.applyEvents([]SeatEvent{{Seats: []string{board.seatMap.Seats[i].No}, State: Held, Until: epoch.Add(time.Hour)}}, epoch.Add(time.Second))
	}
	board.broadcast(epoch.Add(time.Second))
	update, err := sub.Next(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var body struct {
		Remaining int
		Changes   [][2]int
	}
	if err := json.Unmarshal(update.JSON, &body); err != nil {
		t.Fatal(err)
	}
	if len(body.Changes) != 30 || body.Remaining != 70 {
		t.Errorf("one update has %d changes, %d remaining", len(body.Changes), body.Remaining)
	}
}

func TestReloadsDoNotFillTheQueueOfLapses(t *testing.T) {
	t.Parallel()
	board := newSeatBoard(testMap(100), epoch)
	var claims []SeatClaim
	for i := range board.seatMap.Seats {
		claims = append(claims, SeatClaim{Seat: board.seatMap.Seats[i].No, State: Held, Until: epoch.Add(time.Hour)})
	}
	for i := range 50 {
		at := epoch.Add(time.Duration(i+1) * reloadEvery)
		board.setClaims(claims, at, at)
	}
	if got := len(board.lapsing); got != 100 {
		t.Errorf("%d entries for 100 seats", got)
	}
}

const large = 100_000

func largeBoard() *seatBoard {
	board := newSeatBoard(testMap(large), epoch)
	claims := make([]SeatClaim, 0, large/2)
	for i := 0; i < large; i += 2 {
		claims = append(claims, SeatClaim{Seat: board.seatMap.Seats[i].No, State: Sold})
	}
	board.setClaims(claims, epoch, epoch)
	return board
}

func TestLargeHall(t *testing.T) {
	t.Parallel()
	board := largeBoard()
	snapshot := board.snapshot(epoch)
	if snapshot.Total != large || snapshot.Remaining != large/2 || len(snapshot.Bitset) != large/4 {
		t.Fatalf("total %d, remaining %d, %d bytes", snapshot.Total, snapshot.Remaining, len(snapshot.Bitset))
	}
	if got := len(board.taken(epoch)); got != large/2 {
		t.Errorf("%d taken", got)
	}
	if board.snapshot(epoch.Add(time.Second)) != snapshot {
		t.Error("an unchanged showtime is encoded again")
	}
}

// BenchmarkSnapshotUnchanged is a read of 100,000 seats of which none has changed.
func BenchmarkSnapshotUnchanged(b *testing.B) {
	board := largeBoard()
	for b.Loop() {
		_ = board.snapshot(epoch).JSON
	}
}

// BenchmarkSnapshotChanged is a read of 100,000 seats right after one has changed.
func BenchmarkSnapshotChanged(b *testing.B) {
	board := largeBoard()
	no := []string{board.seatMap.Seats[1].No}
	for i := 0; b.Loop(); i++ {
		board.applyEvents([]SeatEvent{{Seats: no, State: SeatState(i % 2), Until: epoch.Add(time.Hour)}}, epoch)
		_ = board.snapshot(epoch).JSON
	}
}

// BenchmarkReload is taking over 50,000 claims of 100,000 seats.
func BenchmarkReload(b *testing.B) {
	board := largeBoard()
	claims := make([]SeatClaim, 0, large/2)
	for i := 0; i < large; i += 2 {
		claims = append(claims, SeatClaim{Seat: board.seatMap.Seats[i].No, State: Sold})
	}
	for b.Loop() {
		board.setClaims(claims, epoch, epoch)
	}
}
