package accountredis

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// Revoked is the accounts whose access tokens were revoked: few, each for as long as a
// token lives. All processes share one sorted set and answer from copies of it, which
// are a second old at most while Redis answers. A copy forgets only what has expired,
// so a Redis that is away, or empty again, gives nobody's token back. While it is away
// nobody can be revoked either: Revoke fails, and its caller with it.
type Revoked struct {
	client   redis.UniversalClient
	key      string
	lifetime time.Duration
	copied   atomic.Pointer[map[string]time.Time] // account → when it was revoked
}

const lookEvery = 500 * time.Millisecond

// NewRevoked returns the accounts whose tokens were revoked, under prefix + "revoked".
// lifetime is that of an access token.
func NewRevoked(client redis.UniversalClient, prefix string, lifetime time.Duration) *Revoked {
	r := &Revoked{client: client, key: prefix + "revoked", lifetime: lifetime}
	r.copied.Store(&map[string]time.Time{})
	return r
}

// Revoke ends every access token that the account has been given. It holds in this
// process when it returns, in others within a second.
func (r *Revoked) Revoke(ctx context.Context, accountID string) error {
	at := time.Now()
	_, err := r.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.ZAdd(ctx, r.key, redis.Z{Score: float64(at.UnixMilli()), Member: accountID})
		p.ZRemRangeByScore(ctx, r.key, "-inf", millis(at.Add(-r.lifetime-time.Minute)))
		p.PExpire(ctx, r.key, r.lifetime+time.Minute)
		return nil
	})
	if err != nil {
		return fmt.Errorf("redis: revoke the tokens of an account: %w", err)
	}
	r.merge(map[string]time.Time{accountID: at})
	return nil
}

// Has reports whether a token of the account that was issued at issued is revoked. It
// asks nobody. Tokens say when they were issued in whole seconds.
func (r *Revoked) Has(accountID string, issued time.Time) bool {
	at, found := (*r.copied.Load())[accountID]
	return found && !issued.After(at)
}

// Run keeps the copy current until ctx ends.
func (r *Revoked) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		_ = r.Look(ctx) // Redis is away: what is known stays
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Look takes over what other processes have revoked.
func (r *Revoked) Look(ctx context.Context) error {
	since := &redis.ZRangeBy{Min: millis(time.Now().Add(-r.lifetime - time.Minute)), Max: "+inf"}
	members, err := r.client.ZRangeByScoreWithScores(ctx, r.key, since).Result()
	if err != nil {
		return fmt.Errorf("redis: read the revoked accounts: %w", err)
	}
	found := make(map[string]time.Time, len(members))
	for _, z := range members {
		id, _ := z.Member.(string)
		found[id] = time.UnixMilli(int64(z.Score))
	}
	r.merge(found)
	return nil
}

// merge adds to the copy and drops from it what no living token can be older than.
func (r *Revoked) merge(more map[string]time.Time) {
	for {
		old := r.copied.Load()
		if len(more) == 0 && len(*old) == 0 {
			return
		}
		fresh := maps.Clone(*old)
		maps.Copy(fresh, more)
		oldest := time.Now().Add(-r.lifetime - time.Minute)
		maps.DeleteFunc(fresh, func(_ string, at time.Time) bool { return at.Before(oldest) })
		if r.copied.CompareAndSwap(old, &fresh) {
			return
		}
	}
}

func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
