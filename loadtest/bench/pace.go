package bench

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// reading is how far a line was at a moment, by the clock of its Redis.
type reading struct {
	at      time.Time
	entered int // since it was made
	active  int
}

// readLine asks Redis how far a line is.
func (b *Bench) readLine(ctx context.Context, id string) (reading, error) {
	var now *redis.TimeCmd
	var entered *redis.StringCmd
	var active *redis.IntCmd
	_, err := b.redis.TxPipelined(ctx, func(p redis.Pipeliner) error {
		now, entered, active = p.Time(ctx), p.HGet(ctx, "{q:"+id+"}:flow", "entered"), p.ZCard(ctx, "{q:"+id+"}:active")
		return nil
	})
	if err != nil && err != redis.Nil { // nobody has entered yet
		return reading{}, err
	}
	n, _ := strconv.Atoi(entered.Val())
	return reading{at: now.Val(), entered: n, active: int(active.Val())}, nil
}

// watchLine reads a line four times a second until ctx ends.
func (b *Bench) watchLine(ctx context.Context, id string) []reading {
	var readings []reading
	for pause(ctx, 250*time.Millisecond) == nil {
		if r, err := b.readLine(ctx, id); err == nil {
			readings = append(readings, r)
		}
	}
	return readings
}

const (
	paceWindow = 60 * time.Second
	settling   = 30 * time.Second // after the first fan has entered
)

// worstPace returns the entering rate, in percent of what is set, of the 60 s that
// were furthest off, and by how many fans; ok is false if there is no whole window.
func worstPace(readings []reading, perMinute int) (percent, fans float64, ok bool) {
	var begin time.Time
	for _, r := range readings {
		if r.entered > 0 {
			begin = r.at.Add(settling)
			break
		}
	}
	if begin.IsZero() {
		return 0, 0, false
	}
	last := 0
	for i, from := range readings {
		if from.at.Before(begin) {
			continue
		}
		for last < len(readings) && readings[last].at.Sub(from.at) < paceWindow {
			last++
		}
		if last == len(readings) {
			break
		}
		to := readings[last]
		want := float64(perMinute) * to.at.Sub(readings[i].at).Minutes()
		off := float64(to.entered-from.entered) - want
		if !ok || math.Abs(off) > math.Abs(fans) {
			percent, fans, ok = 100+100*off/want, off, true
		}
	}
	return percent, fans, ok
}

// keepsPace reports whether the worst window is within 1 % or one fan.
func keepsPace(percent, fans float64) bool {
	return math.Abs(percent-100) <= 1 || math.Abs(fans) <= 1
}

// fansAConnection is few, so that a connection gets round in a second although the
// system is busy.
const fansAConnection = 20

// claimers lets the first fans who have not entered ask for their turn once a second,
// as the page does, until ctx ends. ahead is how many of them ask at a time.
func (b *Bench) claimers(ctx context.Context, addrs []string, lineID string, fans func(i int) *fan, ahead int) error {
	connections := ahead / fansAConnection
	var workers sync.WaitGroup
	failures := make(chan error, connections)
	for worker := range connections {
		workers.Go(func() {
			if err := claim(ctx, addrs[worker%len(addrs)], lineID, func(i int) *fan { return fans(worker + connections*i) }, fansAConnection); err != nil {
				failures <- err
			}
		})
	}
	workers.Wait()
	close(failures)
	return <-failures
}

// claim is one connection's share of claimers. A nil fan does not show up.
func claim(ctx context.Context, addr, lineID string, fans func(i int) *fan, ahead int) error {
	c := connection{addr: addr}
	defer c.close()
	var asking []*fan
	next := 0
	for ctx.Err() == nil {
		round := time.Now()
		for len(asking) < ahead {
			f := fans(next)
			if f == nil {
				break
			}
			next++
			if f.place != "" {
				asking = append(asking, f)
			}
		}
		if len(asking) == 0 {
			return fmt.Errorf("line %s has run out of fans", lineID)
		}
		var waiting []*fan
		for i, f := range asking {
			if pause(ctx, time.Until(round.Add(time.Duration(i)*time.Second/time.Duration(len(asking))))) != nil {
				return nil
			}
			if _, err := f.enter(&c, lineID); err != nil {
				return err
			}
			if f.pass == "" {
				waiting = append(waiting, f)
			}
		}
		asking = waiting
		_ = pause(ctx, time.Until(round.Add(time.Second)))
	}
	return nil
}
