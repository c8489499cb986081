package bookingpg

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

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/platform/backendtest/pgtest"
	"github.com/fairgate/fairgate/shared/platform/postgres"
)

const tonight, tomorrow = "show-1", "show-2"

func newTestClaims(t testing.TB) *Claims {
	t.Helper()
	const connections = 12 // as many as an instance of the API has
	pool, err := postgres.Open(context.Background(), pgtest.URL(t), connections)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return NewClaims(pool)
}

// holdOrder asks for seats of a showtime for a minute, as booking.Holds would.
func holdOrder(account, showtime, idempotencyKey string, seats ...string) booking.HoldOrder {
	key, err := booking.NewHoldKey(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		panic(err)
	}
	return booking.HoldOrder{
		Hold: booking.Hold{
			Nonce: key.Nonce(account, showtime, idempotencyKey, seats), SaleID: "demo",
			PerformanceID: "PF1", ShowtimeID: showtime, AccountID: account, Seats: seats,
		},
		TTL: time.Minute, MaxSeats: 4, Exact: true, Showtimes: []string{tonight, tomorrow},
	}
}

func mustHold(t *testing.T, c *Claims, o booking.HoldOrder) booking.HoldPlaced {
	t.Helper()
	placed, err := c.Place(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return placed
}

func execute(t *testing.T, c *Claims, sql string, args ...any) {
	t.Helper()
	if _, err := c.pool.Exec(context.Background(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

func parallel(n int, f func(i int)) {
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { f(i) })
	}
	group.Wait()
}

// withoutGuard returns sql without one part, for the twins of race tests.
func withoutGuard(t *testing.T, sql, guard string) string {
	t.Helper()
	if strings.Count(sql, guard) != 1 {
		t.Fatalf("the statement does not have %q once", guard)
	}
	return strings.Replace(sql, guard, "", 1)
}

const takeoverGuard = "WHERE c.until < now()"

// takeovers lets ten accounts at a time take over lapsed rows of other holds, and
// returns how many of 30 seats were given to more than one of them.
func takeovers(t *testing.T, c *Claims) (double int) {
	t.Helper()
	for round := range 30 {
		seats := []string{fmt.Sprint("A-", round), fmt.Sprint("B-", round)}
		execute(t, c, `INSERT INTO seat_claim (showtime_id, seat, hold_id, account_id, kind, until)
			SELECT $1, unnest($2::text[]), 'old', 'gone', 'held', now() - interval '1 second'`, tonight, seats)
		var winners atomic.Int64
		parallel(10, func(i int) {
			_, err := c.Place(context.Background(), holdOrder(fmt.Sprint(round, "-", i), tonight, "k", seats...))
			switch {
			case err == nil:
				winners.Add(1)
			case !errors.Is(err, booking.ErrSeatTaken):
				t.Error(err)
			}
		})
		if winners.Load() == 0 {
			t.Errorf("round %d: nobody got the lapsed seats", round)
		}
		if winners.Load() > 1 {
			double++
		}
	}
	return double
}

func TestLapsedClaimsAreTakenOverOnce(t *testing.T) {
	t.Parallel()
	if double := takeovers(t, newTestClaims(t)); double != 0 {
		t.Errorf("%d of 30 takeovers had several winners", double)
	}
}

func TestLapsedClaimsAreTakenOverOnceTwin(t *testing.T) {
	t.Parallel()
	c := newTestClaims(t)
	c.claim = withoutGuard(t, claimHeld, takeoverGuard)
	if double := takeovers(t, c); double == 0 {
		t.Error("without the guard every takeover has one winner; the test sees nothing")
	}
}

// scramble lets 200 accounts ask for two to four of 30 seats at once, and returns how
// many seats were given to several.
func scramble(t *testing.T, c *Claims) (double int) {
	t.Helper()
	var mu sync.Mutex
	owners := map[string]int{}
	parallel(200, func(i int) {
		var seats []string
		for _, n := range rand.Perm(30)[:2+rand.IntN(3)] {
			seats = append(seats, fmt.Sprint("A-", n))
		}
		_, err := c.Place(context.Background(), holdOrder(fmt.Sprint("acc-", i), tonight, "k", seats...))
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err == nil:
			for _, no := range seats {
				owners[no]++
			}
		case !errors.Is(err, booking.ErrSeatTaken):
			t.Error(err)
		}
	})
	for _, n := range owners {
		if n > 1 {
			double++
		}
	}
	var claimed int
	if err := c.pool.QueryRow(context.Background(), `SELECT count(*) FROM seat_claim`).Scan(&claimed); err != nil {
		t.Fatal(err)
	}
	if claimed != len(owners) {
		t.Errorf("%d seats are claimed, %d were given: some holds were not whole", claimed, len(owners))
	}
	return double
}

func TestFallbackNoSeatIsHeldTwice(t *testing.T) {
	t.Parallel()
	if double := scramble(t, newTestClaims(t)); double != 0 {
		t.Errorf("%d seats held twice", double)
	}
}

func TestFallbackNoSeatIsHeldTwiceTwin(t *testing.T) {
	t.Parallel()
	c := newTestClaims(t)
	c.claim = withoutGuard(t, claimHeld, takeoverGuard)
	if double := scramble(t, c); double == 0 {
		t.Error("without the guard no seat was held twice; the test sees nothing")
	}
}

// crowdOfOne lets an account hold 40 single seats of two showtimes at once.
func crowdOfOne(c *Claims, account string) (placed int64) {
	var got atomic.Int64
	parallel(40, func(i int) {
		showtime := []string{tonight, tomorrow}[i%2]
		if _, err := c.Place(context.Background(), holdOrder(account, showtime, fmt.Sprint(i), fmt.Sprint(account, "-", i))); err == nil {
			got.Add(1)
		}
	})
	return got.Load()
}

func TestFallbackLimitHoldsUnderParallelRequests(t *testing.T) {
	t.Parallel()
	c := newTestClaims(t)
	if placed := crowdOfOne(c, "acc"); placed != 4 {
		t.Errorf("%d placed, want 4", placed)
	}
	mustHold(t, c, holdOrder("other", tonight, "k", "X-1", "X-2", "X-3", "X-4"))
}

func TestFallbackLimitHoldsUnderParallelRequestsTwin(t *testing.T) {
	t.Parallel()
	c := newTestClaims(t)
	c.lock = `SELECT $1::text, $2::text, pg_sleep(0.05)`
	for round := range 30 { // it takes four commits before the last count to go well
		if placed := crowdOfOne(c, fmt.Sprint("acc-", round)); placed > 4 {
			return
		}
	}
	t.Error("without the lock the limit holds 30 times; the test sees nothing")
}

func TestFallbackLimitCountsBookings(t *testing.T) {
	t.Parallel()
	c := newTestClaims(t)
	const q = `INSERT INTO booking (id, order_id, hold_id, account_id, email, name, locale, sale_id, performance_id,
		performance_title, venue_name, showtime_id, starts_at, seat_count, seat_limit, price, discount, amount,
		state, pay_before, expires_at)
		VALUES ($1, $1, $1, 'acc', '', '', 'ko', 'demo', 'PF1', '', '', 'show-1', now(), $2, 4, 1, 0, 1, $3, now(), now() + $4::interval)`
	execute(t, c, q, "paid", 2, "confirmed", "-1 day")
	execute(t, c, q, "lapsed", 4, "pending_payment", "-1 second")
	execute(t, c, q, "cancelled", 4, "cancelled", "1 day")
	mustHold(t, c, holdOrder("acc", tonight, "1", "A"))
	execute(t, c, q, "pending", 1, "pending_payment", "1 minute")
	if _, err := c.Place(context.Background(), holdOrder("acc", tonight, "2", "B")); !errors.Is(err, booking.ErrSeatLimit) {
		t.Errorf("a fifth seat: %v", err)
	}
	if left, err := c.Claims(context.Background(), tonight); err != nil || len(left) != 1 {
		t.Errorf("after the refusal: %v, %v", left, err)
	}
}

func TestFallbackRetriesReturnTheSameHold(t *testing.T) {
	t.Parallel()
	c := newTestClaims(t)
	ctx := context.Background()
	o := holdOrder("acc", tonight, "key", "B", "A")
	var fresh atomic.Int64
	var mu sync.Mutex
	ends := map[int64]bool{}
	parallel(40, func(int) {
		placed, err := c.Place(ctx, o)
		if slices.Sort(placed.Seats); err != nil || !slices.Equal(placed.Seats, []string{"A", "B"}) {
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
	found, err := c.Find(ctx, o)
	if err != nil || !found.Replayed || !ends[found.ExpiresAt.UnixMilli()] {
		t.Errorf("found %+v, %v", found, err)
	}
	other := holdOrder("acc", tonight, "key", "C")
	if _, err := c.Place(ctx, other); !errors.Is(err, booking.ErrKeyReused) {
		t.Errorf("the key with other seats: %v", err)
	}
	other.Exact = false // the best available were others this time
	if placed := mustHold(t, c, other); !placed.Replayed || !slices.Equal(placed.Seats, []string{"A", "B"}) {
		t.Errorf("best available again: %+v", placed)
	}
	if found, err := c.Find(ctx, holdOrder("acc", tonight, "key2", "A")); found.Replayed || err != nil {
		t.Errorf("another key found %+v, %v", found, err)
	}
}

func TestFallbackListsConflicts(t *testing.T) {
	t.Parallel()
	c := newTestClaims(t)
	mustHold(t, c, holdOrder("a", tonight, "k", "1", "2"))
	_, err := c.Place(context.Background(), holdOrder("b", tonight, "k", "3", "2", "1"))
	conflicts, _ := errs.From(err).Extra["conflicts"].([]string)
	if slices.Sort(conflicts); !errors.Is(err, booking.ErrSeatTaken) || !slices.Equal(conflicts, []string{"1", "2"}) {
		t.Errorf("got %v, conflicts %v", err, conflicts)
	}
	mustHold(t, c, holdOrder("c", tonight, "k", "3"))
	known := holdOrder("d", tonight, "k", "4")
	known.Taken = []string{"4"}
	if _, err := c.Place(context.Background(), known); !errors.Is(err, booking.ErrSeatTaken) {
		t.Errorf("a seat known to be taken: %v", err)
	}
}

func TestFallbackOnlyTheOwnerReleases(t *testing.T) {
	t.Parallel()
	c := newTestClaims(t)
	ctx := context.Background()
	mine := holdOrder("me", tonight, "k", "A", "B")
	mustHold(t, c, mine)
	if released, err := c.Release(ctx, holdOrder("thief", tonight, "k", "A", "B").Hold); released || err != nil {
		t.Errorf("a stranger's release: %v, %v", released, err)
	}
	if live, err := c.Live(ctx, mine.Hold); !live || err != nil {
		t.Errorf("live: %v, %v", live, err)
	}
	if released, err := c.Release(ctx, mine.Hold); !released || err != nil {
		t.Errorf("the owner's release: %v, %v", released, err)
	}
	if live, err := c.Live(ctx, mine.Hold); live || err != nil {
		t.Errorf("live after its release: %v, %v", live, err)
	}
	execute(t, c, `INSERT INTO seat_claim VALUES ($1, 'A', 'bkg', $2, 'me', 'sold', 'infinity')`, tonight, mine.Hold.Nonce)
	if released, err := c.Release(ctx, mine.Hold); released || err != nil {
		t.Errorf("a sold seat was released: %v, %v", released, err)
	}
}

func TestClaimsReadsWhatHasNotLapsed(t *testing.T) {
	t.Parallel()
	c := newTestClaims(t)
	execute(t, c, `INSERT INTO seat_claim (showtime_id, seat, kind, until) VALUES
		('show-1', 'held', 'held', now() + interval '1 minute'), ('show-1', 'reserved', 'reserved', now() + interval '1 minute'),
		('show-1', 'paying', 'reserved', 'infinity'), ('show-1', 'sold', 'sold', 'infinity'), ('show-1', 'blocked', 'blocked', 'infinity'),
		('show-1', 'lapsed', 'reserved', now() - interval '1 second'), ('show-2', 'other', 'sold', 'infinity')`)
	claims, err := c.Claims(context.Background(), tonight)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, claim := range claims {
		got[claim.Seat] = fmt.Sprintf("%s, lapses: %v", claim.State, !claim.Until.IsZero())
	}
	want := map[string]string{
		"held": "held, lapses: true", "reserved": "held, lapses: true", "paying": "held, lapses: false",
		"sold": "sold, lapses: false", "blocked": "not_for_sale, lapses: false",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestSweepRemovesLapsedHoldsOnly(t *testing.T) {
	t.Parallel()
	c := newTestClaims(t)
	execute(t, c, `INSERT INTO seat_claim (showtime_id, seat, kind, until)
		SELECT 'show-1', 'old-' || n, 'held', now() - interval '2 minutes' FROM generate_series(1, 50) n`)
	execute(t, c, `INSERT INTO seat_claim (showtime_id, seat, kind, until) VALUES
		('show-1', 'just', 'held', now() - interval '1 second'), ('show-1', 'live', 'held', now() + interval '1 minute'),
		('show-1', 'reserved', 'reserved', now() - interval '1 hour'), ('show-1', 'sold', 'sold', 'infinity')`)
	var swept atomic.Int64
	parallel(4, func(int) {
		for {
			n, err := c.SweepLapsed(context.Background(), 10)
			if err != nil {
				t.Error(err)
			}
			if swept.Add(int64(n)); n == 0 {
				return
			}
		}
	})
	var left int
	if err := c.pool.QueryRow(context.Background(), `SELECT count(*) FROM seat_claim`).Scan(&left); err != nil {
		t.Fatal(err)
	}
	if swept.Load() != 50 || left != 4 {
		t.Errorf("swept %d, left %d, want 50 and 4", swept.Load(), left)
	}
}
