// Package consume is the worker's door for events: a table of which events reach
// which handler through which queue, and one file of handlers per noun.
package consume

import (
	"context"
	"encoding/json"
	"time"

	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/event"
	"github.com/fairgate/fairgate/shared/guard"
	"github.com/fairgate/fairgate/shared/platform/rabbit"
)

// Consumer is one work queue: the events that reach it and what is done with them.
type Consumer struct {
	Queue    string
	Events   []string
	Former   []string // events that reached it in earlier versions
	Handle   rabbit.Handler
	Workers  int           // messages in hand at once
	Gather   time.Duration // how long the first of them waits for others
	Attempts int           // before parking; 0: once for each rung of the ladder and once more
}

// Handlers is what the consumers act on.
type Handlers struct {
	Payments Payments
	Tickets  Tickets
	Line     Line
	Mail     Mail
	Slack    Slack
	Push     Push
	Erasure  Erasure
}

// sixHours of the ladder's last rung: as long as a mail server may be down.
const sixHours = 40

// gather is for what nobody waits for: such messages are taken together, so that a busy
// worker pays for a batch what one message alone costs.
const gather = 50 * time.Millisecond

// Table lists all consumers. A queue must never be renamed while the retry ladder
// holds messages for it.
func Table(h Handlers) []Consumer {
	told := []string{event.TypeBookingConfirmed, event.TypeBookingCancelled, event.TypeBookingExpired, event.TypePaymentRefunded}
	return []Consumer{
		{Queue: "fairgate.payment", Events: []string{event.TypePaymentConfirmRequested}, Handle: h.Payments.confirm(), Workers: 16},
		{Queue: "fairgate.ticket", Events: []string{event.TypeTicketsRequested}, Former: []string{event.TypeBookingConfirmed}, Handle: h.Tickets.issue(), Workers: 2},
		{Queue: "fairgate.line", Events: []string{event.TypeBookingCreated, event.TypeBookingConfirmed}, Handle: h.Line.follow(), Workers: 64, Gather: gather},
		{Queue: "fairgate.mail", Events: told, Handle: h.Mail.send(), Workers: 8, Gather: gather, Attempts: sixHours},
		{Queue: "fairgate.slack", Events: told, Handle: h.Slack.post(), Workers: 1},
		{Queue: "fairgate.push", Events: told, Handle: h.Push.tell(), Workers: 64, Gather: gather},
		{Queue: "fairgate.erasure", Events: []string{event.TypeAccountDeleted}, Handle: h.Erasure.forget(), Workers: 1, Attempts: sixHours},
	}
}

// Topology is what the table needs in the broker.
func Topology(table []Consumer) rabbit.Topology {
	var t rabbit.Topology
	for _, c := range table {
		t.Queues = append(t.Queues, rabbit.Queue{Name: c.Queue, Events: c.Events, Former: c.Former})
	}
	return t
}

const handleTimeout = 30 * time.Second

// Run consumes everything until ctx ends, and lets what is in hand go on for finish.
func Run(ctx context.Context, client *rabbit.Client, table []Consumer, finish time.Duration) error {
	var consumers guard.Group
	for _, c := range table {
		consumers.Keep(ctx, "rabbit_consume", func(ctx context.Context) error {
			return client.Consume(ctx, rabbit.Consumer{
				Queue: c.Queue, Handle: c.Handle, Workers: c.Workers, Gather: c.Gather, Timeout: handleTimeout, Attempts: c.Attempts, Finish: finish,
			})
		})
	}
	consumers.Wait()
	return nil
}

// on decodes an event's data for f. Data that is not a T is parked.
func on[T any](f func(ctx context.Context, e event.Envelope, data T) error) rabbit.Handler {
	return func(ctx context.Context, e event.Envelope) error {
		var data T
		if err := json.Unmarshal(e.Data, &data); err != nil {
			return errs.ErrMalformedJSON.Because(err)
		}
		return f(ctx, e, data)
	}
}
