package bookingredis_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/catalogue"
)

func TestEveryInstanceSeesChanges(t *testing.T) {
	t.Parallel()
	site := newSite(t)
	here, there := site.start(t), site.start(t)
	shows := func(no string, want booking.SeatState) {
		t.Helper()
		for name, api := range map[string]*instance{"here": here, "there": there} {
			eventually(t, fmt.Sprintf("%s is %s %s", no, want, name), func() bool { return api.state(t, site, no) == want })
		}
	}
	shows(seat(1, 1), booking.Free)
	hold := here.mustHold(t, ask("me", seat(1, 1), seat(1, 2)))
	shows(seat(1, 2), booking.Held)
	if err := here.holds.Release(context.Background(), "me", hold.ID); err != nil {
		t.Fatal(err)
	}
	shows(seat(1, 1), booking.Free)
	changes := []booking.SeatChange{{Seat: seat(1, 1), State: booking.Sold}, {Seat: seat(1, 3), State: booking.NotForSale}}
	if err := here.store.Publish(context.Background(), performance, tonight, changes); err != nil {
		t.Fatal(err)
	}
	shows(seat(1, 1), booking.Sold)
	shows(seat(1, 3), booking.NotForSale)
	taken, err := there.seats.Taken(context.Background(), tonight)
	if want := []string{seat(1, 1), seat(1, 3)}; err != nil || !slices.Equal(taken, want) {
		t.Errorf("taken %v, %v, want %v", taken, err, want)
	}
	// No row says so, and the next reload believes the rows.
	shows(seat(1, 1), booking.Free)
}

func TestHoldsLapseByThemselves(t *testing.T) {
	t.Parallel()
	site := newSite(t)
	api := site.start(t)
	request := ask("me", seat(1, 1))
	request.SessionEndsAt = time.Now().Add(time.Second)
	hold := api.mustHold(t, request)
	eventually(t, "it shows", func() bool { return api.state(t, site, seat(1, 1)) == booking.Held })
	eventually(t, "it has lapsed", func() bool { return api.state(t, site, seat(1, 1)) == booking.Free })
	if time.Now().Before(hold.ExpiresAt.Add(-50 * time.Millisecond)) {
		t.Error("it lapsed early")
	}
}

// Claims made without a word on the stream are seen by the reload.
func TestClaimsAreReadAnew(t *testing.T) {
	t.Parallel()
	site := newSite(t)
	api := site.start(t)
	if got := api.state(t, site, seat(1, 1)); got != booking.Free {
		t.Fatalf("at first %s", got)
	}
	site.exec(t, `INSERT INTO seat_claim (showtime_id, seat, kind, until) VALUES ($1, $2, 'sold', 'infinity')`, tonight, seat(1, 1))
	eventually(t, "it is sold", func() bool { return api.state(t, site, seat(1, 1)) == booking.Sold })
	site.exec(t, `DELETE FROM seat_claim`)
	eventually(t, "it is free again", func() bool { return api.state(t, site, seat(1, 1)) == booking.Free })
}

func TestHoldsOfBeforeTheStartAreSeen(t *testing.T) {
	t.Parallel()
	site := newSite(t)
	site.start(t).mustHold(t, ask("me", seat(1, 1)))
	if got := site.start(t).state(t, site, seat(1, 1)); got != booking.Held {
		t.Errorf("an instance that started later shows %s", got)
	}
}

// A reader that was away for longer than the stream remembers reads all holds anew.
func TestGapInTheStreamIsHealed(t *testing.T) {
	t.Parallel()
	site := newSite(t)
	away := site.start(t)
	if got := away.state(t, site, seat(1, 1)); got != booking.Free {
		t.Fatalf("at first %s", got)
	}
	freed := away.mustHold(t, ask("first", seat(2, 1)))
	eventually(t, "the first hold is seen", func() bool { return away.state(t, site, seat(2, 1)) == booking.Held })
	other := *site
	other.proxy = newProxy(t, site.proxy.target)
	here := other.start(t)
	site.proxy.setCut(true)
	here.mustHold(t, ask("me", seat(1, 1)))
	if err := here.holds.Release(context.Background(), "first", freed.ID); err != nil {
		t.Fatal(err)
	}
	here.mustHold(t, ask("you", seat(1, 2)))
	other.trim(t)
	site.proxy.setCut(false)
	eventually(t, "the hold that the stream has forgotten is seen", func() bool { return away.state(t, site, seat(1, 1)) == booking.Held })
	eventually(t, "the hold that was released is gone", func() bool { return away.state(t, site, seat(2, 1)) == booking.Free })
}

