package bookingapi

import (
	"net/http"
	"slices"
	"testing"

	"github.com/fairgate/fairgate/shared/platform/backendtest"
	"github.com/fairgate/fairgate/shared/queue"
)

// A pass of a line by browser names no account. While Redis hangs, too, it serves the one
// that used it first.
func TestAPassServesOneAccountWhileRedisHangs(t *testing.T) {
	t.Parallel()
	road := backendtest.NewProxy(t, backendtest.RedisAddr(t))
	w := newWorld(t, "REDIS_ADDRS="+road.Addr)
	fans := w.fans(3)
	saleID, showtime := w.sale(map[string]any{"seats": 20, "max_seats_per_account": 4})
	seats := w.seats(showtime, 20)
	pass := []string{"Entry-Pass", w.passBy(w.passes, w.session(saleID, fans[0]), "browser-1", queue.ByBrowser)}
	hold := func(f fan, seat string) answer {
		return w.call("POST", holdsOf(showtime), seatsBody(seat), with(f.auth, key(), pass)...)
	}

	road.Freeze(true)
	holders := map[string]int{}
	for i, f := range slices.Concat(fans, fans) {
		switch a := hold(f, seats[i]); a.status {
		case http.StatusCreated:
			holders[f.id]++
		case http.StatusForbidden:
		default:
			t.Errorf("account %d: %d %s", i%len(fans), a.status, cut(a.text))
		}
	}
	if len(holders) != 1 || holders[fans[0].id] != 2 {
		t.Errorf("one pass held for %v, want the first account's two seats", holders)
	}
}
