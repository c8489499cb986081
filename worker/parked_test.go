package worker_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/fairgate/fairgate/shared/platform/backendtest"
	"github.com/fairgate/fairgate/shared/platform/config"
	"github.com/fairgate/fairgate/shared/platform/rabbit"
	"github.com/fairgate/fairgate/worker"
)

// parkingLot is a broker with parked messages, and the parked command on it.
type parkingLot struct {
	t   *testing.T
	cfg worker.ParkedConfig
	ch  *amqp.Channel
}

func newParkingLot(t *testing.T) *parkingLot {
	t.Helper()
	url := backendtest.RabbitURL(t)
	conn, err := amqp.Dial(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	lot := &parkingLot{t: t, cfg: worker.ParkedConfig{Env: config.Test, RabbitURL: config.Secret(url)}, ch: ch}
	lot.declare(url)
	return lot
}

// declare makes the queues as a worker does.
func (p *parkingLot) declare(url string) {
	p.t.Helper()
	topology := rabbit.Topology{Queues: []rabbit.Queue{{Name: "test.mail"}, {Name: "test.push"}}}
	client := rabbit.New(url, topology, slog.New(slog.DiscardHandler), nil)
	ctx, stop := context.WithCancel(p.t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = client.Run(ctx) })
	defer running.Wait()
	defer stop()
	wait, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := client.Await(wait); err != nil {
		p.t.Fatal(err)
	}
}

func (p *parkingLot) park(queue, id, why string, ago time.Duration) {
	p.t.Helper()
	err := p.ch.PublishWithContext(p.t.Context(), rabbit.NameParked, queue, true, false, amqp.Publishing{
		MessageId: id, Type: "booking.confirmed", Body: []byte(`{}`), DeliveryMode: amqp.Persistent,
		Headers: amqp.Table{
			"x-work-queue": queue, "x-error": why, "x-attempt": int64(5), "x-failed-at": time.Now().Add(-ago).UTC().Format(time.RFC3339),
		},
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// run runs the command once so many messages are parked: what one run looked at
// comes back a moment after it has ended.
func (p *parkingLot) run(parked int, args ...string) string {
	p.t.Helper()
	eventually(p.t, fmt.Sprintf("%d messages are parked", parked), func() bool {
		queue, err := p.ch.QueueDeclarePassive(rabbit.NameParked, true, false, false, false, nil)
		return err == nil && queue.Messages == parked
	})
	var out bytes.Buffer
	if err := worker.Parked(p.t.Context(), p.cfg, &out, args); err != nil {
		p.t.Fatalf("parked %v: %v\n%s", args, err, out.String())
	}
	return out.String()
}

// waiting takes all messages of a queue and returns their ids.
func (p *parkingLot) waiting(queue string) string {
	p.t.Helper()
	var ids []string
	for {
		d, found, err := p.ch.Get(queue, true)
		if err != nil {
			p.t.Fatal(err)
		}
		if !found {
			return strings.Join(ids, " ")
		}
		ids = append(ids, d.MessageId)
	}
}

func TestParkedMessagesAreListedAndGivenBack(t *testing.T) {
	t.Parallel()
	p := newParkingLot(t)
	p.park("test.mail", "evt-young", "550 no such mailbox\nand more", 90*time.Second)
	p.park("test.push", "evt-push", "the hub is away", time.Hour)
	p.park("test.mail", "evt-old", strings.Repeat("가", 200), 26*time.Hour)

	list := p.run(3, "list")
	for _, want := range []string{
		"3 messages parked.\n", "\ntest.mail: 2 messages\n", "\ntest.push: 1 message\n", "evt-young  booking.confirmed  5         1m3", "550 no such mailbox\n",
		"evt-push  booking.confirmed  5         1h0m", "the hub is away\n", "26h0m", strings.Repeat("가", 119) + "…\n",
	} {
		if !strings.Contains(list, want) {
			t.Errorf("no %q in\n%s", want, list)
		}
	}
	if old, young := strings.Index(list, "evt-old"), strings.Index(list, "evt-young"); old > young {
		t.Errorf("the oldest is not the first:\n%s", list)
	}

	if out := p.run(3, "replay", "test.push"); out != "1 message given back to test.push\n2 messages of other queues stay parked\n" {
		t.Errorf("replay test.push: %q", out)
	}
	if push, mail := p.waiting("test.push"), p.waiting("test.mail"); push != "evt-push" || mail != "" {
		t.Errorf("push has %q, mail %q", push, mail)
	}
	if out := p.run(2, "replay", "all"); out != "2 messages given back to test.mail\n" {
		t.Errorf("replay all: %q", out)
	}
	if mail := p.waiting("test.mail"); mail != "evt-young evt-old" {
		t.Errorf("mail has %q", mail)
	}
	if out := p.run(0, "replay", "all") + p.run(0, "list"); out != "nothing to give back\n0 messages parked.\n" {
		t.Errorf("in the end: %q", out)
	}
}

func TestParkedSaysHowItIsUsed(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"replay"}, {"list", "all"}, {"drop", "all"}} {
		err := worker.Parked(t.Context(), worker.ParkedConfig{}, &bytes.Buffer{}, args)
		if err == nil || !strings.HasPrefix(err.Error(), "usage: ") {
			t.Errorf("parked %v: %v", args, err)
		}
	}
}
