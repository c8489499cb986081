package queueredis

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fairgate/fairgate/shared/queue"
)

// joinAtOnce lets one subject join from many goroutines and returns how many
// different numbers it got and how often a place was made.
func joinAtOnce(f *fixture, goroutines int) (numbers, created int) {
	f.t.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	seen := map[uint64]bool{}
	start := make(chan struct{})
	for range goroutines {
		all.Go(func() {
			<-start
			place, isNew, err := f.store.Join(f.ctx, testSale, "acc-eager")
			if err != nil {
				f.t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			seen[place.N] = true
			if isNew {
				created++
			}
		})
	}
	close(start)
	all.Wait()
	return len(seen), created
}

func TestOnePlacePerSubject(t *testing.T) {
	t.Parallel()
	f := newLine(t, nil)
	if numbers, created := joinAtOnce(f, 200); numbers != 1 || created != 1 {
		t.Errorf("200 joins of one subject made %d places with %d numbers", created, numbers)
	}
}

// TestOnePlacePerSubjectTwin shows that the test above can fail: it does once the
// script no longer looks whether the subject has a place.
func TestOnePlacePerSubjectTwin(t *testing.T) {
	t.Parallel()
	f := newLine(t, nil)
	const guard = "call('HGET', SUBJECTS, digest)"
	if !strings.Contains(joinText, guard) {
		t.Fatal("the guard has another form now")
	}
	unguarded := strings.Replace(joinText, guard, "false", 1)
	f.store.scripts.join = redis.NewScript(headText + lineText + unguarded)
	if numbers, _ := joinAtOnce(f, 200); numbers < 2 {
		t.Error("without its guard the script still gives one place")
	}
}

func TestJoinAgain(t *testing.T) {
	t.Parallel()
	f := newLine(t, small)
	first := f.join(5)
	again, created, err := f.store.Join(f.ctx, testSale, first.Subject)
	f.must(err)
	if created || again.N != first.N || again.ID != first.ID || *again.Ahead != 4 {
		t.Errorf("joining again: created %v, n %d, ahead %d", created, again.N, *again.Ahead)
	}
	f.must(f.store.Leave(f.ctx, first))
	anew, created, err := f.store.Join(f.ctx, testSale, first.Subject)
	f.must(err)
	if !created || anew.N != 6 || anew.ID == first.ID {
		t.Errorf("joining after leaving: created %v, n %d", created, anew.N)
	}
	if f.state(first) != "left" {
		t.Errorf("the old place stands %s", f.state(first))
	}
}

// TestOldPlaceNeverComesBack: once a subject has a new place, no change of settings
// brings the old one back beside it.
func TestOldPlaceNeverComesBack(t *testing.T) {
	t.Parallel()
	f := newLine(t, func(p *queue.Policy) { small(p); p.AbandonSeconds, p.GraceSeconds = 60, 20 })
	old := abandonLast(f)
	place, created, err := f.store.Join(f.ctx, testSale, old.Subject)
	f.must(err)
	if !created || place.N == old.N {
		t.Fatalf("after the grace period: created %v, n %d", created, place.N)
	}
	longer := 3600
	_, err = f.store.Patch(f.ctx, testSale, queue.Patch{GraceSeconds: &longer})
	f.must(err)
	if got := f.place(old).State; got != queue.PlaceExpired {
		t.Errorf("the old place stands %s", got)
	}
	if _, err := f.store.Enter(f.ctx, old); !errors.Is(err, queue.ErrOfferLapsed) {
		t.Errorf("entering with the old place: %v", err)
	}
}

func TestJoinWhereNobodyMay(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		arrange func(*fixture)
		want    error
	}{
		{"scheduled", func(f *fixture) { f.setState(queue.Scheduled) }, queue.ErrClosed},
		{"draft", func(f *fixture) { f.setState(queue.Draft) }, queue.ErrClosed},
		{"draining", func(f *fixture) { f.act(queue.VerbDrain) }, queue.ErrClosed},
		{"closed", func(f *fixture) { f.act(queue.VerbClose) }, queue.ErrClosed},
		{"sold out", func(f *fixture) { f.must(f.store.SetSoldOut(f.ctx, testSale, true)) }, queue.ErrSoldOut},
		{"paused", func(f *fixture) { f.act(queue.VerbPause) }, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newLine(t, nil)
			test.arrange(f)
			if _, _, err := f.store.Join(f.ctx, testSale, "acc-x"); !errors.Is(err, test.want) {
				t.Errorf("join: %v, want %v", err, test.want)
			}
		})
	}
	f := newLine(t, nil)
	if _, _, err := f.store.Join(f.ctx, "no-such-sale", "acc-x"); !errors.Is(err, queue.ErrLineNotFound) {
		t.Errorf("join without a line: %v", err)
	}
}

