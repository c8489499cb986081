// Package accountredis counts log-ins and sign-ups in Redis, so that a limit
// holds however many instances of the API there are.
package accountredis

import (
	"context"
	_ "embed"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sony/gobreaker/v2"
)

//go:embed take.lua
var takeSource string

//go:embed return.lua
var returnSource string

const (
	// limitTimeout is how long a log-in waits for one answer of Redis. A log-in asks
	// several times, and the gateway waits only for seconds.
	limitTimeout = 300 * time.Millisecond
	localFor     = 3 * time.Second // after a failure Redis is not tried; then one call tries
)

// Limiter implements account.Limiter with one counter a key. While Redis fails, or does
// not answer, it counts in this process: after one call that failed the next ones do not
// wait for Redis.
type Limiter struct {
	client  redis.UniversalClient
	prefix  string
	take    *redis.Script
	back    *redis.Script
	local   *local
	breaker *gobreaker.CircuitBreaker[int64]
	timeout time.Duration // of one call
}

// New returns a limiter whose keys start with prefix + "limit:".
func New(client redis.UniversalClient, prefix string) *Limiter {
	return &Limiter{
		client: client, prefix: prefix + "limit:",
		take: redis.NewScript(takeSource), back: redis.NewScript(returnSource), local: newLocal(), timeout: limitTimeout,
		breaker: gobreaker.NewCircuitBreaker[int64](gobreaker.Settings{
			Name:        "limits",
			Timeout:     localFor,
			ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures > 0 },
			IsExcluded:  func(err error) bool { return errors.Is(err, errCallerGone) },
		}),
	}
}

// errCallerGone is no fault of Redis.
var errCallerGone = errors.New("the caller has gone")

// ask calls Redis with a deadline, unless it has just failed.
func (l *Limiter) ask(ctx context.Context, call func(ctx context.Context) (int64, error)) (int64, error) {
	return l.breaker.Execute(func() (int64, error) {
		timed, cancel := context.WithTimeout(ctx, l.timeout)
		defer cancel()
		answer, err := call(timed)
		if err != nil && ctx.Err() != nil {
			return 0, errCallerGone
		}
		return answer, err
	})
}

// Take counts one more under key unless limit is reached within the window. While Redis
// fails it counts in this process.
func (l *Limiter) Take(ctx context.Context, key string, limit int, window time.Duration) (bool, time.Duration, error) {
	wait, err := l.ask(ctx, func(ctx context.Context) (int64, error) {
		return l.take.Run(ctx, l.client, []string{l.prefix + key}, limit, window.Milliseconds()).Int64()
	})
	if ctx.Err() != nil {
		return false, 0, ctx.Err()
	}
	if err != nil {
		ok, left := l.local.take(key, limit, window)
		return ok, left, nil
	}
	return wait < 0, time.Duration(max(wait, 0)) * time.Millisecond, nil
}

// Return takes back one Take of each key whose window has not passed, all in one call.
func (l *Limiter) Return(ctx context.Context, keys ...string) error {
	for _, key := range keys {
		l.local.back(key)
	}
	_, err := l.ask(ctx, func(ctx context.Context) (int64, error) {
		_, err := l.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for _, key := range keys {
				l.back.Eval(ctx, p, []string{l.prefix + key}) // the source: nothing falls back from EVALSHA in a pipeline
			}
			return nil
		})
		return 0, err
	})
	return err
}
