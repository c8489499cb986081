package httpd

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/clock"
	"github.com/fairgate/fairgate/shared/errs"
)

// Limiter allows each key a number of calls per window, in this process, refilled
// evenly (GCRA). Safe for concurrent use.
type Limiter struct {
	name   string
	quota  int
	window time.Duration
	clock  clock.Clock

	mu      sync.Mutex
	emptyAt map[string]time.Time // when the key has its whole quota again
	swept   time.Time
}

// NewLimiter allows quota calls per window to each key. The name appears in the
// RateLimit headers.
func NewLimiter(name string, quota int, window time.Duration, c clock.Clock) *Limiter {
	return &Limiter{name: name, quota: quota, window: window, clock: c, emptyAt: map[string]time.Time{}}
}

// Allow counts one call of key. When it is refused, retryAfter says when the next
// one will be allowed.
func (l *Limiter) Allow(key string) (retryAfter time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock.Now()
	l.sweep(now)
	interval := l.window / time.Duration(l.quota)
	at := l.emptyAt[key]
	if at.Before(now) {
		at = now
	}
	at = at.Add(interval)
	if over := at.Sub(now) - l.window; over > 0 {
		return over, false
	}
	l.emptyAt[key] = at
	return 0, true
}

// sweep forgets, once a window, the keys that have their whole quota.
func (l *Limiter) sweep(now time.Time) {
	if now.Sub(l.swept) < l.window {
		return
	}
	l.swept = now
	for key, at := range l.emptyAt {
		if !at.After(now) {
			delete(l.emptyAt, key)
		}
	}
}

// Spend counts a call of key. Once its quota is used up it sets RateLimit and
// RateLimit-Policy and returns errs.ErrRateLimited. An empty key is not limited.
func Spend(c *fiber.Ctx, l *Limiter, key string) error {
	if key == "" {
		return nil
	}
	retryAfter, ok := l.Allow(strings.Clone(key))
	if ok {
		return nil
	}
	wait := int(math.Ceil(retryAfter.Seconds()))
	c.Set("RateLimit-Policy", fmt.Sprintf("%q;q=%d;w=%d", l.name, l.quota, int(l.window.Seconds())))
	c.Set("RateLimit", fmt.Sprintf("%q;r=0;t=%d", l.name, wait))
	return errs.ErrRateLimited.WithRetryAfter(retryAfter)
}

// Limit is Spend as a handler.
func Limit(l *Limiter, key func(c *fiber.Ctx) string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		if err := Spend(c, l, key(c)); err != nil {
			return err
		}
		return c.Next()
	}
}
