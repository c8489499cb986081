package redisx

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Bell wakes those who wait for news about something, on all machines. One Redis
// channel carries the ids of what has news; each process hears all of them and
// wakes its own listeners. Pub/sub may lose messages only while the subscription is
// broken, so everybody is woken when it is made anew.
type Bell struct {
	client  redis.UniversalClient
	channel string

	mu        sync.Mutex
	listeners map[string]map[chan struct{}]struct{} // by id
}

// NewBell returns a bell on a channel. A process that only rings need not call Run.
func NewBell(client redis.UniversalClient, channel string) *Bell {
	return &Bell{client: client, channel: channel, listeners: map[string]map[chan struct{}]struct{}{}}
}

// Ring wakes everybody who listens for id.
func (b *Bell) Ring(ctx context.Context, id string) error {
	if err := b.client.Publish(ctx, b.channel, id).Err(); err != nil {
		return fmt.Errorf("redis: ring %s: %w", b.channel, err)
	}
	return nil
}

// Run hears the rings until ctx ends. It comes back by itself when Redis does.
func (b *Bell) Run(ctx context.Context) error {
	subscription := b.client.Subscribe(ctx, b.channel)
	defer func() { _ = subscription.Close() }()
	events := subscription.ChannelWithSubscriptions(redis.WithChannelHealthCheckInterval(time.Second))
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-events:
			switch e := e.(type) {
			case *redis.Message:
				b.wake(e.Payload)
			case *redis.Subscription:
				b.wakeAll()
			}
		}
	}
}

// Listen returns a channel that receives after each ring for id, and whenever one
// may have been missed; rings that are not yet taken fold into one. stop ends it and
// closes the channel; it may be called once.
func (b *Bell) Listen(id string) (rings <-chan struct{}, stop func()) {
	listener := make(chan struct{}, 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.listeners[id] == nil {
		b.listeners[id] = map[chan struct{}]struct{}{}
	}
	b.listeners[id][listener] = struct{}{}
	return listener, func() { b.leave(id, listener) }
}

func (b *Bell) leave(id string, listener chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.listeners[id], listener)
	if len(b.listeners[id]) == 0 {
		delete(b.listeners, id)
	}
	close(listener)
}

func (b *Bell) wake(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	ring(b.listeners[id])
}

func (b *Bell) wakeAll() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, listeners := range b.listeners {
		ring(listeners)
	}
}

func ring(listeners map[chan struct{}]struct{}) {
	for rings := range listeners {
		select {
		case rings <- struct{}{}:
		default: // one is waiting already
		}
	}
}