func (f *fixture) act(verb queue.Verb) queue.Policy {
	f.t.Helper()
	p, err := f.store.Act(f.ctx, testSale, verb)
	f.must(err)
	return p
}

func (f *fixture) setState(state queue.State) {
	f.t.Helper()
	f.must(f.client.HSet(f.ctx, f.store.keys.policy(testSale), "state", string(state)).Err())
}

// TestMemoryPerFan: a waiting fan takes at most 220 bytes of Redis, all keys together.
func TestMemoryPerFan(t *testing.T) {
	t.Parallel()
	f := newLine(t, nil)
	const fans = 30_000
	digestOf := func(i int) []byte { return f.tokens.SubjectDigest(testSale, 1, fmt.Sprintf("acc-%d", i)) }
	f.must(f.store.scripts.join.Load(f.ctx, f.client).Err())
	for first := 0; first < fans; first += 1000 {
		pipe := f.client.Pipeline()
		for i := first; i < first+1000; i++ {
			// A 32nd of the shards, so that they hold what they do with a million fans.
			digest := digestOf(i)
			digest[0] &= 0x01
			keys := append(f.store.keys.line(testSale), f.store.keys.subjects(testSale, 1, digest))
			f.store.scripts.join.EvalSha(f.ctx, pipe, keys, f.store.arguments(1, []any{digest})...)
		}
		_, err := pipe.Exec(f.ctx)
		f.must(err)
	}
	total := int64(0)
	for keys := f.client.Scan(f.ctx, 0, f.prefix+"*", 1000).Iterator(); keys.Next(f.ctx); {
		used, err := f.client.MemoryUsage(f.ctx, keys.Val(), 0).Result()
		f.must(err)
		total += used
	}
	t.Logf("%d bytes a fan", total/fans)
	if total/fans > 220 {
		t.Errorf("%d fans take %d bytes, %d each", fans, total, total/fans)
	}
}

func TestReset(t *testing.T) {
	t.Parallel()
	f := newLine(t, roomy)
	ref := f.join(3)
	f.run(time.Second)
	session := f.activate(ref)
	p := f.act(queue.VerbReset)
	if p.Epoch != 2 || p.Tail != 0 || p.State != queue.Open {
		t.Errorf("after a reset: epoch %d, tail %d, %s", p.Epoch, p.Tail, p.State)
	}
	if _, err := f.store.Place(f.ctx, ref); !errors.Is(err, queue.ErrPlaceInvalid) {
		t.Errorf("a place of the old epoch: %v", err)
	}
	if _, active, err := f.store.SessionActive(f.ctx, session.Ref(), ""); err != nil || active {
		t.Errorf("a session of the old epoch: active %v, %v", active, err)
	}
	place, created, err := f.front.Join(f.ctx, testSale, ref.Subject) // its copy is still of the old epoch
	f.must(err)
	if !created || place.N != 1 || place.Epoch != 2 {
		t.Errorf("joining the new epoch: created %v, n %d, epoch %d", created, place.N, place.Epoch)
	}
}
