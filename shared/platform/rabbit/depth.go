package rabbit

import (
	"context"
)

// Depth is what waits in one queue.
type Depth struct {
	Queue     string
	Messages  int // ready to be delivered, or waiting for their time on the ladder
	Consumers int
}

// Depths returns what waits in every queue of the topology: work queues, the rungs of
// the ladder, and what is parked. ErrDown while there is no broker.
func (c *Client) Depths(ctx context.Context) ([]Depth, error) {
	conn, err := c.consuming.get()
	if err != nil {
		return nil, err
	}
	var depths []Depth
	err = breakWhenDone(ctx, conn, func() error {
		ch, err := conn.Channel()
		if err != nil {
			return err
		}
		defer func() { _ = ch.Close() }()
		for _, name := range c.topology.names() {
			queue, err := ch.QueueDeclarePassive(name, true, false, false, false, nil)
			if err != nil {
				return err
			}
			depths = append(depths, Depth{queue.Name, queue.Messages, queue.Consumers})
		}
		return nil
	})
	if err != nil {
		return nil, ErrDown.Because(err)
	}
	return depths, nil
}

// names returns the names of all queues.
func (t Topology) names() []string {
	names := []string{NameParked}
	for _, rung := range t.Ladder {
		names = append(names, delayPrefix+rung.Name)
	}
	for _, queue := range t.Queues {
		names = append(names, queue.Name)
	}
	return names
}
