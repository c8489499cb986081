package bookingredis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/booking"
)

func read(t *testing.T, s *Store, position string) booking.SeatPage {
	t.Helper()
	pages, err := s.Read(context.Background(), map[string]string{performance: position})
	if err != nil {
		t.Fatal(err)
	}
	return pages[performance]
}

func position(t *testing.T, s *Store) string {
	t.Helper()
	p, err := s.Position(context.Background(), performance)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestChangesAreRead(t *testing.T) {
	t.Parallel()
	s := newTestStore(t)
	ctx := context.Background()
	if got := position(t, s); got != beginning {
		t.Errorf("an empty stream ends at %s", got)
	}
	o := order("a", tonight, "k", "A", "B")
	placed := mustPlace(t, s, o)
	if _, err := s.Release(ctx, o.Hold); err != nil {
		t.Fatal(err)
	}
	until := time.Now().Add(time.Minute).Truncate(time.Millisecond).UTC()
	err := s.Publish(ctx, performance, tomorrow, []booking.SeatChange{
		{Seat: "C", State: booking.Held, Until: until}, {Seat: "D", State: booking.Held, Until: until},
		{Seat: "E", State: booking.Sold, Until: until}, {Seat: "F", State: booking.Held}, {Seat: "G"},
	})
	if err != nil {
		t.Fatal(err)
	}
	page := read(t, s, beginning)
	want := []booking.SeatEvent{
		{ShowtimeID: tonight, Seats: []string{"A", "B"}, State: booking.Held, Until: placed.ExpiresAt},
		{ShowtimeID: tonight, Seats: []string{"A", "B"}, State: booking.Free},
		{ShowtimeID: tomorrow, Seats: []string{"C", "D"}, State: booking.Held, Until: until, Claim: true},
		{ShowtimeID: tomorrow, Seats: []string{"E"}, State: booking.Sold, Claim: true},
		{ShowtimeID: tomorrow, Seats: []string{"F"}, State: booking.Held, Claim: true},
		{ShowtimeID: tomorrow, Seats: []string{"G"}, State: booking.Free, Claim: true},
	}
	if !slices.EqualFunc(page.Events, want, sameEvent) {
		t.Errorf("got  %+v\nwant %+v", page.Events, want)
	}
	if page.Gap || page.More || page.Next != position(t, s) {
		t.Errorf("gap %v, more %v, next %s", page.Gap, page.More, page.Next)
	}
	if again := read(t, s, page.Next); len(again.Events) != 0 || again.Next != page.Next || again.Gap {
		t.Errorf("after the end: %+v", again)
	}
}

func sameEvent(a, b booking.SeatEvent) bool {
	return a.ShowtimeID == b.ShowtimeID && a.State == b.State && a.Claim == b.Claim &&
		a.Until.Equal(b.Until) && slices.Equal(a.Seats, b.Seats)
}

func TestTrimmedStreamIsAGap(t *testing.T) {
	t.Parallel()
	s := newTestStore(t)
	mustPlace(t, s, order("a", tonight, "k", "A"))
	seen := position(t, s)
	for i := range 5 {
		mustPlace(t, s, order(fmt.Sprint("b", i), tonight, "k", fmt.Sprint("B", i)))
	}
	if page := read(t, s, seen); page.Gap || len(page.Events) != 5 {
		t.Errorf("untrimmed: %+v", page)
	}
	if err := s.client.XTrimMaxLen(context.Background(), s.keys.changes(performance), 2).Err(); err != nil {
		t.Fatal(err)
	}
	if page := read(t, s, seen); !page.Gap || len(page.Events) != 2 {
		t.Errorf("trimmed: %+v", page)
	}
}

func TestStreamIsReadInParts(t *testing.T) {
	t.Parallel()
	s := newTestStore(t)
	var changes []booking.SeatChange
	for i := range readAtOnce + 10 { // neighbours differ, so each is an entry
		changes = append(changes, booking.SeatChange{Seat: fmt.Sprint(i), State: booking.SeatState(i % 2 * 2)})
	}
	if err := s.Publish(context.Background(), performance, tonight, changes); err != nil {
		t.Fatal(err)
	}
	first := read(t, s, beginning)
	second := read(t, s, first.Next)
	if !first.More || second.More || len(first.Events)+len(second.Events) != len(changes) {
		t.Errorf("%d (more: %v) and %d (more: %v) of %d", len(first.Events), first.More, len(second.Events), second.More, len(changes))
	}
}

func TestClaimedSeatsCannotBeHeld(t *testing.T) {
	t.Parallel()
	s := newTestStore(t)
	ctx := context.Background()
	mine := order("me", tonight, "k", "A")
	mine.TTL = 200 * time.Millisecond
	mustPlace(t, s, mine)
	claim := []booking.SeatChange{{Seat: "A", State: booking.Held, Until: time.Now().Add(time.Hour), SaleID: sale, AccountID: "me"}}
	if err := s.Publish(ctx, performance, tonight, claim); err != nil {
		t.Fatal(err)
	}
	assertLive(t, s, mine.Hold, true)
	if known, err := s.Release(ctx, mine.Hold); known || err != nil {
		t.Errorf("a booked hold was released: %v, %v", known, err)
	}
	if ttl := s.client.PTTL(ctx, s.keys.seat(performance, tonight, "A")).Val(); ttl < time.Minute || ttl > markKept {
		t.Errorf("the mark lasts %v", ttl)
	}
	if _, err := s.Place(ctx, order("you", tonight, "k", "A")); !errors.Is(err, booking.ErrSeatTaken) {
		t.Errorf("a claimed seat: %v", err)
	}
	if holds, err := s.Holds(ctx, performance, tonight, []string{"A", "B"}); len(holds) != 0 || err != nil {
		t.Errorf("a claim counts as a hold: %v, %v", holds, err)
	}
	if err := s.Publish(ctx, performance, tonight, []booking.SeatChange{{Seat: "A"}}); err != nil {
		t.Fatal(err)
	}
	you := order("you", tonight, "k", "A")
	placed := mustPlace(t, s, you)
	// A late word about a claim that is gone does not touch the hold of today.
	if err := s.Publish(ctx, performance, tonight, []booking.SeatChange{{Seat: "A"}}); err != nil {
		t.Fatal(err)
	}
	holds, err := s.Holds(ctx, performance, tonight, []string{"B", "A"})
	if err != nil || len(holds) != 1 || holds[0].Seat != "A" || !holds[0].Until.Equal(placed.ExpiresAt) {
		t.Errorf("holds %v, %v", holds, err)
	}
}

func TestLapsedClaimLeavesNoMark(t *testing.T) {
	t.Parallel()
	s := newTestStore(t)
	past := []booking.SeatChange{{Seat: "A", State: booking.Held, Until: time.Now().Add(-time.Second)}}
	if err := s.Publish(context.Background(), performance, tonight, past); err != nil {
		t.Fatal(err)
	}
	mustPlace(t, s, order("you", tonight, "k", "A"))
}
