package rabbit_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/event"
	"github.com/fairgate/fairgate/shared/platform/backendtest"
	"github.com/fairgate/fairgate/shared/platform/rabbit"
)

func parked(t *testing.T, client *rabbit.Client) []rabbit.Parked {
	t.Helper()
	list, err := client.ListParked(context.Background(), 100)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestLadderDelaysEachAttemptMoreThenParks(t *testing.T) {
	t.Parallel()
	client := connect(t, backendtest.RabbitURL(t), topology())
	var mu sync.Mutex
	var times []time.Time
	consume(t, client, rabbit.Consumer{Handle: func(context.Context, event.Envelope) error {
		mu.Lock()
		defer mu.Unlock()
		times = append(times, time.Now())
		return errors.New("the other side is down")
	}})
	mustPublish(t, client, message("evt-1"))
	var found []rabbit.Parked
	eventually(t, "parked", func() bool { found = parked(t, client); return len(found) == 1 })

	ladder := quickLadder()
	mu.Lock()
	defer mu.Unlock()
	if len(times) != len(ladder)+1 {
		t.Fatalf("handled %d times; want %d", len(times), len(ladder)+1)
	}
	for i, rung := range ladder {
		if waited := times[i+1].Sub(times[i]); waited < rung.Delay {
			t.Errorf("attempt %d came after %s; want at least %s", i+2, waited, rung.Delay)
		}
	}
	got := found[0]
	if got.ID != "evt-1" || got.Queue != work || got.Attempts != len(ladder)+1 || !strings.Contains(got.Error, "the other side is down") || got.FailedAt.IsZero() {
		t.Errorf("parked = %+v", got)
	}
}

func TestStandardLadderOfTheDesign(t *testing.T) {
	t.Parallel()
	want := []time.Duration{time.Second, 10 * time.Second, time.Minute, 10 * time.Minute}
	for i, rung := range rabbit.StandardLadder() {
		if rung.Delay != want[i] {
			t.Errorf("rung %d is %s; want %s", i, rung.Delay, want[i])
		}
	}
}

func TestLastRungRepeatsForPatientConsumers(t *testing.T) {
	t.Parallel()
	client := connect(t, backendtest.RabbitURL(t), topology())
	const attempts = 8 // more than the ladder is long: TTL cycles must not be dropped
	seen := newTally()
	consume(t, client, rabbit.Consumer{Attempts: attempts, Handle: func(_ context.Context, e event.Envelope) error {
		if seen.add(e.ID) < attempts {
			return errs.ErrUpstream
		}
		return nil
	}})
	mustPublish(t, client, message("evt-1"))
	eventually(t, "handled at last", func() bool { return seen.of("evt-1") == attempts })
	if list := parked(t, client); len(list) != 0 {
		t.Errorf("parked %v; want none", list)
	}
}

func TestRetryAfterChoosesARungThatWaitsLongEnough(t *testing.T) {
	t.Parallel()
	client := connect(t, backendtest.RabbitURL(t), topology())
	var mu sync.Mutex
	var times []time.Time
	consume(t, client, rabbit.Consumer{Handle: func(context.Context, event.Envelope) error {
		mu.Lock()
		defer mu.Unlock()
		times = append(times, time.Now())
		if len(times) == 1 {
			return errs.ErrRateLimited.WithRetryAfter(140 * time.Millisecond)
		}
		return nil
	}})
	mustPublish(t, client, message("evt-1"))
	eventually(t, "handled twice", func() bool { mu.Lock(); defer mu.Unlock(); return len(times) == 2 })
	if waited := times[1].Sub(times[0]); waited < 150*time.Millisecond {
		t.Errorf("came back after %s; want the rung of 150ms", waited)
	}
}

func TestFateOfAMessage(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		err     error
		handled int
		parked  bool
	}{
		"poison is parked at once": {err: errs.ErrValidationFailed, handled: 1, parked: true},
		"unknown thing is parked":  {err: errs.ErrNotFound, handled: 1, parked: true},
		"what is over is acked":    {err: errs.New(errs.Gone, "over", "Over."), handled: 1},
		"an unknown error climbs":  {err: errors.New("boom"), handled: 2},
		"a busy one climbs":        {err: errs.New(errs.Conflict, "busy", "Busy."), handled: 2},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := connect(t, backendtest.RabbitURL(t), topology())
			seen := newTally()
			consume(t, client, rabbit.Consumer{Handle: func(_ context.Context, e event.Envelope) error {
				if seen.add(e.ID) == 1 {
					return c.err
				}
				return nil
			}})
			mustPublish(t, client, message("evt-1"))
			eventually(t, "settled", func() bool {
				return seen.of("evt-1") == c.handled && (len(parked(t, client)) == 1) == c.parked
			})
		})
	}
}

