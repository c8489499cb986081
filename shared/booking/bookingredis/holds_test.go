package bookingredis_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/event"
)

func conflictsOf(err error) []string {
	conflicts, _ := errs.From(err).Extra["conflicts"].([]string)
	return conflicts
}

func TestHoldGetRelease(t *testing.T) {
	t.Parallel()
	api := newSite(t).start(t)
	ctx := context.Background()
	request := ask("me", seat(3, 1), seat(1, 2), seat(1, 1))
	request.Session = &event.Session{SaleID: "demo", Epoch: 3, N: 77}
	hold := api.mustHold(t, request)
	if want := []string{seat(1, 1), seat(1, 2), seat(3, 1)}; !slices.Equal(hold.Seats, want) || hold.Amount != 2*vipPrice+100_000 {
		t.Errorf("seats %v, amount %d", hold.Seats, hold.Amount)
	}
	if left := time.Until(hold.ExpiresAt); left < 115*time.Second || left > 121*time.Second {
		t.Errorf("it lasts %v, want 120 s", left)
	}
	if got, err := api.holds.Get(ctx, "me", hold.ID); err != nil || !reflect.DeepEqual(got, hold) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, hold)
	}
	if again := api.mustHold(t, request); !reflect.DeepEqual(again, hold) {
		t.Errorf("the retry got %+v\nwant %+v", again, hold)
	}
	if _, err := api.holds.Get(ctx, "you", hold.ID); !errors.Is(err, booking.ErrHoldNotFound) {
		t.Errorf("another's get: %v", err)
	}
	if err := api.holds.Release(ctx, "you", hold.ID); !errors.Is(err, booking.ErrHoldNotFound) {
		t.Errorf("another's release: %v", err)
	}
	_, err := api.holds.Hold(ctx, ask("you", seat(1, 2), seat(1, 3)))
	if !errors.Is(err, booking.ErrSeatTaken) || !slices.Equal(conflictsOf(err), []string{seat(1, 2)}) {
		t.Errorf("a held seat: %v, conflicts %v", err, conflictsOf(err))
	}
	if err := api.holds.Release(ctx, "me", hold.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := api.holds.Get(ctx, "me", hold.ID); !errors.Is(err, booking.ErrHoldNotFound) {
		t.Errorf("get after the release: %v", err)
	}
	api.mustHold(t, ask("you", seat(1, 2), seat(1, 3)))
}

