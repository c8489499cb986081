package accountredis

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// Revoked is the accounts whose access tokens were revoked, and those among them that are
// deleted: few, each for as long as a token lives. All processes share one sorted set and
// answer from copies of it, which are a second old at most while Redis answers. A copy
// forgets only what has expired, so a Redis that is away, or empty again, takes nothing
// from a process that has looked at it once, and gets back what that knows. One that has not looked yet, as it was started
// while Redis is away, knows nothing and says so: its callers have to ask elsewhere, or to
// let nobody pass. While Redis is away nobody can be revoked either: Revoke fails, and its
// caller with it.
type Revoked struct {
	client   redis.UniversalClient
	key      string
	lifetime time.Duration
	copied   atomic.Pointer[map[string]time.Time] // member → when it was revoked
	looked   atomic.Bool                          // the copy has been whole
	changed  atomic.Pointer[chan struct{}]
}

const (
	lookEvery = 500 * time.Millisecond
	// settled is how long after a revocation every process knows of it, and has answered
	// what it had begun before.
	settled       = 10 * time.Second
	revokeTimeout = 2 * time.Second // the gateway waits for the caller, but not for long
	// goneMark before an account is the member of one that is deleted.
	goneMark     = "gone:"
	followEvery  = 250 * time.Millisecond
	followAtOnce = 500 // accounts in one round
)

// NewRevoked returns the accounts whose tokens were revoked, under prefix + "revoked".
// lifetime is that of an access token.
func NewRevoked(client redis.UniversalClient, prefix string, lifetime time.Duration) *Revoked {
	r := &Revoked{client: client, key: prefix + "revoked", lifetime: lifetime}
	r.copied.Store(&map[string]time.Time{})
	changed := make(chan struct{})
	r.changed.Store(&changed)
	return r
}

// Changed returns a channel that is closed when this process next hears of an account
// that was revoked. Who waits on it asks Has afterwards, and Changed again before that.
func (r *Revoked) Changed() <-chan struct{} { return *r.changed.Load() }

// Follow calls act for each account that is deleted, until it has succeeded once when
// nobody takes its tokens any more; so what a request did in the last moment is met too.
// act is called again after an error, and after a restart. Run must run.
func (r *Revoked) Follow(ctx context.Context, act func(ctx context.Context, accountID string) error) error {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	done := map[string]time.Time{} // member → the deletion that was followed
	for {
		r.follow(ctx, done, act)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-r.Changed():
		}
	}
}

// follow is one round. Those beyond followAtOnce come in the next ones: maps are walked
// in an order that changes.
func (r *Revoked) follow(ctx context.Context, done map[string]time.Time, act func(ctx context.Context, accountID string) error) {
	known, acted := *r.copied.Load(), 0
	maps.DeleteFunc(done, func(member string, at time.Time) bool { return !known[member].Equal(at) })
	for member, at := range known {
		account, gone := strings.CutPrefix(member, goneMark)
		if _, followed := done[member]; followed || !gone {
			continue
		}
		if acted++; acted > followAtOnce || ctx.Err() != nil {
			return
		}
		begun := time.Now()
		if act(ctx, account) == nil && begun.After(at.Add(settled)) {
			done[member] = at
		}
	}
}

// Revoke ends every access token that the account has been given. It holds in this
// process when it returns, in others within a second.
func (r *Revoked) Revoke(ctx context.Context, accountID string) error {
	return r.mark(ctx, accountID)
}

// Gone says that the account is deleted, and revokes its tokens once more.
func (r *Revoked) Gone(ctx context.Context, accountID string) error {
	return r.mark(ctx, accountID, goneMark+accountID)
}

