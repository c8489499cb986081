package cataloguepg

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/guard"
)

// cache remembers what load returned for ttl (0: for ever). Failures are not
// remembered; callers that ask for the same key at once share one load.
//
// While a value that has been read before cannot be read anew, because Postgres fails
// or is slow, it is served as it was for up to stale after its ttl, and counted. What
// is no longer there is served to nobody.
type cache[V any] struct {
	ttl   time.Duration
	stale time.Duration // 0: never served after its ttl
	most  int           // entries; then it starts afresh
	load  func(ctx context.Context, key string) (V, error)
	aged  func() // hears of every value that is served after its ttl
	now   func() time.Time

	mu      sync.RWMutex
	entries map[string]entry[V]
	flight  singleflight.Group
}

type entry[V any] struct {
	value V
	until time.Time // fresh
	retry time.Time // served as it is until then: reading it anew has just failed
}

const (
	loadTimeout = 6 * time.Second        // of one load; statements have their own, shorter one
	patience    = 250 * time.Millisecond // with a load, where there is something older to serve
	retryAfter  = time.Second            // of a load that failed or was slow
)

const (
	maxEntries = 10_000
	maxPages   = 1000 // some 15 MB
)

func newCache[V any](ttl time.Duration, load func(ctx context.Context, key string) (V, error)) *cache[V] {
	return &cache[V]{ttl: ttl, most: maxEntries, load: load, aged: func() {}, now: time.Now, entries: map[string]entry[V]{}}
}

func (c *cache[V]) get(ctx context.Context, key string) (V, error) {
	c.mu.RLock()
	e, ok := c.entries[key]
	c.mu.RUnlock()
	now := c.now()
	if ok && (c.ttl == 0 || now.Before(e.until)) {
		return e.value, nil
	}
	var tooLong <-chan time.Time
	usable := ok && now.Before(e.until.Add(c.stale))
	if usable {
		if now.Before(e.retry) {
			c.aged()
			return e.value, nil
		}
		timer := time.NewTimer(patience)
		defer timer.Stop()
		tooLong = timer.C
	}
	var failure error
	select {
	case loaded := <-c.begin(ctx, key):
		if loaded.Err == nil {
			return loaded.Val.(V), nil
		}
		failure = loaded.Err
	case <-tooLong:
	case <-ctx.Done():
		failure = ctx.Err()
	}
	if errs.KindOf(failure) == errs.NotFound {
		c.forget(key) // only this answer says that it is gone; every other one says nothing
		usable = false
	}
	if !usable {
		var none V
		return none, failure
	}
	c.retryLater(key, now)
	c.aged()
	return e.value, nil
}

// begin loads a key, or joins who does. The load belongs to all who wait for it: one
// caller's cancellation must not fail the others, and a load that nobody waits for any
// more still fills the cache. It ends, whatever becomes of the server.
func (c *cache[V]) begin(ctx context.Context, key string) <-chan singleflight.Result {
	return c.flight.DoChan(key, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
		defer cancel()
		var loaded V
		err := guard.Call("catalogue", func() (err error) { // singleflight would end the process
			loaded, err = c.load(ctx, key)
			return err
		})
		if err == nil {
			c.put(key, loaded)
		}
		return loaded, err
	})
}

func (c *cache[V]) retryLater(key string, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.entries[key]; ok {
		e.retry = now.Add(retryAfter)
		c.entries[key] = e
	}
}

func (c *cache[V]) put(key string, value V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.entries) >= c.most {
		clear(c.entries)
	}
	c.entries[key] = entry[V]{value: value, until: c.now().Add(c.ttl)}
}

func (c *cache[V]) forget(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.entries, key)
}
