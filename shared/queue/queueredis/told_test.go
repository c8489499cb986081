package queueredis

import (
	"strings"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/queue"
)

// TestAChangeIsToldAtTheNextBeats: every gateway, not only the one that was asked to
// make the change, and long before the next copy is due.
func TestAChangeIsToldAtTheNextBeats(t *testing.T) {
	t.Parallel()
	f := newLine(t, nil)
	asked, other := f.front, NewFront(f.store, f.front.log, f.clock)
	f.must(asked.Refresh(f.ctx, testSale))
	f.must(other.Refresh(f.ctx, testSale))
	tells := func(front *Front, text string) bool {
		t.Helper()
		body, err := front.Status(testSale)
		f.must(err)
		return strings.Contains(string(body.JSON), text)
	}
	_, err := f.store.Patch(f.ctx, testSale, queue.Patch{Message: map[string]string{"en": "doors at eight"}})
	f.must(err)
	const notDue = 1 // a beat in which nothing is copied
	for range 2 {    // the one that writes the status, then the one that reads it
		f.clock.Advance(250 * time.Millisecond)
		f.must(other.beat(f.ctx, testSale, notDue))
		f.must(asked.beat(f.ctx, testSale, notDue))
	}
	for name, front := range map[string]*Front{"asked": asked, "other": other} {
		if !tells(front, "doors at eight") {
			t.Errorf("%s gateway does not tell of the change", name)
		}
		select {
		case <-front.Told():
		default:
			t.Errorf("%s gateway wakes nobody", name)
		}
	}
	f.asked.Store(0)
	f.must(other.beat(f.ctx, testSale, notDue))
	if asked := f.asked.Load(); asked != 1 {
		t.Errorf("a beat in which nothing has changed sends %d commands, not only its tick", asked)
	}
	f.must(f.store.SetSoldOut(f.ctx, testSale, true))
	f.clock.Advance(250 * time.Millisecond)
	f.must(other.beat(f.ctx, testSale, notDue))
	if !tells(other, `"sold_out"`) {
		t.Error("nobody hears that the sale is sold out")
	}
}
