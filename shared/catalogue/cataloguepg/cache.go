package cataloguepg

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// cache remembers what load returned for ttl (0: for ever). Failures are not
// remembered; callers that ask for the same key at once share one load.
type cache[V any] struct {
	ttl  time.Duration
	most int // entries; then it starts afresh
	load func(ctx context.Context, key string) (V, error)

	mu      sync.RWMutex
	entries map[string]entry[V]
	flight  singleflight.Group
}

type entry[V any] struct {
	value V
	until time.Time
}

const (
	maxEntries = 10_000
	maxPages   = 1000 // some 15 MB
)

func newCache[V any](ttl time.Duration, load func(ctx context.Context, key string) (V, error)) *cache[V] {
	return &cache[V]{ttl: ttl, most: maxEntries, load: load, entries: map[string]entry[V]{}}
}

func (c *cache[V]) get(ctx context.Context, key string) (V, error) {
	c.mu.RLock()
	e, ok := c.entries[key]
	c.mu.RUnlock()
	if ok && (c.ttl == 0 || time.Now().Before(e.until)) {
		return e.value, nil
	}
	// The load belongs to all who wait for it: one caller's cancellation must not fail the others.
	v, err, _ := c.flight.Do(key, func() (any, error) {
		value, err := c.load(context.WithoutCancel(ctx), key)
		if err == nil {
			c.put(key, value)
		}
		return value, err
	})
	return v.(V), err
}

func (c *cache[V]) put(key string, value V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.entries) >= c.most {
		clear(c.entries)
	}
	c.entries[key] = entry[V]{value, time.Now().Add(c.ttl)}
}

func (c *cache[V]) forget(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.entries, key)
}