func TestHoldRefusals(t *testing.T) {
	t.Parallel()
	api := newSite(t).start(t)
	in := func(showtime string) booking.HoldRequest {
		request := ask("me", seat(1, 1))
		request.ShowtimeID = showtime
		return request
	}
	best := func(count int, grade string, seats ...string) booking.HoldRequest {
		request := ask("me", seats...)
		request.BestAvailable = &booking.BestAvailable{Count: count, Grade: grade}
		return request
	}
	over := ask("me", seat(1, 1))
	over.SessionEndsAt = time.Now().Add(-time.Second)
	for name, c := range map[string]struct {
		request booking.HoldRequest
		want    error
	}{
		"no seats":            {ask("me"), errs.ErrValidationFailed},
		"a seat twice":        {ask("me", seat(1, 1), seat(1, 1)), errs.ErrValidationFailed},
		"more than the limit": {ask("me", seat(1, 1), seat(1, 2), seat(1, 3), seat(1, 4), seat(1, 5)), errs.ErrValidationFailed},
		"an unknown seat":     {ask("me", seat(1, 1), "9F-1-1"), booking.ErrUnknownSeat},
		"an unknown showtime": {in("nowhere"), catalogue.ErrShowtimeNotFound},
		"before the sale":     {in(later), booking.ErrSaleNotOpen},
		"after the sale":      {in(closed), booking.ErrSaleClosed},
		"in no sale":          {in(unsold), booking.ErrSaleNotOpen},
		"both ways":           {best(1, "R", seat(1, 1)), errs.ErrValidationFailed},
		"best of none":        {best(0, "R"), errs.ErrValidationFailed},
		"best of too many":    {best(5, "R"), errs.ErrValidationFailed},
		"best of no grade":    {best(1, "S"), errs.ErrValidationFailed},
		"after the session":   {over, booking.ErrHoldExpired},
	} {
		if _, err := api.holds.Hold(context.Background(), c.request); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	// None of them has taken anything.
	api.mustHold(t, ask("me", seat(1, 1), seat(1, 2), seat(1, 3), seat(1, 4)))
	if _, err := api.holds.Hold(context.Background(), ask("me", seat(2, 1))); !errors.Is(err, booking.ErrSeatLimit) {
		t.Errorf("a fifth seat: %v", err)
	}
}

func TestHoldEndsWithTheSession(t *testing.T) {
	t.Parallel()
	api := newSite(t).start(t)
	request := ask("me", seat(1, 1))
	request.SessionEndsAt = time.Now().Add(400 * time.Millisecond)
	hold := api.mustHold(t, request)
	if hold.ExpiresAt.After(request.SessionEndsAt.Add(100 * time.Millisecond)) {
		t.Errorf("it ends at %v, the session at %v", hold.ExpiresAt, request.SessionEndsAt)
	}
	eventually(t, "the hold lapses", func() bool {
		_, err := api.holds.Get(context.Background(), "me", hold.ID)
		return errors.Is(err, booking.ErrHoldExpired)
	})
	if err := api.holds.Release(context.Background(), "me", hold.ID); err != nil {
		t.Errorf("releasing what has lapsed: %v", err)
	}
}

// A sold seat whose word was lost on the way is refused once the claims were read.
func TestSoldSeatsAreNotHeld(t *testing.T) {
	t.Parallel()
	site := newSite(t)
	site.exec(t, `INSERT INTO seat_claim (showtime_id, seat, kind, until) VALUES ($1, $2, 'sold', 'infinity')`, tonight, seat(1, 1))
	api := site.start(t)
	_, err := api.holds.Hold(context.Background(), ask("me", seat(1, 1), seat(1, 2)))
	if !errors.Is(err, booking.ErrSeatTaken) || !slices.Equal(conflictsOf(err), []string{seat(1, 1)}) {
		t.Errorf("got %v, conflicts %v", err, conflictsOf(err))
	}
	api.mustHold(t, ask("me", seat(1, 2)))
}

func TestBestAvailable(t *testing.T) {
	t.Parallel()
	api := newSite(t).start(t)
	want := func(account string) booking.HoldRequest {
		request := ask(account)
		request.BestAvailable = &booking.BestAvailable{Count: 4, Grade: "VIP"}
		return request
	}
	first := want("fan")
	hold := api.mustHold(t, first)
	if len(hold.Seats) != 4 || hold.Amount != 4*vipPrice {
		t.Errorf("got %v for %d", hold.Seats, hold.Amount)
	}
	if again := api.mustHold(t, first); !reflect.DeepEqual(again, hold) {
		t.Errorf("the retry got %v, want %v", again.Seats, hold.Seats)
	}
	other := want("fan")
	other.IdempotencyKey, other.BestAvailable.Count = first.IdempotencyKey, 2
	if _, err := api.holds.Hold(context.Background(), other); !errors.Is(err, booking.ErrKeyReused) {
		t.Errorf("the key for two seats: %v", err)
	}
	// 100 VIP seats are at most 24 blocks of four in two rows of 50.
	var placed, refused atomic.Int64
	var group sync.WaitGroup
	for i := range 40 {
		group.Go(func() {
			_, err := api.holds.Hold(context.Background(), want(fmt.Sprint("acc-", i)))
			switch {
			case err == nil:
				placed.Add(1)
			case errors.Is(err, booking.ErrSeatTaken):
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	group.Wait()
	if placed.Load() < 8 || placed.Load() > 23 {
		t.Errorf("%d of 40 got a block, %d were refused", placed.Load(), refused.Load())
	}
}

// When nothing is free at all, no seats are asked for: the store is only asked whether
// the request was answered before.
func TestBestAvailableOfASoldOutGradeIsTaken(t *testing.T) {
	t.Parallel()
	for name, redisIsCut := range map[string]bool{"in Redis": false, "in Postgres": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			site := newSite(t)
			site.exec(t, `INSERT INTO seat_claim (showtime_id, seat, kind, until)
				SELECT $1, '1F-' || r || '-' || c, 'sold', 'infinity' FROM generate_series(1, 2) r, generate_series(1, 50) c`, tonight)
			api := site.start(t)
			site.proxy.setCut(redisIsCut)
			request := ask("fan")
			request.BestAvailable = &booking.BestAvailable{Count: 2, Grade: "VIP"}
			if _, err := api.holds.Hold(context.Background(), request); !errors.Is(err, booking.ErrSeatTaken) || len(conflictsOf(err)) != 0 {
				t.Errorf("got %v, conflicts %v", err, conflictsOf(err))
			}
		})
	}
}

func TestHoldsGoOnWithoutRedis(t *testing.T) {
	t.Parallel()
	site := newSite(t)
	api := site.start(t)
	ctx := context.Background()
	before := api.mustHold(t, ask("early", seat(1, 1)))
	eventually(t, "the hold is seen", func() bool { return api.state(t, site, seat(1, 1)) == booking.Held })
	site.proxy.setCut(true)

	request := ask("me", seat(2, 1), seat(2, 2))
	hold := api.mustHold(t, request)
	if !hold.InPostgres || api.heard.count("postgres placed") != 1 {
		t.Fatalf("hold %+v, heard %v", hold, api.heard.counts)
	}
	if got := api.state(t, site, seat(2, 1)); got != booking.Held {
		t.Errorf("its seat shows %s", got)
	}
	if again := api.mustHold(t, request); !reflect.DeepEqual(again, hold) {
		t.Errorf("the retry got %+v\nwant %+v", again, hold)
	}
	for _, taken := range []string{seat(2, 2), seat(1, 1)} { // held in Postgres, and in Redis before
		if _, err := api.holds.Hold(ctx, ask("you", taken)); !errors.Is(err, booking.ErrSeatTaken) {
			t.Errorf("%s: %v, want seat_taken", taken, err)
		}
	}
	if got, err := api.holds.Get(ctx, "early", before.ID); err != nil || got.ID != before.ID {
		t.Errorf("the hold of before: %v", err)
	}

	site.proxy.setCut(false)
	eventually(t, "Redis is used again", func() bool {
		_, err := api.store.Position(ctx, performance)
		return err == nil
	})
	if late := api.mustHold(t, ask("late", seat(9, 1))); late.InPostgres {
		t.Error("Redis is back, and the hold is in Postgres")
	}
	if again := api.mustHold(t, request); !reflect.DeepEqual(again, hold) {
		t.Errorf("the retry after the outage got %+v\nwant %+v", again, hold)
	}
	if _, err := api.holds.Hold(ctx, ask("you", seat(2, 2))); !errors.Is(err, booking.ErrSeatTaken) {
		t.Errorf("held in Postgres, Redis is back: %v", err)
	}
	if err := api.holds.Release(ctx, "me", hold.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := api.holds.Get(ctx, "me", hold.ID); !errors.Is(err, booking.ErrHoldNotFound) {
		t.Errorf("get after the release: %v", err)
	}
	api.mustHold(t, ask("you", seat(2, 2)))
}

// Two instances lose Redis in the middle of a rush. Whatever store a hold went to, no
// two holds of the same store have a seat in common.
func TestNoSeatIsHeldTwiceWhenRedisFails(t *testing.T) {
	t.Parallel()
	site := newSite(t)
	instances := []*instance{site.start(t), site.start(t)}
	var mu sync.Mutex
	owners := map[bool]map[string]int{true: {}, false: {}}
	var asked atomic.Int64
	var group sync.WaitGroup
	for worker := range 40 {
		group.Go(func() {
			for n := range 20 {
				if asked.Add(1) == 300 {
					site.proxy.setCut(true)
				}
				seats := []string{seat(1+rand.IntN(4), 1+rand.IntN(50)), seat(5+rand.IntN(4), 1+rand.IntN(50))}
				hold, err := instances[worker%2].holds.Hold(context.Background(), ask(fmt.Sprint(worker, "-", n), seats...))
				if errors.Is(err, booking.ErrSeatTaken) {
					continue
				}
				if err != nil {
					t.Error(err)
					continue
				}
				mu.Lock()
				for _, no := range hold.Seats {
					owners[hold.InPostgres][no]++
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	for inPostgres, held := range owners {
		if len(held) == 0 {
			t.Errorf("in Postgres %v: no holds at all", inPostgres)
		}
		for no, n := range held {
			if n > 1 {
				t.Errorf("in Postgres %v: %s is held %d times", inPostgres, no, n)
			}
		}
	}
}
