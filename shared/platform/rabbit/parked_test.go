package rabbit_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/fairgate/fairgate/shared/event"
	"github.com/fairgate/fairgate/shared/platform/backendtest"
	"github.com/fairgate/fairgate/shared/platform/rabbit"
)

func everything(rabbit.Parked) bool { return true }

// park puts messages among the parked ones, as if they had failed in a queue.
func park(t *testing.T, client *rabbit.Client, queue string, ids ...string) {
	t.Helper()
	for _, id := range ids {
		m := message(id)
		m.Exchange, m.Key, m.Headers = rabbit.NameParked, queue, map[string]any{"x-work-queue": queue, "x-error": "it broke"}
		mustPublish(t, client, m)
	}
}

func ids(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("evt-%d", i)
	}
	return list
}

// Whenever a replay dies, every message is in its queue, still parked, or both.
func TestAReplayThatDiesLosesNothing(t *testing.T) {
	t.Parallel()
	const messages = 9
	proxy, url := proxied(t, backendtest.RabbitURL(t))
	client := connect(t, url, topology())
	park(t, client, work, ids(messages)...)
	for range 3 {
		eventually(t, "a replay is cut off at its second message", func() bool {
			n := 0
			_, err := client.Replay(t.Context(), func(rabbit.Parked) bool {
				if n++; n == 2 {
					proxy.Cut()
				}
				return true
			})
			return err != nil && n == 2
		})
	}
	seen := newTally()
	consume(t, client, rabbit.Consumer{Handle: func(_ context.Context, e event.Envelope) error { seen.add(e.ID); return nil }})
	eventually(t, "all are replayed in the end", func() bool {
		_, err := client.Replay(t.Context(), everything)
		return err == nil && seen.distinct() == messages
	})
	if left := parked(t, client); len(left) != 0 {
		t.Errorf("still parked: %+v", left)
	}
}

func TestAMessageOfNoQueueStaysParkedAndStopsNoOther(t *testing.T) {
	t.Parallel()
	client := connect(t, backendtest.RabbitURL(t), topology())
	park(t, client, "fairgate.gone", "evt-gone")
	park(t, client, work, ids(2)...)
	seen := newTally()
	consume(t, client, rabbit.Consumer{Handle: func(_ context.Context, e event.Envelope) error { seen.add(e.ID); return nil }})
	replayed, err := client.Replay(t.Context(), everything)
	if len(replayed) != 2 || !errors.Is(err, rabbit.ErrUnroutable) {
		t.Errorf("replayed %v, %v", replayed, err)
	}
	eventually(t, "the others are handled", func() bool { return seen.distinct() == 2 })
	eventually(t, "the one is still parked", func() bool {
		left := parked(t, client)
		return len(left) == 1 && left[0].ID == "evt-gone"
	})
}

// A message that fails again at once must not go round for ever.
func TestAReplayEndsThoughMessagesComeBack(t *testing.T) {
	t.Parallel()
	client := connect(t, backendtest.RabbitURL(t), topology())
	park(t, client, work, "evt-1", "evt-2")
	replayed, err := client.Replay(t.Context(), func(p rabbit.Parked) bool {
		park(t, client, p.Queue, p.ID) // it is back before the replay has ended
		return true
	})
	if len(replayed) != 2 || err != nil {
		t.Errorf("replayed %v, %v", replayed, err)
	}
	eventually(t, "both are parked again", func() bool { return len(parked(t, client)) == 2 })
}
