package rabbit

import (
	"context"
	"fmt"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/guard"
)

// The ways in which a publish can fail while the broker is up. Like ErrDown they
// leave the message with the caller.
var (
	ErrUnroutable = errs.New(errs.Unavailable, "message_unroutable", "No queue takes this message.")
	ErrRejected   = errs.New(errs.Unavailable, "message_rejected", "The broker refused this message.")
	ErrLost       = errs.New(errs.Unavailable, "message_unconfirmed", "The broker did not confirm this message; it may be published or not.")
)

const (
	// MaxBatch is the most messages one Publish may take.
	MaxBatch     = 1000
	idleChannels = 8
	confirmWait  = 5 * time.Second
)

// Message is one message to publish.
type Message struct {
	Exchange string
	Key      string
	ID       string // the same for every copy of one event
	Type     string
	Headers  map[string]any
	Body     []byte // JSON
}

// publishChannel is a channel in confirm mode, used by one Publish at a time.
type publishChannel struct {
	*amqp.Channel
	returns chan amqp.Return
}

// Publish sends messages in one go and waits for the broker's answer to each. The
// i-th error belongs to the i-th message: nil once a queue has it for good, else
// ErrDown, ErrUnroutable, ErrRejected or ErrLost.
func (c *Client) Publish(ctx context.Context, messages []Message) []error {
	ctx, cancel := context.WithTimeout(ctx, confirmWait)
	defer cancel()
	ch, err := c.takeChannel(ctx)
	if err != nil {
		return c.count(messages, all(len(messages), err))
	}
	outcome, healthy := ch.publish(ctx, messages)
	if healthy {
		c.putChannel(ch)
	} else {
		discard(ch)
	}
	return c.count(messages, outcome)
}

func (c *Client) takeChannel(ctx context.Context) (*publishChannel, error) {
	for {
		select {
		case ch := <-c.channels:
			if !ch.IsClosed() {
				return ch, nil
			}
		default:
			return c.openChannel(ctx)
		}
	}
}

func (c *Client) putChannel(ch *publishChannel) {
	select {
	case c.channels <- ch:
	default:
		discard(ch)
	}
}

// discard closes a channel, and does not wait for a broker that may hang.
func discard(ch *publishChannel) { guard.Go("rabbit_publish", func() { _ = ch.Close() }) }

// openChannel opens a channel; ErrDown also when ctx ends before the broker answers.
func (c *Client) openChannel(ctx context.Context) (*publishChannel, error) {
	conn, err := c.publishing.get()
	if err != nil {
		return nil, err
	}
	type result struct {
		ch  *publishChannel
		err error
	}
	opened := make(chan result, 1)
	guard.Go("rabbit_publish", func() {
		r := result{err: ErrDown}
		defer func() { opened <- r }()
		r.ch, r.err = confirmChannel(conn)
	})
	select {
	case r := <-opened:
		return r.ch, r.err
	case <-ctx.Done():
		guard.Go("rabbit_publish", func() {
			if r := <-opened; r.err == nil {
				c.putChannel(r.ch)
			}
		})
		return nil, ErrDown.Because(ctx.Err())
	}
}

func confirmChannel(conn *amqp.Connection) (*publishChannel, error) {
	ch, err := conn.Channel()
	if err != nil {
		return nil, ErrDown.Because(err)
	}
	if err := ch.Confirm(false); err != nil {
		_ = ch.Close()
		return nil, ErrDown.Because(err)
	}
	return &publishChannel{Channel: ch, returns: ch.NotifyReturn(make(chan amqp.Return, MaxBatch))}, nil
}

// publish reports the channel as unhealthy after any doubt about its state.
func (ch *publishChannel) publish(ctx context.Context, messages []Message) (outcome []error, healthy bool) {
	if len(messages) > MaxBatch {
		return all(len(messages), fmt.Errorf("rabbit: a batch of %d is more than %d", len(messages), MaxBatch)), true
	}
	outcome = make([]error, len(messages))
	confirms := make([]*amqp.DeferredConfirmation, len(messages))
	healthy = true
	for i, m := range messages {
		const mandatory, immediate = true, false
		confirm, err := ch.PublishWithDeferredConfirmWithContext(ctx, m.Exchange, m.Key, mandatory, immediate, m.publishing(i))
		if err != nil {
			outcome[i], healthy = ErrLost.Because(err), false
			continue
		}
		confirms[i] = confirm
	}
	for i, confirm := range confirms {
		if confirm == nil {
			continue
		}
		acked, err := confirm.WaitContext(ctx)
		switch {
		case err != nil || !acked && ch.IsClosed():
			outcome[i], healthy = ErrLost.Because(err), false
		case !acked:
			outcome[i] = ErrRejected
		}
	}
	ch.markReturned(outcome)
	return outcome, healthy
}

// publishing carries the place in the batch, by which a returned message is known.
func (m Message) publishing(i int) amqp.Publishing {
	return amqp.Publishing{
		Headers:       m.Headers,
		ContentType:   "application/json",
		DeliveryMode:  amqp.Persistent,
		MessageId:     m.ID,
		Type:          m.Type,
		CorrelationId: strconv.Itoa(i),
		Body:          m.Body,
	}
}

// markReturned turns confirmed messages that no queue took into ErrUnroutable.
// The broker returns a message before it confirms it, and the client's reader
// hands both on in that order, so all returns of a confirmed batch are here.
func (ch *publishChannel) markReturned(outcome []error) {
	for {
		select {
		case returned, open := <-ch.returns:
			if !open {
				return
			}
			if i, err := strconv.Atoi(returned.CorrelationId); err == nil && i < len(outcome) {
				outcome[i] = ErrUnroutable.WithMessage("No queue takes %q from %q.", returned.RoutingKey, returned.Exchange)
			}
		default:
			return
		}
	}
}

func all(n int, err error) []error {
	outcome := make([]error, n)
	for i := range outcome {
		outcome[i] = err
	}
	return outcome
}

func (c *Client) count(messages []Message, outcome []error) []error {
	for i, m := range messages {
		word := "confirmed"
		switch err := outcome[i]; {
		case err == nil:
		case errs.From(err).Is(ErrUnroutable):
			word = "unroutable"
		case errs.From(err).Is(ErrRejected):
			word = "rejected"
		default:
			word = "lost"
		}
		c.metrics.published.WithLabelValues(m.Exchange, word).Inc()
	}
	return outcome
}
