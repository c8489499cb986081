package hub

import (
	"sync"
	"testing"

	"github.com/fairgate/fairgate/shared/queue"
)

type line struct {
	mu      sync.Mutex
	gone    map[uint64]bool
	notice  string
	present map[uint64]int
}

func (l *line) Present(ref queue.PlaceRef) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.present[ref.N]++
	return !l.gone[ref.N], nil
}

func (l *line) Notice(string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.notice
}

func (l *line) change(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

func woken(wake <-chan struct{}) bool {
	select {
	case <-wake:
		return true
	default:
		return false
	}
}

func TestOnlyThoseWithNewsAreWoken(t *testing.T) {
	t.Parallel()
	l := &line{gone: map[uint64]bool{}, present: map[uint64]int{}, notice: "open"}
	h := New(l)
	one, stopOne := h.Watch(queue.PlaceRef{SaleID: "s", N: 1})
	two, stopTwo := h.Watch(queue.PlaceRef{SaleID: "s", N: 2})
	h.Look()
	if woken(one) || woken(two) {
		t.Fatal("woken without news")
	}
	l.change(func() { l.gone[1] = true })
	h.Look()
	if !woken(one) || woken(two) {
		t.Fatal("the first's turn")
	}
	h.Look()
	if woken(one) {
		t.Fatal("told twice")
	}
	l.change(func() { l.notice = "paused" })
	h.Look()
	if !woken(one) || !woken(two) {
		t.Fatal("the notice")
	}
	stopOne()
	l.change(func() { l.gone[2] = true; l.present = map[uint64]int{} })
	h.Look()
	h.Look()
	if woken(one) || !woken(two) {
		t.Fatal("after the first stopped")
	}
	if l.present[1] != 0 || l.present[2] != 2 {
		t.Fatalf("signs of life: %v", l.present)
	}
	stopTwo()
	if len(h.subs) != 0 || len(h.told) != 0 {
		t.Fatal("something is remembered")
	}
}
