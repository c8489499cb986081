package queueredis

import (
	"container/heap"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/queue"
)

// simulation plays fans on a line in simulated time, with several gateways that
// beat out of step.
type simulation struct {
	*fixture
	random    *rand.Rand
	noShow    float64
	session   func() time.Duration // how long a fan stays inside
	events    events
	offered   map[string]bool
	enteredAt []time.Duration
	maxActive int64
	elapsed   time.Duration
}

type simEvent struct {
	at time.Duration
	do func()
}

type events []simEvent

func (e events) Len() int           { return len(e) }
func (e events) Less(i, j int) bool { return e[i].at < e[j].at }
func (e events) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)        { *e = append(*e, x.(simEvent)) }
func (e *events) Pop() any {
	old := *e
	last := old[len(old)-1]
	*e = old[:len(old)-1]
	return last
}

func (s *simulation) after(d time.Duration, do func()) {
	heap.Push(&s.events, simEvent{s.elapsed + d, do})
}

// play lets duration pass with gateways that each beat four times a second.
func (s *simulation) play(gateways int, duration time.Duration) {
	for g := range gateways {
		s.beatFrom(time.Duration(g) * 77 * time.Millisecond)
	}
	for len(s.events) > 0 && s.events[0].at <= duration {
		event := heap.Pop(&s.events).(simEvent)
		if event.at > s.elapsed {
			s.clock.Advance(event.at - s.elapsed)
			s.elapsed = event.at
		}
		event.do()
	}
}

func (s *simulation) beatFrom(first time.Duration) {
	s.after(first, func() {
		s.oneBeat()
		s.beatFrom(beat + time.Duration(s.random.IntN(101)-50)*time.Millisecond)
	})
}

func (s *simulation) oneBeat() {
	did := s.tick()
	for range did.Entered {
		s.enteredAt = append(s.enteredAt, s.elapsed)
	}
	keys := s.store.keys
	active, err := s.client.ZCard(s.ctx, keys.of(testSale, "active")).Result()
	s.must(err)
	s.maxActive = max(s.maxActive, active)
	if did.Offered == 0 {
		return
	}
	offered, err := s.client.ZRevRange(s.ctx, keys.of(testSale, "offered"), 0, int64(did.Offered)-1).Result()
	s.must(err)
	for _, n := range offered {
		if s.offered[n] {
			s.t.Fatalf("place %s was offered twice", n)
		}
		s.offered[n] = true
		if s.random.Float64() >= s.noShow {
			number, _ := strconv.ParseUint(n, 10, 64)
			s.after(time.Duration(200+s.random.IntN(4000))*time.Millisecond, func() { s.ask(number) })
		}
	}
}

// ask is a fan who claims and then asks once a second until inside.
func (s *simulation) ask(n uint64) {
	session, err := s.store.Enter(s.ctx, s.ref(n))
	switch {
	case errors.Is(err, queue.ErrNotYourTurn):
		s.after(time.Second, func() { s.ask(n) })
	case err != nil:
		s.t.Fatalf("place %d: %v", n, err)
	default:
		s.after(s.session(), func() {
			_, err := s.store.EndSession(s.ctx, session.Ref())
			s.must(err)
		})
	}
}

// worstWindow returns the largest deviation from rate of any window of 60 s that
// starts after 30 s, in fans.
func (s *simulation) worstWindow(rate int, until time.Duration) int {
	worst := 0
	for from := 30 * time.Second; from+time.Minute <= until; from += 333 * time.Millisecond {
		count := 0
		for _, at := range s.enteredAt {
			if at >= from && at < from+time.Minute {
				count++
			}
		}
		if d := count - rate; max(d, -d) > max(worst, -worst) {
			worst = d
		}
	}
	return worst
}

// TestEnteringRate: over any 60 s after the first 30 s the line lets in its rate
// within one fan or 1 %, whatever the share of fans who do not show up, and never
// more than its capacity.
func TestEnteringRate(t *testing.T) {
	t.Parallel()
	tests := []struct {
		rate, capacity int
		noShow         float64
		session        time.Duration
	}{
		{600, 100_000, 0, time.Minute},
		{600, 100_000, 0.3, time.Minute},
		{600, 100_000, 0.6, time.Minute},
		{600, 100, 0.3, 8 * time.Second},
		{60, 1000, 0.3, time.Minute},
		{20, 1000, 0, time.Minute},
		{20, 1000, 0.6, time.Minute},
		{1500, 100_000, 0.3, time.Minute},
	}
	const played = 150 * time.Second
	for _, test := range tests {
		t.Run(fmt.Sprintf("%d a minute, %.0f %% absent, capacity %d", test.rate, 100*test.noShow, test.capacity), func(t *testing.T) {
			t.Parallel()
			f := newLine(t, func(p *queue.Policy) { p.RatePerMinute, p.Capacity = test.rate, test.capacity })
			f.join(int(float64(test.rate)*2.8/(1-test.noShow)) + 150)
			s := &simulation{
				fixture: f, random: rand.New(rand.NewPCG(1, 2)), noShow: test.noShow, offered: map[string]bool{},
				session: func() time.Duration { return test.session },
			}
			s.play(3, played)
			allowed := max(1, test.rate/100)
			worst := s.worstWindow(test.rate, played)
			t.Logf("worst window %+d of %d, at most %d active", worst, test.rate, s.maxActive)
			if max(worst, -worst) > allowed {
				t.Errorf("a window of 60 s let in %d fans instead of %d", test.rate+worst, test.rate)
			}
			if s.maxActive > int64(test.capacity) {
				t.Errorf("%d were active with a capacity of %d", s.maxActive, test.capacity)
			}
		})
	}
}

// TestCapacityBound: with few slots and long sessions every slot that comes free
// is taken at once, and few fans are kept standing before the door.
func TestCapacityBound(t *testing.T) {
	t.Parallel()
	f := newLine(t, func(p *queue.Policy) { p.RatePerMinute, p.Capacity = 600, 20 })
	f.join(1500)
	s := &simulation{
		fixture: f, random: rand.New(rand.NewPCG(3, 4)), noShow: 0.3, offered: map[string]bool{},
		session: func() time.Duration { return 40 * time.Second },
	}
	const played = 240 * time.Second
	s.play(3, played)
	late := 0
	for _, at := range s.enteredAt {
		if at >= 60*time.Second {
			late++
		}
	}
	possible := int(20 * (played - time.Minute) / (41 * time.Second))
	ready, err := f.client.ZCard(f.ctx, f.store.keys.of(testSale, "ready")).Result()
	f.must(err)
	t.Logf("%d of %d possible entered; %d ready at the end; at most %d active", late, possible, ready, s.maxActive)
	if s.maxActive > 20 {
		t.Errorf("%d were active with a capacity of 20", s.maxActive)
	}
	if late < possible*90/100 {
		t.Errorf("%d entered after the first minute, %d slots came free", late, possible)
	}
	if ready > 20 {
		t.Errorf("%d fans stand before a door through which one goes every two seconds", ready)
	}
}
