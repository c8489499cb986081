// Package accountredis counts log-ins and sign-ups in Redis, so that a limit
// holds however many instances of the API there are.
package accountredis

import (
	"context"
	_ "embed"
	"time"

	"github.com/redis/go-redis/v9"
)

//go:embed take.lua
var takeSource string

//go:embed return.lua
var returnSource string

// Limiter implements account.Limiter with one counter a key.
type Limiter struct {
	client redis.UniversalClient
	prefix string
	take   *redis.Script
	back   *redis.Script
	local  *local
}

// New returns a limiter whose keys start with prefix + "limit:".
func New(client redis.UniversalClient, prefix string) *Limiter {
	return &Limiter{
		client: client, prefix: prefix + "limit:",
		take: redis.NewScript(takeSource), back: redis.NewScript(returnSource), local: newLocal(),
	}
}

// Take counts one more under key unless limit is reached within the window. While Redis
// fails it counts in this process.
func (l *Limiter) Take(ctx context.Context, key string, limit int, window time.Duration) (bool, time.Duration, error) {
	wait, err := l.take.Run(ctx, l.client, []string{l.prefix + key}, limit, window.Milliseconds()).Int64()
	if ctx.Err() != nil {
		return false, 0, ctx.Err()
	}
	if err != nil {
		ok, left := l.local.take(key, limit, window)
		return ok, left, nil
	}
	return wait < 0, time.Duration(max(wait, 0)) * time.Millisecond, nil
}

// Return takes back one Take, if its window has not passed.
func (l *Limiter) Return(ctx context.Context, key string) error {
	l.local.back(key)
	return l.back.Run(ctx, l.client, []string{l.prefix + key}).Err()
}
