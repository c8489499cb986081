package queueredis

import (
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/queue"
)

func minuteToAbandon(p *queue.Policy) { p.AbandonSeconds = 60 }

func TestAbandonedAreSweptAndComeBack(t *testing.T) {
	t.Parallel()
	f := newLine(t, minuteToAbandon)
	f.must(f.store.ReportPresence(f.ctx, testSale))
	f.act(queue.VerbPause)
	f.join(30)
	keepSeeing(f, 50*time.Second, 7)
	if got := f.client.ZCard(f.ctx, f.store.keys.of(testSale, "waiting")).Val(); got != 30 {
		t.Fatalf("%d wait after 50 s, want all 30", got)
	}
	keepSeeing(f, time.Minute, 7)
	f.refresh()
	if live := f.front.mustView(t).Live; live.Has(7) || live.Total() != 29 {
		t.Fatalf("after 110 s place 7 is live: %v, of %d", live.Has(7), live.Total())
	}
	if figures := f.front.mustView(t).Figures; figures.Abandoned != 1 {
		t.Errorf("%d are counted as abandoned, want 1", figures.Abandoned)
	}
	if place, err := f.front.Place(f.ctx, f.ref(8)); err != nil || *place.Ahead != 6 {
		t.Errorf("place 8 has %d ahead, want 6: ghosts do not count (%v)", *place.Ahead, err)
	}
	back := f.place(f.ref(7))
	if back.State != queue.PlaceWaiting || *back.Ahead != 6 || back.Key != queue.LateKey(7) {
		t.Errorf("back: %s, %d ahead, key %s", back.State, *back.Ahead, back.Key)
	}
}

func (f *Front) mustView(t *testing.T) *view {
	t.Helper()
	_, v, err := f.at(testSale)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestNobodyIsAbsentAfterAnOutage: when no gateway could report, fans are not
// swept for it until they had a full abandon time to be seen again.
func TestNobodyIsAbsentAfterAnOutage(t *testing.T) {
	t.Parallel()
	f := newLine(t, minuteToAbandon)
	f.must(f.store.ReportPresence(f.ctx, testSale))
	f.act(queue.VerbPause)
	f.join(5)
	keepSeeing(f, 2*time.Minute, 0)
	f.run(5 * time.Minute) // without any report
	if removed, err := f.store.Sweep(f.ctx, testSale); err != nil || removed != 0 {
		t.Fatalf("a sweep in the outage removed %d (%v)", removed, err)
	}
	keepSeeing(f, 30*time.Second, 3)
	if f.state(f.ref(3)) != "waiting" {
		t.Errorf("30 s after the outage place 3 stands %s", f.state(f.ref(3)))
	}
	if got := f.client.ZCard(f.ctx, f.store.keys.of(testSale, "waiting")).Val(); got != 5 {
		t.Errorf("%d wait, want 5", got)
	}
}

// TestAbsentAreNotOffered: a turn goes to the first who is there.
func TestAbsentAreNotOffered(t *testing.T) {
	t.Parallel()
	f := newLine(t, func(p *queue.Policy) { small(p); minuteToAbandon(p) })
	f.must(f.store.ReportPresence(f.ctx, testSale))
	f.act(queue.VerbPause)
	f.join(20)
	for range 110 {
		f.must(f.store.ReportPresence(f.ctx, testSale, 3, 4, 5, 6, 7, 8, 9, 10))
		f.run(time.Second)
	}
	f.act(queue.VerbResume)
	f.tick()
	for n, want := range map[uint64]string{3: "offered", 4: "offered", 5: "waiting"} {
		if got := f.state(f.ref(n)); got != want {
			t.Errorf("place %d stands %s, want %s", n, got, want)
		}
	}
	if got := f.state(f.ref(1)); got != "waiting" { // away, and back by this poll
		t.Errorf("place 1 stands %s", got)
	}
	if got := f.place(f.ref(1)); *got.Ahead != 0 {
		t.Errorf("place 1 has %d ahead", *got.Ahead)
	}
}

func TestPresenceAsBitmap(t *testing.T) {
	t.Parallel()
	f := newLine(t, minuteToAbandon)
	f.must(f.store.ReportPresence(f.ctx, testSale))
	f.act(queue.VerbPause)
	f.join(10)
	f.clock.Advance(95 * time.Second)
	many := make([]uint64, 0, 3*maxMarkList)
	for n := range uint64(3 * maxMarkList) {
		if n != 4 {
			many = append(many, n)
		}
	}
	for range 2 { // the first after the silence only says that gateways watch again
		f.must(f.store.ReportPresence(f.ctx, testSale, many...))
		for range 9 {
			f.run(10 * time.Second)
			f.must(f.store.ReportPresence(f.ctx, testSale, many...))
		}
	}
	removed, err := f.store.Sweep(f.ctx, testSale)
	f.must(err)
	if removed != 1 {
		t.Errorf("the sweep removed %d, want place 4 alone", removed)
	}
}
