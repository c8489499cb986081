package bookingredis

import (
	"context"
	"errors"
	"testing"

	"github.com/fairgate/fairgate/shared/booking"
)

func attempt(o booking.HoldOrder, name string) booking.HoldOrder {
	o.Attempt = name
	return o
}

func undo(t *testing.T, s *Store, o booking.HoldOrder) bool {
	t.Helper()
	undone, err := s.Undo(context.Background(), o, false)
	if err != nil {
		t.Fatal(err)
	}
	return undone
}

func isLive(t *testing.T, s *Store, o booking.HoldOrder) bool {
	t.Helper()
	live, err := s.Live(context.Background(), o.Hold)
	if err != nil {
		t.Fatal(err)
	}
	return live
}

func TestAnUndoneHoldHasNeverBeen(t *testing.T) {
	t.Parallel()
	s := newTestStore(t)
	first := attempt(order("acc", tonight, "k", "1", "2"), "first")
	if undo(t, s, first) {
		t.Error("undone before it was placed")
	}
	mustPlace(t, s, first)
	if !undo(t, s, first) || undo(t, s, first) {
		t.Error("it is not undone exactly once")
	}
	other := attempt(order("other", tonight, "k", "1", "2"), "other's")
	mustPlace(t, s, other)
	if undo(t, s, first) || !isLive(t, s, other) {
		t.Error("somebody else's hold was undone")
	}
	mustPlace(t, s, order("acc", tonight, "l", "3", "4", "5", "6")) // its seats are not counted any more
}

// retried is an order that was placed without its answer arriving, and then answered
// to a retry. It returns what undoing the first attempt does.
func retried(t *testing.T, s *Store) (undone, live bool) {
	t.Helper()
	o := order("acc", tonight, "k", "1", "2")
	mustPlace(t, s, attempt(o, "first"))
	if placed := mustPlace(t, s, attempt(o, "second")); !placed.Replayed {
		t.Fatal("the retry was not the same hold")
	}
	undone = undo(t, s, attempt(o, "first"))
	_, err := s.Place(context.Background(), attempt(order("other", tonight, "k", "1"), "other's"))
	return undone, errors.Is(err, booking.ErrSeatTaken)
}

func TestAHoldThatARetryGotIsNotUndone(t *testing.T) {
	t.Parallel()
	if undone, live := retried(t, newTestStore(t)); undone || !live {
		t.Errorf("undone %v, still the fan's %v", undone, live)
	}
}

func TestAHoldThatARetryGotIsNotUndoneTwin(t *testing.T) {
	t.Parallel()
	s := newTestStore(t)
	s.scripts.place = without(t, placeSource, "redis.call('HSET', record, 'attempts', attempts .. ' ' .. attempt)", "")
	if undone, live := retried(t, s); !undone || live {
		t.Errorf("without the guard: undone %v, still the fan's %v; the test sees nothing", undone, live)
	}
}

// The client itself sends an order again whose answer it lost.
func TestAnOrderSentTwiceIsUndone(t *testing.T) {
	t.Parallel()
	s := newTestStore(t)
	o := attempt(order("acc", tonight, "k", "1", "2"), "first")
	mustPlace(t, s, o)
	if placed := mustPlace(t, s, o); !placed.Replayed {
		t.Fatal("it was placed twice")
	}
	if !undo(t, s, o) {
		t.Error("the second of one attempt was taken for an answer")
	}
}

// An order that found the seats of an earlier attempt, and whose answer was lost too.
func TestWhatNoAttemptWasAnsweredIsUndone(t *testing.T) {
	t.Parallel()
	s := newTestStore(t)
	first := attempt(order("acc", tonight, "k", "1", "2"), "first")
	first.Request, first.Exact = "best 2 ", false
	second := attempt(order("acc", tonight, "k", "3", "4"), "second")
	second.Request, second.Exact = "best 2 ", false
	mustPlace(t, s, first)
	if placed := mustPlace(t, s, second); !placed.Replayed {
		t.Fatal("two holds of one request")
	}
	if undo(t, s, first) {
		t.Error("undone while the second attempt may have been answered")
	}
	if undone, err := s.Undo(context.Background(), second, true); undone || err != nil { // Postgres has 3 and 4
		t.Errorf("the second has no seats here to undo: %v, %v", undone, err)
	}
	if !undo(t, s, first) {
		t.Error("nobody was answered, and it stays")
	}
	mustPlace(t, s, attempt(order("other", tonight, "k", "1", "2"), "other's"))
}

func TestAHoldThatPostgresHasTooStays(t *testing.T) {
	t.Parallel()
	s := newTestStore(t)
	o := attempt(order("acc", tonight, "k", "1", "2"), "first")
	mustPlace(t, s, o)
	if undone, err := s.Undo(context.Background(), o, true); undone || err != nil {
		t.Errorf("undone %v, %v", undone, err)
	}
	if _, err := s.Place(context.Background(), attempt(order("other", tonight, "k", "1"), "other's")); !errors.Is(err, booking.ErrSeatTaken) {
		t.Errorf("somebody else: %v", err)
	}
}

// placedAgain undoes an order, places it again by a retry and undoes the first again,
// as one does who looks whether it has arrived late.
func placedAgain(t *testing.T, s *Store) (live bool) {
	t.Helper()
	o := order("acc", tonight, "k", "1", "2")
	mustPlace(t, s, attempt(o, "first"))
	undo(t, s, attempt(o, "first"))
	mustPlace(t, s, attempt(o, "second"))
	undo(t, s, attempt(o, "first"))
	_, err := s.Place(context.Background(), attempt(order("other", tonight, "k", "1"), "other's"))
	return errors.Is(err, booking.ErrSeatTaken)
}

func TestAnotherLookLeavesTheRetrysHold(t *testing.T) {
	t.Parallel()
	if !placedAgain(t, newTestStore(t)) {
		t.Error("the retry's hold was undone")
	}
}

func TestAnotherLookLeavesTheRetrysHoldTwin(t *testing.T) {
	t.Parallel()
	s := newTestStore(t)
	s.scripts.undo = without(t, undoSource, "if one:sub(1, 1) ~= '-' then return 0 end", "")
	if placedAgain(t, s) {
		t.Error("without the guard the retry's hold is there as well; the test sees nothing")
	}
}
