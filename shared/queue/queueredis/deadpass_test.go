package queueredis

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/platform/jwks"
	"github.com/fairgate/fairgate/shared/platform/redisx"
	"github.com/fairgate/fairgate/shared/queue"
)

// deadPass lets 8 goroutines show one pass over and over, ends its session among
// them and counts how often it was good although asked after that had answered.
func deadPass(t *testing.T, guard func(*Store) queue.Sessions) (late int64) {
	t.Helper()
	f := newLine(t, func(p *queue.Policy) { roomy(p); p.SessionSeconds = 100 })
	ref := f.join(1)
	f.run(time.Second)
	session := f.activate(ref)
	signer, err := jwks.NewSigner(make([]byte, 32))
	f.must(err)
	pass, err := queue.NewPassMinter(signer, f.clock).Mint(session, ref.Subject, queue.ByAccount)
	f.must(err)
	store := New(redisx.NewCoalescer(f.client), f.prefix, nil, WithClock(f.clock.Now))
	gate := queue.NewGate(signer.Public(), guard(store), nil, f.clock)

	var good, lateGood atomic.Int64
	var left atomic.Bool
	var fans sync.WaitGroup
	for range 8 {
		fans.Go(func() {
			for asked := 0; asked < 20; {
				after := left.Load()
				_, err := gate.Check(context.Background(), pass, testSale, ref.Subject)
				if after {
					asked++
				}
				if err == nil {
					good.Add(1)
				}
				if err == nil && after {
					lateGood.Add(1)
				}
			}
		})
	}
	for deadline := time.Now().Add(30 * time.Second); good.Load() < 50 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if good.Load() == 0 {
		t.Error("the pass was never good")
	}
	err = f.store.Leave(f.ctx, ref)
	left.Store(true)
	fans.Wait()
	f.must(err)
	return lateGood.Load()
}

func TestAPassIsDeadWhenLeavingAnswers(t *testing.T) {
	t.Parallel()
	if late := deadPass(t, func(s *Store) queue.Sessions { return s }); late > 0 {
		t.Errorf("the pass was good %d times after its session had ended", late)
	}
}

// rememberedSessions asks once: what must not be done to make holds faster.
type rememberedSessions struct {
	queue.Sessions
	once   sync.Once
	endsAt time.Time
	active bool
	err    error
}

func (r *rememberedSessions) SessionActive(ctx context.Context, ref queue.SessionRef, bindTo string) (time.Time, bool, error) {
	r.once.Do(func() { r.endsAt, r.active, r.err = r.Sessions.SessionActive(ctx, ref, bindTo) })
	return r.endsAt, r.active, r.err
}

func TestAPassIsDeadWhenLeavingAnswersTwin(t *testing.T) {
	t.Parallel()
	if late := deadPass(t, func(s *Store) queue.Sessions { return &rememberedSessions{Sessions: s} }); late == 0 {
		t.Error("the test does not notice that sessions are remembered")
	}
}