func (r *Revoked) mark(ctx context.Context, members ...string) error {
	at := time.Now()
	marks, merged := make([]redis.Z, len(members)), make(map[string]time.Time, len(members))
	for i, member := range members {
		marks[i], merged[member] = redis.Z{Score: float64(at.UnixMilli()), Member: member}, at
	}
	ctx, cancel := context.WithTimeout(ctx, revokeTimeout)
	defer cancel()
	_, err := r.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.ZAdd(ctx, r.key, marks...)
		p.ZRemRangeByScore(ctx, r.key, "-inf", millis(at.Add(-r.lifetime-time.Minute)))
		p.PExpire(ctx, r.key, r.lifetime+time.Minute)
		return nil
	})
	if err != nil {
		return fmt.Errorf("redis: revoke the tokens of an account: %w", err)
	}
	r.merge(merged)
	return nil
}

// Has reports whether a token of the account that was issued at issued is revoked. It
// asks nobody: it is not known, unless this process has heard of that very account, until
// it has looked once. Tokens say when they were issued in whole seconds.
func (r *Revoked) Has(accountID string, issued time.Time) (revoked, known bool) {
	known = r.looked.Load() // before the copy, which was whole before it
	at, found := (*r.copied.Load())[accountID]
	revoked = found && !issued.After(at)
	return revoked, known || revoked
}

// IsGone reports whether the account was deleted. It asks nobody: it is not known, as
// with Has, until this process has looked once.
func (r *Revoked) IsGone(accountID string) (gone, known bool) {
	known = r.looked.Load()
	_, gone = (*r.copied.Load())[goneMark+accountID]
	return gone, known || gone
}

// errNotLooked says that Redis has not been asked yet, or has not answered.
var errNotLooked = errors.New("redis: the revoked accounts have not been read yet")

// Ready fails until it is known who is revoked.
func (r *Revoked) Ready(context.Context) error {
	if r.looked.Load() {
		return nil
	}
	return errNotLooked
}

// firstLook is how long a process that starts waits for its first look.
const firstLook = time.Second

// Begin looks once, before anybody is answered: a Redis that answers is asked in time, one
// that does not is waited for no longer than a moment.
func (r *Revoked) Begin(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, firstLook)
	defer cancel()
	_ = r.Look(ctx) // Run tries again, and until then Has says that it does not know
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
	if !r.looked.Swap(true) {
		r.tell() // who waits may have been answered by somebody else until now
	}
	return r.giveBack(ctx, found)
}

// giveBack puts into Redis what this process knows and Redis has forgotten, as it was
// started empty: a process that starts later learns it from there.
func (r *Revoked) giveBack(ctx context.Context, found map[string]time.Time) error {
	var lost []redis.Z
	for member, at := range *r.copied.Load() {
		if in, there := found[member]; !there || at.UnixMilli() > in.UnixMilli() {
			lost = append(lost, redis.Z{Score: float64(at.UnixMilli()), Member: member})
		}
	}
	if len(lost) == 0 {
		return nil
	}
	_, err := r.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.ZAddGT(ctx, r.key, lost...) // another process may know of a later revocation
		p.PExpire(ctx, r.key, r.lifetime+time.Minute)
		return nil
	})
	if err != nil {
		return fmt.Errorf("redis: give the revoked accounts back: %w", err)
	}
	return nil
}

// tell wakes whoever waits on Changed.
func (r *Revoked) tell() {
	changed := make(chan struct{})
	close(*r.changed.Swap(&changed))
}

// merge adds to the copy and drops from it what no living token can be older than.
func (r *Revoked) merge(more map[string]time.Time) {
	for {
		old := r.copied.Load()
		if len(more) == 0 && len(*old) == 0 {
			return
		}
		fresh := maps.Clone(*old)
		for account, at := range more {
			if at.After(fresh[account]) { // one that is given back may be older than what is known
				fresh[account] = at
			}
		}
		oldest := time.Now().Add(-r.lifetime - time.Minute)
		maps.DeleteFunc(fresh, func(_ string, at time.Time) bool { return at.Before(oldest) })
		if r.copied.CompareAndSwap(old, &fresh) {
			if news(*old, more) {
				r.tell()
			}
			return
		}
	}
}

// news reports whether more has a revocation that is not in old.
func news(old, more map[string]time.Time) bool {
	for account, at := range more {
		if known, found := old[account]; !found || at.After(known) {
			return true
		}
	}
	return false
}

func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