func TestUndecodableMessageIsParkedUnseen(t *testing.T) {
	t.Parallel()
	client := connect(t, backendtest.RabbitURL(t), topology())
	consume(t, client, rabbit.Consumer{Handle: func(_ context.Context, e event.Envelope) error {
		t.Errorf("the handler saw %+v", e)
		return nil
	}})
	garbled := message("evt-1")
	garbled.Body = []byte(`{"id":`)
	empty := message("evt-2")
	empty.Body = []byte(`{}`)
	mustPublish(t, client, garbled, empty)
	eventually(t, "both parked", func() bool { return len(parked(t, client)) == 2 })
}

func TestPanicGoesUpTheLadder(t *testing.T) {
	t.Parallel()
	client := connect(t, backendtest.RabbitURL(t), topology())
	seen := newTally()
	consume(t, client, rabbit.Consumer{Handle: func(_ context.Context, e event.Envelope) error {
		if seen.add(e.ID) == 1 {
			panic("a bug")
		}
		return nil
	}})
	mustPublish(t, client, message("evt-1"))
	eventually(t, "handled after the panic", func() bool { return seen.of("evt-1") == 2 })
}

func TestReplayGivesParkedMessagesBack(t *testing.T) {
	t.Parallel()
	client := connect(t, backendtest.RabbitURL(t), topology())
	seen := newTally()
	consume(t, client, rabbit.Consumer{Handle: func(_ context.Context, e event.Envelope) error {
		if seen.add(e.ID) == 1 {
			return errs.ErrValidationFailed
		}
		return nil
	}})
	mustPublish(t, client, message("evt-1"), message("evt-2"))
	eventually(t, "both parked", func() bool { return len(parked(t, client)) == 2 })

	if replayed, err := client.Replay(context.Background(), func(p rabbit.Parked) bool { return p.ID == "evt-2" }); len(replayed) != 1 || err != nil {
		t.Fatalf("Replay = %v, %v; want 1", replayed, err)
	}
	eventually(t, "evt-2 handled again", func() bool { return seen.of("evt-2") == 2 })
	var left []rabbit.Parked
	eventually(t, "evt-1 still parked", func() bool { left = parked(t, client); return len(left) == 1 })
	if left[0].ID != "evt-1" || seen.of("evt-1") != 1 {
		t.Errorf("left = %+v", left)
	}
	if replayed, err := client.Replay(context.Background(), everything); len(replayed) != 1 || err != nil {
		t.Fatalf("Replay of all = %v, %v; want 1", replayed, err)
	}
	eventually(t, "evt-1 handled again", func() bool { return seen.of("evt-1") == 2 })
}

// A consumer that dies with a message over and over must not get it for ever.
func TestTooManyDeliveriesPark(t *testing.T) {
	t.Parallel()
	direct := backendtest.RabbitURL(t)
	proxy, url := proxied(t, direct)
	client := connect(t, url, topology())
	seen := newTally()
	consume(t, client, rabbit.Consumer{Workers: 1, Handle: func(_ context.Context, e event.Envelope) error {
		seen.add(e.ID)
		proxy.Cut() // the process dies before it can answer
		return nil
	}})
	// On a connection of its own: a cut may come before the confirm.
	mustPublish(t, connect(t, direct, topology()), message("evt-1"))
	eventually(t, "parked by the broker", func() bool {
		list, err := client.ListParked(context.Background(), 10)
		return err == nil && len(list) == 1 && list[0].Queue == work && strings.Contains(list[0].Error, "delivered more than")
	})
	if got := seen.of("evt-1"); got < 20 {
		t.Errorf("delivered %d times; want more than 20", got)
	}
}
