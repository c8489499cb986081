package queueredis

import (
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/fairgate/fairgate/shared/queue"
)

// randomLine does random things to one line and checks after each of them what
// must always be true.
type randomLine struct {
	*fixture
	capacity int64
	keysSeen map[string]string // order key by number, once seen
	gone     map[string]bool   // numbers that are over for good
	soldOut  bool
}

// TestRandomOperations checks the invariants of the line under random operations.
func TestRandomOperations(t *testing.T) {
	t.Parallel()
	if err := checkRandomly(t, nil); err != nil {
		t.Error(err)
	}
}

// TestRandomOperationsTwin shows that the invariants can fail: they do once the
// beat no longer looks how many slots are free.
func TestRandomOperationsTwin(t *testing.T) {
	t.Parallel()
	unguarded := replaceOnce(t, tickText, "local free = capacity - call('ZCARD', ACTIVE)", "local free = 1000")
	if checkRandomly(t, func(s *Store) { s.scripts.tick = redis.NewScript(headText + lineText + unguarded) }) == nil {
		t.Error("without the guard of the capacity nothing is broken")
	}
}

// checkRandomly returns what the first of many random histories broke, if any.
func checkRandomly(t *testing.T, tamper func(*Store)) error {
	t.Helper()
	for seed := range 8 {
		f := newLine(t, func(p *queue.Policy) {
			p.Capacity, p.RatePerMinute, p.SessionSeconds, p.AbandonSeconds, p.GraceSeconds = 3, 600, 20, 30, 60
		})
		if tamper != nil {
			tamper(f.store)
		}
		l := &randomLine{fixture: f, capacity: 3, keysSeen: map[string]string{}, gone: map[string]bool{}}
		history := rapid.Custom(func(r *rapid.T) error { return l.history(r) })
		if err := history.Example(seed); err != nil {
			return fmt.Errorf("history %d: %w", seed, err)
		}
	}
	return nil
}

func (l *randomLine) history(r *rapid.T) error {
	for step := range 80 {
		name := l.step(r)
		if err := l.check(); err != nil {
			return fmt.Errorf("step %d (%s): %w", step, name, err)
		}
	}
	return nil
}

func (l *randomLine) step(r *rapid.T) string {
	some := func() queue.PlaceRef { return l.ref(uint64(rapid.IntRange(1, max(1, l.tail())).Draw(r, "n"))) }
	switch choice := rapid.IntRange(0, 19).Draw(r, "choice"); {
	case choice < 5:
		subject := fmt.Sprintf("acc-%d", rapid.IntRange(1, 25).Draw(r, "subject"))
		_, _, err := l.store.Join(l.ctx, testSale, subject)
		l.expect(err, queue.ErrSoldOut)
		return "join " + subject
	case choice < 10:
		if l.tail() == 0 {
			return "nothing"
		}
		ref := some()
		_, err := l.store.Enter(l.ctx, ref)
		l.expect(err, queue.ErrNotYourTurn, queue.ErrOfferLapsed, queue.ErrSoldOutGone)
		return fmt.Sprintf("enter %d", ref.N)
	case choice < 11 && l.tail() > 0:
		ref := some()
		l.must(l.store.Leave(l.ctx, ref))
		return fmt.Sprintf("leave %d", ref.N)
	case choice < 12 && l.tail() > 0:
		ref := some()
		_, err := l.store.EndSession(l.ctx, queue.SessionRef{SaleID: testSale, Epoch: 1, N: ref.N})
		l.must(err)
		return fmt.Sprintf("end %d", ref.N)
	case choice < 13 && l.tail() > 0:
		ref := some()
		_ = l.place(ref)
		return fmt.Sprintf("poll %d", ref.N)
	case choice < 14:
		l.soldOut = !l.soldOut
		l.must(l.store.SetSoldOut(l.ctx, testSale, l.soldOut))
		return "sold out " + strconv.FormatBool(l.soldOut)
	case choice < 15:
		keepSeeing(l.fixture, time.Duration(rapid.IntRange(5, 35).Draw(r, "seconds"))*time.Second, 1)
		return "watch"
	default:
		l.run(time.Duration(rapid.IntRange(1, 40).Draw(r, "beats")) * beat)
		return "run"
	}
}

func (l *randomLine) tail() int {
	tail, err := l.client.HGet(l.ctx, l.store.keys.policy(testSale), "tail").Int()
	l.must(err)
	l.joined = tail
	return tail
}

func (l *randomLine) expect(err error, allowed ...error) {
	l.t.Helper()
	if err == nil {
		return
	}
	for _, want := range allowed {
		if errors.Is(err, want) {
			return
		}
	}
	l.t.Fatal(err)
}

// check returns which invariant does not hold.
func (l *randomLine) check() error {
	keys := l.store.keys
	in := map[string]string{} // state by number
	for _, set := range []string{"waiting", "offered", "ready", "active", "gone"} {
		members, err := l.client.ZRangeWithScores(l.ctx, keys.of(testSale, set), 0, -1).Result()
		l.must(err)
		for _, m := range members {
			n, _ := m.Member.(string)
			if in[n] != "" {
				return fmt.Errorf("place %s is in %s and in %s", n, in[n], set)
			}
			in[n] = set
			if set == "waiting" || set == "ready" {
				key := strconv.FormatFloat(m.Score, 'f', 0, 64)
				if l.keysSeen[n] == "" {
					l.keysSeen[n] = key
				}
				if l.keysSeen[n] != key {
					return fmt.Errorf("the key of place %s was %s and is %s", n, l.keysSeen[n], key)
				}
			}
		}
		if set == "active" && int64(len(members)) > l.capacity {
			return fmt.Errorf("%d are active with a capacity of %d", len(members), l.capacity)
		}
	}
	return l.checkBits(in)
}

func (l *randomLine) checkBits(in map[string]string) error {
	keys := l.store.keys
	live, _ := l.client.Get(l.ctx, keys.live(testSale)).Bytes()
	ended, _ := l.client.Get(l.ctx, keys.of(testSale, "ended")).Bytes()
	copied, over := NewLiveCopy(live), NewLiveCopy(ended)
	for n := uint64(1); n <= uint64(l.tail()); n++ {
		name := strconv.FormatUint(n, 10)
		if copied.Has(n) != (in[name] == "waiting") {
			return fmt.Errorf("place %s is live: %v, but in %q", name, copied.Has(n), in[name])
		}
		if l.gone[name] && in[name] != "gone" && in[name] != "" {
			return fmt.Errorf("place %s was over and is in %s again", name, in[name])
		}
		if over.Has(n) {
			l.gone[name] = true
		}
	}
	return nil
}
