package bookingredis

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/platform/backendtest"
	"github.com/fairgate/fairgate/shared/platform/redisx"
)

const (
	performance = "PF1"
	sale        = "demo"
	tonight     = "show-1"
	tomorrow    = "show-2"
)

func newTestStore(t testing.TB) *Store {
	t.Helper()
	client, prefix := backendtest.Redis(t)
	s := New(redisx.NewCoalescer(client), prefix)
	s.timeout = time.Minute // thousands of calls at once wait for their turn
	return s
}

func testHoldKey() booking.HoldKey {
	key, err := booking.NewHoldKey(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		panic(err)
	}
	return key
}

// order asks for seats of a showtime for a minute, as booking.Holds would.
func order(account, showtime, idempotencyKey string, seats ...string) booking.HoldOrder {
	nonce := testHoldKey().Nonce(account, showtime, idempotencyKey, seats)
	return booking.HoldOrder{
		Hold: booking.Hold{
			Nonce: nonce, SaleID: sale, PerformanceID: performance, ShowtimeID: showtime, AccountID: account, Seats: seats,
		},
		TTL: time.Minute, MaxSeats: 4, Request: "seats " + nonce[booking.RequestLength:], Exact: true,
	}
}

func mustPlace(t *testing.T, s *Store, o booking.HoldOrder) booking.HoldPlaced {
	t.Helper()
	placed, err := s.Place(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return placed
}

func conflictsOf(err error) []string {
	conflicts, _ := errs.From(err).Extra["conflicts"].([]string)
	return conflicts
}

// without returns source with one guard taken out, for the twins of race tests.
func without(t *testing.T, source, guard, instead string) *redis.Script {
	t.Helper()
	if strings.Count(source, guard) != 1 {
		t.Fatalf("the script does not have the guard %q once", guard)
	}
	return redis.NewScript(strings.Replace(source, guard, instead, 1))
}

// atOnce runs f n times in parallel, all starting together.
func atOnce(n int, f func(i int)) {
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	ready.Add(n)
	for i := range n {
		done.Go(func() {
			ready.Done()
			<-start
			f(i)
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
}

// scramble lets 2,000 accounts ask for two to four of 60 seats at once, and returns
// how many seats were held by more than one and how many holds were not whole.
func scramble(t *testing.T, s *Store) (double, torn int) {
	t.Helper()
	var seats []string
	for i := range 60 {
		seats = append(seats, fmt.Sprintf("A-%d", i))
	}
	var mu sync.Mutex
	owners := map[string]int{}
	var holds []booking.Hold
	atOnce(2000, func(i int) {
		wanted := make([]string, 0, 4)
		for _, n := range rand.Perm(len(seats))[:2+rand.IntN(3)] {
			wanted = append(wanted, seats[n])
		}
		o := order(fmt.Sprintf("acc-%d", i), tonight, "key", wanted...)
		_, err := s.Place(context.Background(), o)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err == nil:
			holds = append(holds, o.Hold)
			for _, no := range wanted {
				owners[no]++
			}
		case !errors.Is(err, booking.ErrSeatTaken) || len(conflictsOf(err)) == 0:
			t.Errorf("account %d: %v", i, err)
		}
	})
	for _, n := range owners {
		if n > 1 {
			double++
		}
	}
	for _, hold := range holds {
		values, err := s.client.MGet(context.Background(), s.keys.seats(performance, tonight, hold.Seats)...).Result()
		if err != nil {
			t.Fatal(err)
		}
		for _, value := range values {
			if text, _ := value.(string); !strings.HasSuffix(text, " "+hold.Nonce) {
				torn++
				break
			}
		}
	}
	if len(holds) == 0 {
		t.Fatal("nobody got anything")
	}
	return double, torn
}

func TestNoSeatIsHeldTwice(t *testing.T) {
	t.Parallel()
	if double, torn := scramble(t, newTestStore(t)); double != 0 || torn != 0 {
		t.Errorf("%d seats held twice, %d holds not whole", double, torn)
	}
}

func TestNoSeatIsHeldTwiceTwin(t *testing.T) {
	t.Parallel()
	s := newTestStore(t)
	source := strings.Replace(placeSource, "'NX', 'PX'", "'PX'", 1)
	s.scripts.place = without(t, source, "if #conflicts > 0 then", "if false then")
	if double, torn := scramble(t, s); double == 0 || torn == 0 {
		t.Errorf("without the guard: %d seats held twice, %d holds not whole; the test sees nothing", double, torn)
	}
}

func TestConflictsAreListedAndNothingIsTaken(t *testing.T) {
	t.Parallel()
	s := newTestStore(t)
	mustPlace(t, s, order("a", tonight, "k", "1", "2"))
	o := order("b", tonight, "k", "2", "3", "4")
	o.Taken = []string{"4"}
	_, err := s.Place(context.Background(), o)
	if !errors.Is(err, booking.ErrSeatTaken) || !slices.Equal(conflictsOf(err), []string{"2", "4"}) {
		t.Fatalf("got %v, conflicts %v", err, conflictsOf(err))
	}
	mustPlace(t, s, order("c", tonight, "k", "3")) // b has not got it
	mustPlace(t, s, order("b", tonight, "k", "5")) // the key was not used up
	mustPlace(t, s, order("d", tomorrow, "k", "1", "2"))
}

// crowdOfOne lets one account hold forty single seats of two showtimes at once.
func crowdOfOne(s *Store) (placed, refused int64) {
	var got, limited atomic.Int64
	atOnce(40, func(i int) {
		showtime := []string{tonight, tomorrow}[i%2]
		_, err := s.Place(context.Background(), order("acc", showtime, fmt.Sprint("key-", i), fmt.Sprint("S-", i)))
		switch {
		case err == nil:
			got.Add(1)
		case errors.Is(err, booking.ErrSeatLimit):
			limited.Add(1)
		}
	})
	return got.Load(), limited.Load()
}

func TestLimitHoldsUnderParallelRequests(t *testing.T) {
	t.Parallel()
	s := newTestStore(t)
	if placed, refused := crowdOfOne(s); placed != 4 || refused != 36 {
		t.Errorf("%d placed, %d refused, want 4 and 36", placed, refused)
	}
	mustPlace(t, s, order("other", tonight, "k", "X-1", "X-2", "X-3", "X-4"))
}

func TestLimitHoldsUnderParallelRequestsTwin(t *testing.T) {
	t.Parallel()
	s := newTestStore(t)
	s.scripts.place = without(t, placeSource, "if redis.call('ZCARD', limit) + count > most then", "if false then")
	if placed, _ := crowdOfOne(s); placed <= 4 {
		t.Errorf("without the guard %d were placed; the test sees nothing", placed)
	}
}

func TestLimitFollowsReleasesAndClaims(t *testing.T) {
	t.Parallel()
	s := newTestStore(t)
	ctx := context.Background()
	first := order("acc", tonight, "1", "A", "B")
	mustPlace(t, s, first)
	mustPlace(t, s, order("acc", tonight, "2", "C", "D"))
	refused := func(when string) {
		t.Helper()
		if _, err := s.Place(ctx, order("acc", tonight, "x", "Z")); !errors.Is(err, booking.ErrSeatLimit) {
			t.Errorf("%s: %v, want the limit", when, err)
		}
	}
	publish := func(state booking.SeatState, seats ...string) {
		t.Helper()
		var changes []booking.SeatChange
		for _, no := range seats {
			changes = append(changes, booking.SeatChange{Seat: no, State: state, SaleID: sale, AccountID: "acc"})
		}
		if err := s.Publish(ctx, performance, tonight, changes); err != nil {
			t.Fatal(err)
		}
	}
	refused("four held")
	publish(booking.Sold, "C", "D")
	refused("two held, two sold")
	if _, err := s.Release(ctx, first.Hold); err != nil {
		t.Fatal(err)
	}
	mustPlace(t, s, order("acc", tonight, "3", "E", "F"))
	refused("two sold, two others held")
	publish(booking.Free, "C")
	mustPlace(t, s, order("acc", tonight, "4", "G"))
	refused("again")
}

func TestRetriesReturnTheSameHold(t *testing.T) {
	t.Parallel()
	s := newTestStore(t)
	ctx := context.Background()
	o := order("acc", tonight, "key", "A", "B")
	var fresh atomic.Int64
	var mu sync.Mutex
	ends := map[int64]bool{}
	atOnce(200, func(int) {
		placed, err := s.Place(ctx, o)
		if err != nil || !slices.Equal(placed.Seats, []string{"A", "B"}) {
			t.Errorf("got %+v, %v", placed, err)
		}
		if !placed.Replayed {
			fresh.Add(1)
		}
		mu.Lock()
		defer mu.Unlock()
		ends[placed.ExpiresAt.UnixMilli()] = true
	})
	if fresh.Load() != 1 || len(ends) != 1 {
		t.Errorf("%d holds with %d ends out of one request", fresh.Load(), len(ends))
	}
	if _, err := s.Place(ctx, order("acc", tonight, "key", "C")); !errors.Is(err, booking.ErrKeyReused) {
		t.Errorf("the key with other seats: %v", err)
	}
	if _, err := s.Release(ctx, o.Hold); err != nil {
		t.Fatal(err)
	}
	if placed := mustPlace(t, s, o); !placed.Replayed || !ends[placed.ExpiresAt.UnixMilli()] {
		t.Errorf("after its release the retry got %+v", placed)
	}
	mustPlace(t, s, order("other", tonight, "key", "A", "B"))
}

func TestOnlyTheOwnerReleases(t *testing.T) {
	t.Parallel()
	s := newTestStore(t)
	ctx := context.Background()
	mine := order("me", tonight, "k", "A", "B")
	mustPlace(t, s, mine)
	thief := order("thief", tonight, "k", "A", "B")
	if known, err := s.Release(ctx, thief.Hold); known || err != nil {
		t.Errorf("a stranger's release: %v, %v", known, err)
	}
	assertLive(t, s, mine.Hold, true)
	for range 2 {
		if known, err := s.Release(ctx, mine.Hold); !known || err != nil {
			t.Errorf("the owner's release: %v, %v", known, err)
		}
	}
	assertLive(t, s, mine.Hold, false)
	mustPlace(t, s, thief)
	if _, err := s.Release(ctx, mine.Hold); err != nil {
		t.Fatal(err)
	}
	assertLive(t, s, thief.Hold, true)
}

func TestOnlyTheOwnerReleasesTwin(t *testing.T) {
	t.Parallel()
	s := newTestStore(t)
	s.scripts.release = without(t, releaseSource, "holders[i]:match(' (.*)$') == nonce", "true")
	mine := order("me", tonight, "k", "A")
	mustPlace(t, s, mine)
	if _, err := s.Release(context.Background(), order("thief", tonight, "k", "A").Hold); err != nil {
		t.Fatal(err)
	}
	holds, err := s.Holds(context.Background(), performance, tonight, []string{"A"})
	if err != nil || len(holds) != 0 {
		t.Errorf("without the guard the hold is still there: %v, %v; the test sees nothing", holds, err)
	}
}

func assertLive(t *testing.T, s *Store, hold booking.Hold, want bool) {
	t.Helper()
	if live, err := s.Live(context.Background(), hold); live != want || err != nil {
		t.Errorf("hold of %s live: %v, %v, want %v", hold.AccountID, live, err, want)
	}
}

func TestHoldsLapse(t *testing.T) {
	t.Parallel()
	s := newTestStore(t)
	short := order("a", tonight, "k", "A", "B", "C", "D")
	short.TTL = 300 * time.Millisecond
	placed := mustPlace(t, s, short)
	if left := time.Until(placed.ExpiresAt); left > 400*time.Millisecond {
		t.Errorf("it lasts %v", left)
	}
	next := order("b", tonight, "k", "A", "B")
	eventually(t, "the seats come back", func() bool {
		_, err := s.Place(context.Background(), next)
		return err == nil
	})
	if time.Now().Before(placed.ExpiresAt.Add(-50 * time.Millisecond)) {
		t.Error("the seats came back early")
	}
	mustPlace(t, s, order("a", tonight, "k2", "E", "F", "G", "H")) // nor do they count any more
	assertLive(t, s, short.Hold, false)
}

// eventually waits until f is true.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for tick := time.NewTicker(10 * time.Millisecond); ; <-tick.C {
		if f() {
			tick.Stop()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not in 10 s: %s", what)
		}
	}
}

// BenchmarkPlace is the whole call that holds two seats, from eight goroutines.
func BenchmarkPlace(b *testing.B) {
	s := newTestStore(b)
	var n atomic.Int64
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := n.Add(1)
			o := order(fmt.Sprint("acc-", i), tonight, "k", fmt.Sprint("A-", i), fmt.Sprint("B-", i))
			if _, err := s.Place(context.Background(), o); err != nil {
				b.Fatal(err)
			}
		}
	})
}
