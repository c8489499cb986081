package rabbit

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/event"
	"github.com/fairgate/fairgate/shared/guard"
	"github.com/fairgate/fairgate/shared/ident"
	"github.com/fairgate/fairgate/shared/platform/logging"
	"github.com/fairgate/fairgate/shared/platform/run"
)

// Handler has one effect of one event. It may see an event again and must then
// do nothing more. Its error's kind decides between ladder and parking.
type Handler func(ctx context.Context, e event.Envelope) error

// Consumer feeds the messages of one work queue to a handler.
type Consumer struct {
	Queue    string // one of the topology's
	Handle   Handler
	Workers  int           // messages in hand at once; 1 when 0
	Gather   time.Duration // the first message waits so long for others, to be handled and acked with them; 0: none waits
	Timeout  time.Duration // for one message; 30 s when 0
	Attempts int           // before it is parked; once for each rung and once more when 0
	Finish   time.Duration // for the messages in hand once ctx has ended; 5 s when 0
}

const (
	defaultTimeout = 30 * time.Second
	defaultFinish  = 5 * time.Second
)

// Consume runs k until ctx ends, through any number of lost connections. Before it
// returns it finishes the messages in hand, or cuts them off after k.Finish so that
// they are tried again later; those fetched but not begun go back to the queue.
func (c *Client) Consume(ctx context.Context, k Consumer) error {
	k.Workers = max(k.Workers, 1)
	if k.Timeout == 0 {
		k.Timeout = defaultTimeout
	}
	if k.Finish == 0 {
		k.Finish = defaultFinish
	}
	if k.Attempts == 0 {
		k.Attempts = len(c.topology.Ladder) + 1
	}
	var delay backoff
	for ctx.Err() == nil {
		worked, err := c.session(ctx, k)
		if ctx.Err() != nil {
			return nil
		}
		c.log.WarnContext(ctx, "consumer interrupted", "queue", k.Queue, "error", err)
		if worked {
			delay.reset()
		}
		delay.sleep(ctx)
	}
	return nil
}

// session consumes on one channel until it breaks or ctx ends. worked reports
// whether consuming began.
func (c *Client) session(ctx context.Context, k Consumer) (worked bool, err error) {
	conn, err := c.consuming.wait(ctx)
	if err != nil {
		return false, err
	}
	tag := ident.New(k.Queue)
	ch, deliveries, err := c.subscribe(ctx, conn, k, tag)
	if err != nil {
		return false, err
	}
	defer leave(conn, ch.Close)
	cancelled := make(chan struct{})
	stop := context.AfterFunc(ctx, guard.Func("rabbit_consume", func() {
		defer close(cancelled)
		leave(conn, func() error { return ch.Cancel(tag, false) })
	}))
	defer func() {
		if !stop() {
			<-cancelled // a channel answers one request at a time: close it after that
		}
	}()
	return true, c.work(ctx, k, ch, deliveries)
}

// subscribe opens a channel and begins to consume. It gives up when ctx ends and the
// broker does not answer.
func (c *Client) subscribe(ctx context.Context, conn *amqp.Connection, k Consumer, tag string) (ch *amqp.Channel, deliveries <-chan amqp.Delivery, err error) {
	ctx, cancel := run.Finish(ctx, answerTime) // others may yet have acks to send on this connection
	defer cancel()
	err = breakWhenDone(ctx, conn, func() error {
		if ch, err = conn.Channel(); err != nil {
			return err
		}
		if err = ch.Qos(2*k.Workers, 0, false); err == nil {
			deliveries, err = ch.Consume(k.Queue, tag, false, false, false, false, nil)
		}
		if err != nil { // somebody may have deleted the queue
			_ = ch.Close()
			return errors.Join(err, declare(conn, c.topology))
		}
		return nil
	})
	return ch, deliveries, err
}

// work handles deliveries until there are no more, or one cannot be settled; the
// broker takes back what is unsettled when the channel is closed.
func (c *Client) work(ctx context.Context, k Consumer, ch *amqp.Channel, deliveries <-chan amqp.Delivery) error {
	finishing, cancel := run.Finish(ctx, k.Finish)
	defer cancel()
	var err error
	if k.Gather > 0 {
		err = c.workTogether(ctx, finishing, k, deliveries)
	} else {
		err = c.workEach(ctx, finishing, k, ch, deliveries)
	}
	if err != nil {
		return err
	}
	return ErrDown.WithMessage("The broker ended the consumer.")
}

// workEach handles deliveries with k.Workers goroutines. The first that cannot settle
// a message closes the channel, so that all end.
func (c *Client) workEach(ctx, finishing context.Context, k Consumer, ch *amqp.Channel, deliveries <-chan amqp.Delivery) error {
	failed := make(chan error, k.Workers)
	var workers guard.Group
	for range k.Workers {
		workers.Go("rabbit_consume", func() {
			for d := range deliveries {
				if ctx.Err() != nil {
					return
				}
				err := guard.Call("rabbit_consume", func() error { return c.settle(finishing, k, d) })
				if err == nil {
					err = d.Ack(false)
				}
				if err != nil {
					failed <- err
					_ = ch.Close()
					return
				}
			}
		})
	}
	workers.Wait()
	close(failed)
	return <-failed
}

