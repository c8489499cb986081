package bench

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// load is a closed loop: each connection sends its next request as soon as the
// answer to the last one is there.
type load struct {
	addr        string
	connections int
	warmUp      time.Duration // not counted
	length      time.Duration // counted
	// next returns a connection's next request; connections are numbered from 0.
	next func(worker int) func() request
	// good tells whether an answer is as it should be; nil: any 2xx.
	good func(worker, status int, body []byte) bool
}

// tally is what one connection saw.
type tally struct {
	times  []time.Duration
	failed int
	reason string
}

// run drives the load to its end.
func (l load) run(ctx context.Context) (Sample, error) {
	begin := time.Now().Add(l.warmUp)
	ctx, cancel := context.WithDeadline(ctx, begin.Add(l.length))
	defer cancel()
	tallies := make([]tally, l.connections)
	var workers sync.WaitGroup
	for worker := range l.connections {
		workers.Go(func() { tallies[worker] = l.drive(ctx, worker, begin) })
	}
	workers.Wait()
	elapsed := time.Since(begin)
	var all tally
	for _, t := range tallies {
		all.times = append(all.times, t.times...)
		all.failed += t.failed
		if all.reason == "" {
			all.reason = t.reason
		}
	}
	sample := sampleOf(all.times, all.failed, elapsed)
	sample.Reason = all.reason
	if sample.Count == 0 {
		return sample, fmt.Errorf("no good answer from %s: %s", l.addr, all.reason)
	}
	return sample, nil
}

func (l load) drive(ctx context.Context, worker int, begin time.Time) tally {
	c := connection{addr: l.addr}
	defer c.close()
	next := l.next(worker)
	var t tally
	for ctx.Err() == nil {
		r := next()
		if r == nil {
			break
		}
		start := time.Now()
		status, body, err := c.do(r)
		end := time.Now()
		switch {
		case start.Before(begin):
		case err != nil:
			t.failed++
			t.reason = err.Error()
		case !l.isGood(worker, status, body):
			t.failed++
			t.reason = fmt.Sprintf("%d %.200s", status, body)
		default:
			t.times = append(t.times, end.Sub(start))
		}
	}
	return t
}

func (l load) isGood(worker, status int, body []byte) bool {
	if l.good != nil {
		return l.good(worker, status, body)
	}
	return status >= 200 && status < 300
}

// always sends the same request.
func always(r request) func(int) func() request {
	return func(int) func() request { return func() request { return r } }
}

// side is one of the things that a row compares.
type side struct {
	name string
	run  func(ctx context.Context, round int) (Sample, error)
}

// interleave runs all sides in turn, round by round, and returns each side's samples.
func (b *Bench) interleave(ctx context.Context, rounds int, sides ...side) ([][]Sample, error) {
	samples := make([][]Sample, len(sides))
	for round := range rounds {
		for i, s := range sides {
			sample, err := s.run(ctx, round)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.name, err)
			}
			b.say("round %d  %-14s %s", round+1, s.name, describe(sample))
			samples[i] = append(samples[i], sample)
		}
	}
	return samples, nil
}

func describe(s Sample) string {
	text := fmt.Sprintf("%8.0f/s   p50 %.2f ms   p99 %.2f ms", s.PerSecond, p50ms(s), p99ms(s))
	if s.Failed > 0 {
		text += fmt.Sprintf("   %d FAILED (%s)", s.Failed, s.Reason)
	}
	return text
}
