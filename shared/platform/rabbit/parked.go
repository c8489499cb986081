package rabbit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// The headers we put on messages that failed.
const (
	headerAttempt  = "x-attempt"    // how often it was handled
	headerQueue    = "x-work-queue" // where it failed
	headerError    = "x-error"      // why, the last time
	headerFailedAt = "x-failed-at"  // when, RFC 3339
	maxErrorLength = 2000           // bytes kept of the reason
)

func attemptOf(headers amqp.Table) int {
	switch n := headers[headerAttempt].(type) {
	case int32:
		return int(n)
	case int64:
		return int(n)
	case int:
		return n
	}
	return 0
}

// moveOn publishes a copy of d to exchange, with its work queue as routing key,
// and returns once a queue has it.
func (c *Client) moveOn(ctx context.Context, d amqp.Delivery, exchange, queue string, attempt int, cause error) error {
	headers := withoutDeaths(d.Headers)
	headers[headerAttempt] = int64(attempt)
	headers[headerQueue] = queue
	headers[headerFailedAt] = time.Now().UTC().Format(time.RFC3339)
	if cause != nil {
		headers[headerError] = strings.ToValidUTF8(cause.Error()[:min(len(cause.Error()), maxErrorLength)], "")
	}
	return c.Publish(ctx, []Message{{Exchange: exchange, Key: queue, ID: d.MessageId, Type: d.Type, Headers: headers, Body: d.Body}})[0]
}

// withoutDeaths drops the broker's notes about earlier dead-lettering: it would
// take a second climb for a cycle and drop the message.
func withoutDeaths(headers amqp.Table) map[string]any {
	kept := maps.Clone(map[string]any(headers))
	if kept == nil {
		kept = map[string]any{}
	}
	maps.DeleteFunc(kept, func(name string, _ any) bool {
		return name == "x-death" || name == "x-delivery-count" || strings.HasPrefix(name, "x-first-death-") || strings.HasPrefix(name, "x-last-death-")
	})
	return kept
}

// Parked is a message that nobody could handle.
type Parked struct {
	ID       string // the event's
	Type     string
	Queue    string // the work queue it belongs to
	Attempts int
	Error    string
	FailedAt time.Time // zero when the broker parked it after too many deliveries
	Body     []byte
}

// ListParked returns at most limit parked messages. They stay parked.
func (c *Client) ListParked(ctx context.Context, limit int) (parked []Parked, err error) {
	err = c.inspect(ctx, func(ch *amqp.Channel) error {
		deliveries, err := c.takeParked(ctx, ch, limit)
		parked = make([]Parked, len(deliveries))
		for i, d := range deliveries {
			parked[i] = parkedOf(d)
		}
		return err
	})
	return parked, err
}

// Replay gives those parked messages back to their work queues, as if they were new,
// that choose picks, each at most once, and returns those. A message leaves the
// parked ones only when its work queue has it for good: broken off in between, it is
// in both. One that no queue takes stays parked, and the others go on.
func (c *Client) Replay(ctx context.Context, choose func(Parked) bool) (replayed []Parked, err error) {
	err = c.inspect(ctx, func(ch *amqp.Channel) error {
		replayed, err = c.replayChosen(ctx, ch, choose)
		return err
	})
	return replayed, err
}

func (c *Client) replayChosen(ctx context.Context, ch *amqp.Channel, choose func(Parked) bool) ([]Parked, error) {
	var refused []error
	var replayed []Parked
	done := map[string]bool{}
	for {
		deliveries, err := c.takeParked(ctx, ch, 1)
		if err != nil || len(deliveries) == 0 {
			return replayed, errors.Join(append(refused, err)...)
		}
		p := parkedOf(deliveries[0])
		if done[p.key()] || !choose(p) { // it may have failed again meanwhile
			continue
		}
		switch err := c.replay(ctx, deliveries[0]); {
		case errors.Is(err, ErrUnroutable), errors.Is(err, ErrRejected):
			refused = append(refused, fmt.Errorf("replay %s to %q: %w", p.ID, p.Queue, err))
		case err != nil:
			return replayed, errors.Join(append(refused, fmt.Errorf("replay %s: %w", p.ID, err))...)
		default:
			replayed, done[p.key()] = append(replayed, p), true
		}
	}
}

// key tells messages apart, those of strangers by what they say.
func (p Parked) key() string {
	if p.ID == "" {
		return p.Queue + "\n" + string(p.Body)
	}
	return p.Queue + " " + p.ID
}

func (c *Client) replay(ctx context.Context, d amqp.Delivery) error {
	headers := withoutDeaths(d.Headers)
	for _, name := range []string{headerAttempt, headerQueue, headerError, headerFailedAt} {
		delete(headers, name)
	}
	m := Message{Key: parkedOf(d).Queue, ID: d.MessageId, Type: d.Type, Headers: headers, Body: d.Body}
	if err := c.Publish(ctx, []Message{m})[0]; err != nil {
		return err
	}
	return d.Ack(false)
}

// inspect calls f with a channel of its own, which gives back what f has not acked. It
// ends with ctx, also when the broker does not answer.
func (c *Client) inspect(ctx context.Context, f func(ch *amqp.Channel) error) error {
	conn, err := c.consuming.get()
	if err != nil {
		return err
	}
	return breakWhenDone(ctx, conn, func() error {
		ch, err := conn.Channel()
		if err != nil {
			return ErrDown.Because(err)
		}
		defer func() { _ = ch.Close() }()
		return f(ch)
	})
}

func (c *Client) takeParked(ctx context.Context, ch *amqp.Channel, limit int) ([]amqp.Delivery, error) {
	var taken []amqp.Delivery
	for len(taken) < limit {
		if err := ctx.Err(); err != nil {
			return taken, err
		}
		d, found, err := ch.Get(NameParked, false)
		if err != nil {
			return taken, ErrDown.Because(err)
		}
		if !found {
			return taken, nil
		}
		taken = append(taken, d)
	}
	return taken, nil
}

func parkedOf(d amqp.Delivery) Parked {
	p := Parked{ID: d.MessageId, Type: d.Type, Attempts: attemptOf(d.Headers), Body: d.Body}
	if queue, ours := d.Headers[headerQueue].(string); ours {
		p.Queue = queue
	}
	p.Error, _ = d.Headers[headerError].(string)
	if at, ok := d.Headers[headerFailedAt].(string); ok {
		p.FailedAt, _ = time.Parse(time.RFC3339, at)
	}
	if queue := overdelivered(d.Headers); queue != "" {
		p.Queue, p.Error = queue, fmt.Sprintf("delivered more than %d times without an answer", deliveryLimit)
	}
	return p
}

// overdelivered returns the work queue whose delivery limit parked the message.
func overdelivered(headers amqp.Table) string {
	deaths, _ := headers["x-death"].([]any)
	for _, death := range deaths {
		if note, ok := death.(amqp.Table); ok && note["reason"] == "delivery_limit" {
			queue, _ := note["queue"].(string)
			return queue
		}
	}
	return ""
}
