package queueredis

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fairgate/fairgate/shared/queue"
)

// Snapshot is one line as it was at a moment, read in one round trip.
type Snapshot struct {
	At      time.Time // the line's clock
	Policy  queue.Policy
	Figures queue.Figures
	Live    *LiveCopy

	serving uint64
	status  string // the shared status as it is stored; see status.go
}

// Snapshot reads a line. Error: ErrLineNotFound.
func (s *Store) Snapshot(ctx context.Context, sale string) (Snapshot, error) {
	gauges := []any{"serving", "joined", "offers", "claims", "entered", "lapsed", "exited", "finished", "no_show", "delay", "correction", "abandoned"}
	r, err := s.run(ctx, s.scripts.snapshot, sale, 0, gauges...)
	if err != nil {
		return Snapshot{}, err
	}
	pipe := s.client.Pipeline()
	policy := pipe.HGetAll(ctx, s.keys.policy(sale))
	live := pipe.Get(ctx, s.keys.live(sale))
	status := pipe.Get(ctx, s.keys.status(sale))
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return Snapshot{}, queue.ErrUnavailable.Because(err)
	}
	snapshot := Snapshot{At: moment(r.integer(1)), Figures: figures(r), status: status.Val()}
	snapshot.serving, _ = strconv.ParseUint(snapshot.Figures.Serving, 10, 64)
	bitmap, _ := live.Bytes() // nil while nobody has ever waited
	snapshot.Live = NewLiveCopy(bitmap)
	snapshot.Policy, err = decodePolicy(sale, policy.Val())
	return snapshot, err
}

func figures(r reply) queue.Figures {
	count := func(i int) uint64 { return uint64(r.integer(i)) } // counts
	serving := r.text(6)
	if serving == "" {
		serving = "0"
	}
	return queue.Figures{
		Waiting: count(2), Offered: count(3), Ready: count(4), Active: count(5), Serving: serving,
		Joined: count(7), Offers: count(8), Claims: count(9), Entered: count(10),
		Lapsed: count(11), Exited: count(12), Finished: count(13),
		NoShowShare: r.float(14), ClaimDelay: r.float(15), Correction: r.float(16), Abandoned: count(17),
	}
}
