package rabbit

import (
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Rung is one delay of the retry ladder.
type Rung struct {
	Name  string // "10s": the queue and exchange are fairgate.delay.10s
	Delay time.Duration
}

// StandardLadder returns the delays of production: 1 s, 10 s, 1 min, 10 min.
func StandardLadder() []Rung {
	return []Rung{{"1s", time.Second}, {"10s", 10 * time.Second}, {"1m", time.Minute}, {"10m", 10 * time.Minute}}
}

// Queue is a work queue and the event types it receives.
type Queue struct {
	Name   string
	Events []string
	Former []string // received in earlier versions: a broker that knows them so is told otherwise
}

// Topology is everything that must exist in the broker.
type Topology struct {
	Ladder []Rung // what failed messages climb, shortest delay first; StandardLadder when empty
	Queues []Queue
}

// The names in the broker that do not depend on the queues.
const (
	ExchangeEvents = "fairgate.events"
	NameParked     = "fairgate.parked" // the fanout exchange and its queue
	delayPrefix    = "fairgate.delay."
)

// deliveryLimit is how often a message may come back from dead consumers before
// it is parked. On RabbitMQ 3.10 a limit of -1 loses messages.
const deliveryLimit = 20

func (t Topology) declare(ch *amqp.Channel) error {
	if err := ch.ExchangeDeclare(ExchangeEvents, amqp.ExchangeTopic, true, false, false, false, nil); err != nil {
		return fmt.Errorf("exchange %s: %w", ExchangeEvents, err)
	}
	if err := declareFanout(ch, NameParked, amqp.Table{amqp.QueueTypeArg: amqp.QueueTypeQuorum}); err != nil {
		return err
	}
	for _, rung := range t.Ladder {
		if err := declareFanout(ch, delayPrefix+rung.Name, rung.arguments()); err != nil {
			return err
		}
	}
	for _, queue := range t.Queues {
		if err := queue.declare(ch); err != nil {
			return err
		}
	}
	return nil
}

// arguments of a delay queue: what expires goes to the default exchange, that is
// to the queue named by its routing key, and is kept here until that queue has it.
func (r Rung) arguments() amqp.Table {
	return amqp.Table{
		amqp.QueueTypeArg:        amqp.QueueTypeQuorum,
		amqp.QueueMessageTTLArg:  r.Delay.Milliseconds(),
		"x-dead-letter-exchange": "",
		"x-dead-letter-strategy": "at-least-once",
		amqp.QueueOverflowArg:    amqp.QueueOverflowRejectPublish,
	}
}

func declareFanout(ch *amqp.Channel, name string, arguments amqp.Table) error {
	if err := ch.ExchangeDeclare(name, amqp.ExchangeFanout, true, false, false, false, nil); err != nil {
		return fmt.Errorf("exchange %s: %w", name, err)
	}
	if _, err := ch.QueueDeclare(name, true, false, false, false, arguments); err != nil {
		return fmt.Errorf("queue %s: %w", name, err)
	}
	if err := ch.QueueBind(name, "", name, false, nil); err != nil {
		return fmt.Errorf("bind %s: %w", name, err)
	}
	return nil
}

func (q Queue) declare(ch *amqp.Channel) error {
	arguments := amqp.Table{
		amqp.QueueTypeArg:        amqp.QueueTypeQuorum,
		"x-delivery-limit":       int64(deliveryLimit),
		"x-dead-letter-exchange": NameParked,
		"x-dead-letter-strategy": "at-least-once",
		amqp.QueueOverflowArg:    amqp.QueueOverflowRejectPublish,
	}
	if _, err := ch.QueueDeclare(q.Name, true, false, false, false, arguments); err != nil {
		return fmt.Errorf("queue %s: %w", q.Name, err)
	}
	for _, key := range q.Events {
		if err := ch.QueueBind(q.Name, key, ExchangeEvents, false, nil); err != nil {
			return fmt.Errorf("bind %s to %s: %w", q.Name, key, err)
		}
	}
	for _, key := range q.Former {
		if err := ch.QueueUnbind(q.Name, key, ExchangeEvents, nil); err != nil {
			return fmt.Errorf("unbind %s from %s: %w", q.Name, key, err)
		}
	}
	return nil
}
