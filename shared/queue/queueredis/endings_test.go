package queueredis

import (
	"slices"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/queue"
)

func (f *fixture) endings() []queue.Ending {
	f.t.Helper()
	endings, err := f.store.Endings(f.ctx, testSale, 100)
	f.must(err)
	return endings
}

// noted returns the numbers of all sessions that are noted.
func (f *fixture) noted() (numbers []uint64) {
	f.t.Helper()
	for _, ending := range f.endings() {
		for _, ref := range ending.Sessions {
			if ref.SaleID != testSale || ref.Epoch != 1 {
				f.t.Errorf("noted %+v", ref)
			}
			numbers = append(numbers, ref.N)
		}
	}
	slices.Sort(numbers)
	return numbers
}

func TestSessionsThatEndBeforeTheirTimeAreNoted(t *testing.T) {
	t.Parallel()
	f := newLine(t, func(p *queue.Policy) { roomy(p); p.SessionSeconds = 100 })
	last := f.join(6)
	f.run(time.Second)
	for n := uint64(1); n <= 4; n++ {
		f.activate(f.ref(n))
	}
	f.must(f.store.Leave(f.ctx, f.ref(1)))
	f.must(f.store.Leave(f.ctx, f.ref(1))) // once is enough
	f.must(f.store.Leave(f.ctx, last))     // has no pass, so holds nothing
	if _, err := f.store.EndSession(f.ctx, queue.SessionRef{SaleID: testSale, Epoch: 1, N: 2}); err != nil {
		t.Fatal(err)
	}
	f.must(f.store.LeaveSubject(f.ctx, testSale, "acc-3"))
	f.must(f.store.LeaveSubject(f.ctx, testSale, "acc-3"))
	f.must(f.store.LeaveSubject(f.ctx, testSale, "nobody"))
	f.must(f.store.LeaveSubject(f.ctx, "no-such-line", "acc-3"))
	if state := f.state(f.ref(3)); state != "left" {
		t.Errorf("the place of a subject that left is %s", state)
	}
	if noted := f.noted(); !slices.Equal(noted, []uint64{1, 2, 3}) {
		t.Errorf("noted %v; want 1 (left), 2 (booked), 3 (account gone)", noted)
	}

	endings := f.endings()
	f.must(f.store.ForgetEndings(f.ctx, testSale, endings[:2]))
	f.must(f.store.ForgetEndings(f.ctx, testSale, nil))
	if noted := f.noted(); !slices.Equal(noted, []uint64{3}) {
		t.Errorf("noted %v after two were forgotten", noted)
	}
	if _, err := f.store.Act(f.ctx, testSale, queue.VerbReset); err != nil {
		t.Fatal(err)
	}
	if noted := f.noted(); !slices.Contains(noted, 3) || !slices.Contains(noted, 4) {
		t.Errorf("noted %v; want 3, which is not forgotten, and 4, which the reset ended", noted)
	}
}