// workTogether handles deliveries batch by batch, those of one batch at the same time.
func (c *Client) workTogether(ctx, finishing context.Context, k Consumer, deliveries <-chan amqp.Delivery) error {
	for {
		batch := gather(ctx, k, deliveries)
		if len(batch) == 0 {
			return nil
		}
		if err := c.settleAll(finishing, k, batch); err != nil {
			return err
		}
	}
}

// gather returns what comes within k.Gather of the first delivery; nothing once ctx
// has ended or deliveries has.
func gather(ctx context.Context, k Consumer, deliveries <-chan amqp.Delivery) []amqp.Delivery {
	first, open := <-deliveries
	if !open || ctx.Err() != nil {
		return nil
	}
	batch := append(make([]amqp.Delivery, 0, k.Workers), first)
	enough := time.NewTimer(k.Gather)
	defer enough.Stop()
	for len(batch) < k.Workers {
		select {
		case d, open := <-deliveries:
			if !open {
				return nil
			}
			batch = append(batch, d)
		case <-enough.C:
			return batch
		case <-ctx.Done():
			return nil
		}
	}
	return batch
}

// settleAll settles each of a batch by itself and acks all that came so far with one
// frame; where one could not be settled, the others of its batch alone.
func (c *Client) settleAll(ctx context.Context, k Consumer, batch []amqp.Delivery) error {
	outcome := make([]error, len(batch))
	var all guard.Group
	for i, d := range batch {
		all.Go("rabbit_consume", func() {
			outcome[i] = guard.Call("rabbit_consume", func() error { return c.settle(ctx, k, d) })
		})
	}
	all.Wait()
	failed := errors.Join(outcome...)
	if failed == nil {
		return batch[len(batch)-1].Ack(true)
	}
	for i, d := range batch {
		if outcome[i] == nil {
			_ = d.Ack(false)
		}
	}
	return failed
}

// settle handles one message, and moves it on where it failed: then it may be acked.
// An error means that it is not settled and must be delivered again.
func (c *Client) settle(ctx context.Context, k Consumer, d amqp.Delivery) error {
	started := time.Now()
	attempt := attemptOf(d.Headers)
	ctx, span := c.origin(ctx, k, d)
	err := c.handle(ctx, k, d)
	span.End(&err)
	ctx = context.WithoutCancel(ctx) // also what was cut off is moved on
	c.metrics.duration.WithLabelValues(k.Queue).Observe(time.Since(started).Seconds())

	fate := verdictOf(err)
	if fate == retry && attempt+1 >= k.Attempts {
		fate = park
	}
	c.metrics.handled.WithLabelValues(k.Queue, string(fate)).Inc()
	switch fate {
	case retry:
		c.log.WarnContext(ctx, "message failed, trying again later", "queue", k.Queue, "type", d.Type, "id", d.MessageId, "attempt", attempt+1, "error", err)
		return c.climb(ctx, k, d, attempt, err)
	case park:
		c.log.ErrorContext(ctx, "message parked", "queue", k.Queue, "type", d.Type, "id", d.MessageId, "attempt", attempt+1, "error", err)
		return c.moveOn(ctx, d, NameParked, k.Queue, attempt+1, err)
	}
	c.log.InfoContext(ctx, "message handled", "queue", k.Queue, "type", d.Type, "id", d.MessageId, "duration_ms", time.Since(started).Milliseconds())
	return nil
}

// handle calls the handler. Its panic is an error like others: a bug that a deploy may
// cure goes up the ladder.
func (c *Client) handle(ctx context.Context, k Consumer, d amqp.Delivery) error {
	var e event.Envelope
	if err := json.Unmarshal(d.Body, &e); err != nil {
		return errs.ErrMalformedJSON.Because(err)
	}
	if e.ID == "" || e.Type == "" {
		return errs.ErrMalformedJSON.Because(errors.New("no event: id or type is missing"))
	}
	if logging.RequestID(ctx) == "" {
		ctx = logging.WithRequestID(ctx, e.RequestID)
	}
	ctx, cancel := context.WithTimeout(ctx, k.Timeout)
	defer cancel()
	return guard.Call("message_handler", func() error { return k.Handle(ctx, e) })
}

// climb publishes d to its rung: the next one, or for an error that names a time
// the first that waits long enough. The last rung repeats.
func (c *Client) climb(ctx context.Context, k Consumer, d amqp.Delivery, attempt int, cause error) error {
	ladder := c.topology.Ladder
	i := min(attempt, len(ladder)-1)
	for after := errs.From(cause).RetryAfter; i < len(ladder)-1 && ladder[i].Delay < after; {
		i++
	}
	return c.moveOn(ctx, d, delayPrefix+ladder[i].Name, k.Queue, attempt+1, cause)
}
