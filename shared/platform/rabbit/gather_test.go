package rabbit_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/event"
	"github.com/fairgate/fairgate/shared/platform/backendtest"
	"github.com/fairgate/fairgate/shared/platform/rabbit"
)

const gathered = 10 // messages of one batch

func publishNumbered(t *testing.T, client *rabbit.Client, first, n int) {
	t.Helper()
	var messages []rabbit.Message
	for i := range n {
		messages = append(messages, message(fmt.Sprint("evt-", first+i)))
	}
	mustPublish(t, client, messages...)
}

// isEmpty reports whether no message of the work queue waits to be delivered.
func isEmpty(client *rabbit.Client) bool {
	depths, err := client.Depths(context.Background())
	return err == nil && slices.ContainsFunc(depths, func(d rabbit.Depth) bool { return d.Queue == work && d.Messages == 0 })
}

func TestGatheredMessagesAreInHandTogether(t *testing.T) {
	t.Parallel()
	client := connect(t, backendtest.RabbitURL(t), topology())
	publishNumbered(t, client, 0, gathered)
	var inHand atomic.Int32
	all := make(chan struct{})
	seen := newTally()
	stop := consume(t, client, rabbit.Consumer{Workers: gathered, Gather: limit, Handle: func(ctx context.Context, e event.Envelope) error {
		if inHand.Add(1) == gathered {
			close(all)
		}
		select {
		case <-all:
			seen.add(e.ID)
		case <-ctx.Done():
			t.Error("the others are not in hand")
		}
		return nil
	}})
	eventually(t, "all handled", func() bool { return seen.distinct() == gathered })
	stop()
	// they were acked: the next consumer gets only what comes after them
	consume(t, client, rabbit.Consumer{Workers: gathered, Gather: time.Millisecond, Handle: func(_ context.Context, e event.Envelope) error {
		seen.add(e.ID)
		return nil
	}})
	publishNumbered(t, client, gathered, 1)
	eventually(t, "the next handled, though it is alone", func() bool { return seen.distinct() == gathered+1 })
	for i := range gathered {
		if n := seen.of(fmt.Sprint("evt-", i)); n != 1 {
			t.Errorf("evt-%d was handled %d times; want 1", i, n)
		}
	}
}

// Each of a batch has its own fate.
func TestOfGatheredMessagesEachGoesItsOwnWay(t *testing.T) {
	t.Parallel()
	client := connect(t, backendtest.RabbitURL(t), topology())
	publishNumbered(t, client, 0, gathered)
	seen := newTally()
	consume(t, client, rabbit.Consumer{Workers: gathered, Gather: 100 * time.Millisecond, Handle: func(_ context.Context, e event.Envelope) error {
		n := seen.add(e.ID)
		switch {
		case e.ID == "evt-3" && n == 1:
			return errors.New("not yet")
		case e.ID == "evt-5":
			return errs.ErrValidationFailed
		case e.ID == "evt-7" && n == 1:
			panic("a bug")
		}
		return nil
	}})
	want := map[string]int{"evt-3": 2, "evt-7": 2}
	eventually(t, "all settled", func() bool {
		return seen.distinct() == gathered && seen.of("evt-3") == 2 && seen.of("evt-7") == 2 && len(parked(t, client)) == 1
	})
	for i := range gathered {
		id := fmt.Sprint("evt-", i)
		if n := seen.of(id); n != max(want[id], 1) {
			t.Errorf("%s was handled %d times; want %d", id, n, max(want[id], 1))
		}
	}
}

// A batch in hand is finished and acked when its consumer is stopped.
func TestConsumerFinishesTheBatchInHand(t *testing.T) {
	t.Parallel()
	client := connect(t, backendtest.RabbitURL(t), topology())
	begun, finish := make(chan struct{}, gathered), make(chan struct{})
	seen := newTally()
	stop := consume(t, client, rabbit.Consumer{Workers: gathered, Gather: limit, Finish: limit, Handle: func(_ context.Context, e event.Envelope) error {
		begun <- struct{}{}
		<-finish
		seen.add(e.ID)
		return nil
	}})
	publishNumbered(t, client, 0, gathered)
	for range gathered {
		<-begun
	}
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	close(finish)
	<-stopped
	if n := seen.distinct(); n != gathered {
		t.Errorf("%d of %d were finished", n, gathered)
	}
	consume(t, client, rabbit.Consumer{Handle: func(_ context.Context, e event.Envelope) error { seen.add(e.ID); return nil }})
	publishNumbered(t, client, gathered, 1)
	eventually(t, "the next handled", func() bool { return seen.of(fmt.Sprint("evt-", gathered)) == 1 })
	if n := seen.of("evt-0"); n != 1 {
		t.Errorf("the batch in hand was handled %d times; want 1", n)
	}
}

// A batch that has not begun goes back to the queue.
func TestAStoppedConsumerLeavesWhatItGathers(t *testing.T) {
	t.Parallel()
	client := connect(t, backendtest.RabbitURL(t), topology())
	publishNumbered(t, client, 0, 1)
	stop := consume(t, client, rabbit.Consumer{Workers: gathered, Gather: time.Hour, Handle: func(context.Context, event.Envelope) error {
		t.Error("a batch began that was not complete")
		return nil
	}})
	eventually(t, "gathering", func() bool { return isEmpty(client) })
	within(t, "stopping", stop)
	seen := newTally()
	consume(t, client, rabbit.Consumer{Handle: func(_ context.Context, e event.Envelope) error { seen.add(e.ID); return nil }})
	eventually(t, "handled by the next", func() bool { return seen.of("evt-0") == 1 })
}

func TestNoGatheredMessageIsLostWhenConnectionsAreCut(t *testing.T) {
	t.Parallel()
	direct := backendtest.RabbitURL(t)
	proxy, url := proxied(t, direct)
	client, cut := connect(t, direct, topology()), connect(t, url, topology())
	seen := newTally()
	consume(t, cut, rabbit.Consumer{Workers: gathered, Gather: time.Millisecond, Handle: func(_ context.Context, e event.Envelope) error {
		seen.add(e.ID)
		return nil
	}})
	const rounds, size = 6, 50
	for r := range rounds {
		publishNumbered(t, client, r*size, size)
		eventually(t, "some handled", func() bool { return seen.distinct() > r*size })
		proxy.Cut()
		eventually(t, "all handled", func() bool { return seen.distinct() == (r+1)*size })
	}
	eventually(t, "nothing left", func() bool { return isEmpty(client) })
}
