package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const (
	millionRate     = 6_000 // fans a minute are let in meanwhile
	millionAhead    = 1_200 // fans at the head who ask for their turn once a second
	millionClaims   = 30_000
	pollEachNth     = 100 // of those who join is polled for
	millionPolls    = 1_000
	joiningAtMost   = 200 * time.Second // or those who joined first would be taken for absent
	millionSettling = 5 * time.Second
	bytesAllowed    = 220
)

// measureMillion lets a million fans join one line while it moves and is polled.
func measureMillion(ctx context.Context, b *Bench) (Outcome, error) {
	m := &million{b: b, id: unique("bench-million"), count: b.LineFans}
	if err := b.line(ctx, m.id, lineOptions{capacity: 1_000_000, ratePerMinute: millionRate}); err != nil {
		return Outcome{}, err
	}
	before, err := b.redisFigure(ctx, "memory", "used_memory")
	if err != nil {
		return Outcome{}, err
	}
	background, stop := context.WithCancel(ctx)
	defer stop()
	var others sync.WaitGroup
	var readings []reading
	var claimed error
	others.Go(func() {
		if m.someJoined(background, 2*millionAhead) {
			claimed = b.claimers(background, []string{b.System.gateway()}, m.id, m.head, millionAhead)
		}
	})
	others.Go(func() { readings = b.watchLine(background, m.id) })
	var meanwhile Sample
	others.Go(func() { meanwhile = m.poll(background) })
	used := b.System.cpuSeconds()
	joins, err := m.join(ctx)
	if err == nil {
		b.say("joins      %s", describe(joins))
		b.say("%s", b.System.cpuPer(used, joins.Count))
		err = pause(ctx, max(millionSettling, settling+paceWindow+millionSettling-time.Duration(joins.Seconds*float64(time.Second))))
	}
	after, memoryErr := b.redisFigure(ctx, "memory", "used_memory")
	stop()
	others.Wait()
	if err := errors.Join(err, memoryErr, claimed); err != nil {
		return Outcome{}, err
	}
	b.say("polls      %s", describe(meanwhile))
	return m.outcome(joins, meanwhile, (after-before)/float64(m.joined.Load()), readings)
}

// million is a line that a million fans join.
type million struct {
	b      *Bench
	id     string
	count  int
	joined atomic.Int64

	mu     sync.RWMutex
	first  []*fan // the first to join, about in order
	polled []*fan // one of every hundred
}

func (m *million) join(ctx context.Context) (Sample, error) {
	var sent atomic.Int64
	join := newRequest("POST", "/v1/queues/"+m.id+"/places", "{}")
	return load{
		addr: m.b.System.gateway(), connections: joinConnections, length: joiningAtMost,
		next: func(int) func() request {
			return func() request {
				if sent.Add(1) > int64(m.count) {
					return nil
				}
				return join
			}
		},
		good: func(_, status int, body []byte) bool { return status == 201 && m.note(body) },
	}.run(ctx)
}

// note keeps the tokens of those who will be needed.
func (m *million) note(body []byte) bool {
	n := m.joined.Add(1)
	if n > millionClaims && n%pollEachNth != 0 {
		return true
	}
	var place struct {
		Token string `json:"place_token"`
	}
	if json.Unmarshal(body, &place) != nil || place.Token == "" {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if n <= millionClaims {
		m.first = append(m.first, &fan{place: place.Token})
	} else {
		m.polled = append(m.polled, &fan{place: place.Token})
	}
	return true
}

// head returns the i-th to join; nil while there is none.
func (m *million) head(i int) *fan {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if i >= len(m.first) {
		return nil
	}
	return m.first[i]
}

// someJoined waits until n have joined; false if ctx ends before.
func (m *million) someJoined(ctx context.Context, n int64) bool {
	for m.joined.Load() < n {
		if pause(ctx, 50*time.Millisecond) != nil {
			return false
		}
	}
	return true
}

// poll asks for the places of waiting fans at a steady pace until ctx ends.
func (m *million) poll(ctx context.Context) Sample {
	if !m.someJoined(ctx, millionClaims+2*pollEachNth) {
		return Sample{}
	}
	start := time.Now()
	var sent atomic.Int64
	s, _ := load{addr: m.b.System.gateway(), connections: 16, length: time.Hour, next: func(int) func() request {
		return func() request {
			n := sent.Add(1)
			if pause(ctx, time.Until(start.Add(time.Duration(n)*time.Second/millionPolls))) != nil {
				return nil
			}
			m.mu.RLock()
			defer m.mu.RUnlock()
			return placePoll(m.id, m.polled[int(n)*7919%len(m.polled)])
		}
	}}.run(ctx)
	return s
}

func (m *million) outcome(joins, polls Sample, bytes float64, readings []reading) (Outcome, error) {
	percent, fans, ok := worstPace(readings, millionRate)
	if !ok {
		return Outcome{}, fmt.Errorf("the line was not watched for %s", paceWindow)
	}
	o := Outcome{
		Value: fmt.Sprintf("%.0f bytes, worst 60 s at %.2f %% of the rate", bytes, percent),
		Hit:   joins.Count == m.count && bytes <= bytesAllowed && keepsPace(percent, fans),
	}
	o.add("fans", float64(joins.Count), "")
	o.add("joins", joins.PerSecond, "/s")
	o.add("join p99", p99ms(joins), "ms")
	o.add("Redis a fan", bytes, "bytes")
	o.add("polls meanwhile", polls.PerSecond, "/s")
	o.add("p50", p50ms(polls), "ms")
	o.add("p99", p99ms(polls), "ms")
	o.add("worst 60 s of entering", percent, "% of the setting")
	return o.failures([]Sample{joins, polls}), nil
}
