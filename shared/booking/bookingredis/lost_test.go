package bookingredis_test

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/errs"
)

// deaf lets scripts run in Redis and loses the answers of the next few.
type deaf struct {
	answers atomic.Int64 // to lose
	ran     func()       // after each script whose answer is lost
}

func (d *deaf) DialHook(next redis.DialHook) redis.DialHook { return next }

func (d *deaf) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (d *deaf) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, command redis.Cmder) error {
		err := next(ctx, command)
		if command.Name() != "evalsha" || err != nil || d.answers.Add(-1) < 0 {
			return err
		}
		d.ran()
		command.SetErr(io.ErrUnexpectedEOF)
		return io.ErrUnexpectedEOF
	}
}

// lose makes i lose the answers to its next scripts, each once after has returned.
func (i *instance) lose(answers int64, after func()) {
	i.deaf.ran = after
	i.deaf.answers.Store(answers)
}

// away is the fallback of an API that has lost Postgres too.
type away struct{ booking.FallbackStore }

func (away) Place(context.Context, booking.HoldOrder) (booking.HoldPlaced, error) {
	return booking.HoldPlaced{}, errs.ErrUpstream
}

// Redis goes on losing answers, and the fan gets other seats in Postgres, because
// those of the lost hold look held: nobody would have had these until they lapse.
func TestSeatsOfALostHoldAreFreeForOthers(t *testing.T) {
	t.Parallel()
	site := newSite(t)
	api := site.start(t)
	api.mustHold(t, ask("early", seat(20, 50))) // the script is known
	request := ask("me")
	request.BestAvailable = &booking.BestAvailable{Count: 2, Grade: "VIP"}
	var lost []string
	api.lose(2, func() {
		eventually(t, "the lost hold is seen", func() bool {
			if lost == nil && len(api.held(t, site)) == 3 {
				lost = api.held(t, site)
			}
			return lost != nil
		})
	})
	hold := api.mustHold(t, request)
	if !hold.InPostgres || len(lost) != 3 {
		t.Fatalf("hold %+v, held before %v", hold, lost)
	}
	eventually(t, "only the fan's own seats are held", func() bool { return len(api.held(t, site)) == 3 && api.heard.count("redis undone") == 1 })
	for _, no := range lost[:2] {
		if got := api.state(t, site, no); got != booking.Free {
			t.Errorf("%s of the lost hold is %s", no, got)
		}
	}
	if got, err := api.holds.Get(context.Background(), "me", hold.ID); err != nil || got.ID != hold.ID {
		t.Errorf("the fan's own hold: %v", err)
	}
	api.mustHold(t, ask("you", lost[:2]...))
}

func TestALostHoldNobodyAsksForAgainIsTakenBack(t *testing.T) {
	t.Parallel()
	site := newSite(t)
	api := site.startWith(t, func(f booking.FallbackStore) booking.FallbackStore { return away{f} })
	api.mustHold(t, ask("early", seat(20, 50)))
	api.lose(1, func() {})
	if _, err := api.holds.Hold(context.Background(), ask("me", seat(1, 1))); !errors.Is(err, errs.ErrUpstream) {
		t.Fatalf("both stores failed: %v", err)
	}
	eventually(t, "somebody else gets the seat", func() bool {
		_, err := api.holds.Hold(context.Background(), ask("you", seat(1, 1)))
		return err == nil
	})
}

// The retry goes to another instance, before or after the first one undoes.
func TestARetryOfALostHoldKeepsIt(t *testing.T) {
	t.Parallel()
	site := newSite(t)
	first := site.startWith(t, func(f booking.FallbackStore) booking.FallbackStore { return away{f} })
	second := site.start(t)
	first.mustHold(t, ask("early", seat(20, 50)))
	request := ask("me", seat(1, 1))
	first.lose(1, func() {})
	if _, err := first.holds.Hold(context.Background(), request); !errors.Is(err, errs.ErrUpstream) {
		t.Fatalf("both stores failed: %v", err)
	}
	hold := second.mustHold(t, request)
	if hold.InPostgres {
		t.Fatalf("the retry's hold: %+v", hold)
	}
	first.settle(t)
	if again := second.mustHold(t, request); again.ID != hold.ID {
		t.Error("the same request has another hold now")
	}
	if _, err := second.holds.Hold(context.Background(), ask("you", seat(1, 1))); !errors.Is(err, booking.ErrSeatTaken) {
		t.Errorf("somebody else: %v", err)
	}
}

// settle waits until an instance that has just lost an answer has looked what became
// of another one after it: then it has looked for the first too.
func (i *instance) settle(t *testing.T) {
	t.Helper()
	i.lose(1, func() {})
	if _, err := i.holds.Hold(context.Background(), ask("settle", seat(19, 50))); !errors.Is(err, errs.ErrUpstream) {
		t.Fatalf("both stores failed: %v", err)
	}
	before := i.heard.count("redis undone")
	eventually(t, "it has looked", func() bool { return i.heard.count("redis undone") > before })
}

// held lists the seats that an instance shows as held.
func (i *instance) held(t *testing.T, s *site) []string {
	t.Helper()
	snapshot, err := i.seats.Snapshot(context.Background(), tonight)
	if err != nil {
		t.Fatal(err)
	}
	var held []string
	for n, one := range s.programme.seatMap.Seats {
		if snapshot.Of(n) == booking.Held {
			held = append(held, one.No)
		}
	}
	return held
}