// page is what a browser knows.
type page struct {
	version int64
	states  map[int]booking.SeatState
}

func (p *page) hear(t *testing.T, update *booking.Update) {
	t.Helper()
	var body struct {
		Version int64
		Bitset  []byte
		Changes [][2]int
		Total   int
	}
	if err := json.Unmarshal(update.JSON, &body); err != nil {
		t.Fatal(err)
	}
	for i := range body.Total {
		p.states[i] = booking.SeatState(body.Bitset[i/4]>>(2*(i%4))) & 3
	}
	for _, change := range body.Changes {
		p.states[change[0]] = booking.SeatState(change[1])
	}
	p.version = body.Version
}

// listen follows one instance until the page has seen a seat in a state.
func (p *page) listen(t *testing.T, api *instance, index int, want booking.SeatState) (first string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	sub, err := api.seats.Subscribe(ctx, tonight, p.version)
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	for {
		update, err := sub.Next(ctx)
		if err != nil {
			t.Fatalf("seat %d never was %s: %v", index, want, err)
		}
		if first == "" {
			first = update.Event
		}
		if p.hear(t, update); p.states[index] == want {
			return first
		}
	}
}

func TestAPageMayMoveBetweenInstances(t *testing.T) {
	t.Parallel()
	site := newSite(t)
	instances := []*instance{site.start(t), site.start(t), site.start(t)}
	for _, api := range instances {
		api.state(t, site, seat(1, 1)) // all have loaded
	}
	p := &page{states: map[int]booking.SeatState{}}
	n, deltas := 0, 0
	for ; deltas < 10; n++ { // at first the instances are too young to answer with deltas
		holder, shower := instances[n%3], instances[(n+1)%3]
		no := seat(1+n/50, 1+n%50)
		holder.mustHold(t, ask(fmt.Sprint("acc-", n), no))
		index, _ := site.programme.seatMap.Find(no)
		if p.listen(t, shower, index, booking.Held) == "delta" {
			deltas++
		}
	}
	for i := range n {
		if p.states[i] != booking.Held {
			t.Errorf("the page missed seat %d: %s", i, p.states[i])
		}
	}
	if p.states[n] != booking.Free {
		t.Errorf("seat %d is %s", n, p.states[n])
	}
}

func TestAvailabilityFailures(t *testing.T) {
	t.Parallel()
	site := newSite(t)
	api := site.start(t)
	if _, err := api.seats.Snapshot(context.Background(), "nowhere"); !errors.Is(err, catalogue.ErrShowtimeNotFound) {
		t.Errorf("an unknown showtime: %v", err)
	}
	site.proxy.setCut(true)
	if snapshot, err := api.seats.Snapshot(context.Background(), tonight); err != nil || snapshot.Remaining != 1000 {
		t.Errorf("without Redis: %+v, %v", snapshot, err)
	}
}

// A hall of 100,000 seats, half of them sold, is loaded once and then read
// from memory.
func TestLargeHallLoads(t *testing.T) {
	t.Parallel()
	site := newSite(t)
	const seats = 100_000
	site.programme = newProgramme(seats)
	site.exec(t, `INSERT INTO seat_claim (showtime_id, seat, kind, until)
		SELECT $1, '1F-' || 1 + n / 50 || '-' || 1 + n % 50, 'sold', 'infinity' FROM generate_series(0, $2 - 1, 2) n`, tonight, seats)
	api := site.start(t)
	api.state(t, site, seat(1, 1))
	started := time.Now()
	const reads = 1000
	for range reads {
		snapshot, err := api.seats.Snapshot(context.Background(), tonight)
		if err != nil || snapshot.Total != seats || snapshot.Remaining != seats/2 {
			t.Fatalf("%+v, %v", snapshot, err)
		}
	}
	if each := time.Since(started) / reads; each > 10*time.Millisecond { // asking the database takes longer
		t.Errorf("a read takes %v", each)
	}
}
