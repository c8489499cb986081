package queueredis

import (
	"sync"
	"time"

	"github.com/fairgate/fairgate/shared/queue"
)

const (
	paceWindow  = time.Minute
	paceSettled = 30 * time.Second // from when on the measured pace is trusted
)

// pace measures how many fans enter, over the last minute. Safe for concurrent use.
type pace struct {
	mu      sync.Mutex
	samples []paceSample
}

type paceSample struct {
	at      time.Time
	entered uint64
}

// measure notes how many have entered so far and returns how many do per minute.
func (p *pace) measure(at time.Time, entered uint64) float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.samples); n > 0 && (entered < p.samples[n-1].entered || at.Before(p.samples[n-1].at)) {
		p.samples = nil // a new epoch
	}
	p.samples = append(p.samples, paceSample{at, entered})
	for len(p.samples) > 1 && at.Sub(p.samples[0].at) > paceWindow {
		p.samples = p.samples[1:]
	}
	first := p.samples[0]
	elapsed := at.Sub(first.at).Minutes()
	if elapsed == 0 {
		return 0
	}
	return float64(entered-first.entered) / elapsed
}

// long reports whether the measurement covers enough time to be trusted.
func (p *pace) long() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.samples)
	return n > 1 && p.samples[n-1].at.Sub(p.samples[0].at) >= paceSettled
}

// expectedPace returns how many fans per minute will enter from now on: what was
// measured, within what the rate allows and what the capacity yields even if
// every session is used to its end; 0 while the line does not move.
func expectedPace(p queue.Policy, measured float64, trusted bool) float64 {
	if !running(p) {
		return 0
	}
	rate := float64(p.RatePerMinute)
	if !trusted {
		return rate
	}
	turnover := float64(p.Capacity) / float64(p.SessionSeconds) * 60
	return min(max(measured, turnover), rate)
}
