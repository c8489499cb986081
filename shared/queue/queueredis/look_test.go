package queueredis

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/fairgate/fairgate/shared/queue"
)

// makeLine makes an open line that the fixture's front has not been told of.
func (f *fixture) makeLine(sale string) {
	f.t.Helper()
	policy := queue.DefaultPolicy(sale)
	policy.State = queue.Open
	_, err := f.store.Ensure(f.ctx, policy)
	f.must(err)
}

func TestANewLineIsFoundWhenSomebodyAsks(t *testing.T) {
	t.Parallel()
	f := newLine(t, nil)
	f.front.learn([]string{testSale})
	f.makeLine("brand-new")
	if status, err := f.front.Status("brand-new"); err != nil || len(status.JSON) == 0 {
		t.Errorf("status %s, %v", status.JSON, err)
	}
	if policy, err := f.front.Policy("brand-new"); err != nil || policy.SaleID != "brand-new" {
		t.Errorf("policy %+v, %v", policy, err)
	}
}

func TestUnknownLinesCostNothing(t *testing.T) {
	t.Parallel()
	f := newLine(t, nil)
	f.front.learn([]string{testSale})
	before := f.asked.Load()
	flood := func() {
		var fans sync.WaitGroup
		for fan := range 20 {
			fans.Go(func() {
				for i := range 100 {
					if _, err := f.front.Status(fmt.Sprintf("nothing-%d-%d", fan, i)); !errors.Is(err, queue.ErrLineNotFound) {
						t.Errorf("a line that is not there: %v", err)
					}
				}
			})
		}
		fans.Wait()
	}
	flood()
	if n := f.asked.Load() - before; n != 1 {
		t.Errorf("2,000 unknown lines cost %d commands, want 1", n)
	}
	f.makeLine("nothing-0-0")
	before = f.asked.Load()
	flood() // no time has passed: what was not there a moment ago is not there
	if n := f.asked.Load() - before; n != 0 {
		t.Errorf("the same moment cost %d commands more", n)
	}
	f.clock.Advance(lookEvery)
	if _, err := f.front.Status("nothing-0-0"); err != nil {
		t.Errorf("a quarter of a second later: %v", err)
	}
	if _, err := f.front.Status("nothing-1-1"); !errors.Is(err, queue.ErrLineNotFound) {
		t.Errorf("another one: %v", err)
	}
}
