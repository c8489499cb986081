package bookingapi

import (
	"fmt"
	"slices"
	"sync"
	"testing"
)

// mine returns the fan's live holds by id, each with its seats.
func (w *world) mine(f fan, query string) map[string][]any {
	w.t.Helper()
	a := w.call("GET", "/v1/me/holds"+query, nil, f.auth...).is(200)
	if a.body["complete"] != true {
		w.t.Errorf("the list is not complete: %s", a.text)
	}
	found := map[string][]any{}
	for _, item := range a.items() {
		found[item["hold_id"].(string)], _ = item["seats"].([]any)
	}
	return found
}

func TestMyHoldsAreThoseThatLive(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	fans := w.fans(2)
	f, other := fans[0], fans[1]
	sale, showtime := w.sale(map[string]any{"seats": 30, "queued": false, "max_seats_per_account": 8})
	_, elsewhere := w.sale(map[string]any{"seats": 30, "queued": false})
	w.call("GET", "/v1/me/holds", nil).is(401, "unauthenticated")
	if got := w.mine(f, ""); len(got) != 0 {
		t.Fatalf("before any hold: %v", got)
	}
	seats := w.seats(showtime, 12)
	kept := w.hold(f, showtime, seats[1], seats[0]).is(201)
	released := w.hold(f, showtime, seats[2]).is(201)
	booked := w.hold(f, showtime, seats[3]).is(201)
	away := w.hold(f, elsewhere, w.seats(elsewhere, 1)...).is(201)
	w.hold(other, showtime, seats[5]).is(201)
	w.call("DELETE", "/v1/holds/"+released.str("hold_id"), nil, f.auth...).is(204)
	w.book(f, booked.str("hold_id")).is(201)

	// The list of open sales is seconds old: the showtime's own answers at once.
	eventually(t, "both sales are known", func() bool { return len(w.mine(f, "")) == 2 })
	all := w.mine(f, "")
	for _, hold := range []answer{kept, away} {
		if all[hold.str("hold_id")] == nil {
			t.Errorf("%s is not among %v", hold.text, all)
		}
	}
	here := w.call("GET", "/v1/me/holds?showtime_id="+showtime, nil, f.auth...).is(200)
	if items := here.items(); len(items) != 1 || items[0]["hold_id"] != kept.str("hold_id") || items[0]["showtime_id"] != showtime ||
		items[0]["sale_id"] != sale || items[0]["amount"] != kept.body["amount"] || items[0]["expires_at"] != kept.body["expires_at"] {
		t.Errorf("of the showtime: %s, want only %s", here.text, kept.text)
	}
	// Whoever finds it again is told what it is for, as a booking tells it.
	show := w.call("GET", "/v1/performances/"+here.items()[0]["performance_id"].(string), nil).is(200)
	sitting := w.call("GET", "/v1/showtimes/"+showtime, nil).is(200)
	for member, want := range map[string]any{"performance_title": show.body["title"], "venue_name": show.body["venue_name"], "starts_at": sitting.body["starts_at"]} {
		if got := here.items()[0][member]; got != want || got == nil || got == "" {
			t.Errorf("%s of the hold: %v, want %v", member, got, want)
		}
	}
	// What the page has found again can be booked.
	w.book(f, here.items()[0]["hold_id"].(string)).is(201)
	if got := w.mine(f, "?showtime_id="+showtime); len(got) != 0 {
		t.Errorf("after booking: %v", got)
	}
}

func TestHoldingWhatOneHoldsIsAnsweredWithThatHold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	fans := w.fans(2)
	f, other := fans[0], fans[1]
	_, showtime := w.sale(map[string]any{"seats": 30, "queued": false, "max_seats_per_account": 4})
	seats := w.seats(showtime, 12)
	first := w.hold(f, showtime, seats[:4]...).is(201)

	again := w.hold(f, showtime, seats[3], seats[0], seats[1], seats[2]).is(201)
	if again.text != first.text {
		t.Errorf("the same seats: %s; first %s", again.text, first.text)
	}
	for name, asked := range map[string][]string{"fewer": seats[:2], "some of them": {seats[3], seats[4]}} {
		a := w.hold(f, showtime, asked...).is(409, "seat_taken")
		if yours, _ := a.body["yours"].([]any); len(yours) == 0 || len(yours) != len(a.body["conflicts"].([]any)) {
			t.Errorf("%s: %s", name, a.text)
		}
	}
	if a := w.hold(other, showtime, seats[:4]...).is(409, "seat_taken"); a.body["yours"] != nil {
		t.Errorf("another account: %s", a.text)
	}
	if got := w.mine(f, "?showtime_id="+showtime); len(got) != 1 {
		t.Errorf("holds: %v", got)
	}
	// Under its second name it is released as one hold, and then its seats are free.
	w.call("DELETE", "/v1/holds/"+again.str("hold_id"), nil, f.auth...).is(204)
	w.hold(other, showtime, seats[:4]...).is(201)
	if a := w.hold(f, showtime, seats[:4]...).is(409, "seat_taken"); a.body["yours"] != nil {
		t.Errorf("after another has them: %s", a.text)
	}
}

func TestManyTabsGetOneHold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.fans(1)[0]
	_, showtime := w.sale(map[string]any{"seats": 30, "queued": false, "max_seats_per_account": 4})
	seats := w.seats(showtime, 4)
	var mu sync.Mutex
	var ids []string
	var tabs sync.WaitGroup
	for range 20 {
		tabs.Go(func() {
			a := w.hold(f, showtime, seats...)
			mu.Lock()
			defer mu.Unlock()
			ids = append(ids, fmt.Sprint(a.status, a.body["hold_id"]))
		})
	}
	tabs.Wait()
	slices.Sort(ids)
	if unique := slices.Compact(ids); len(unique) != 1 || unique[0][:3] != "201" {
		t.Errorf("%d different answers: %.200s", len(unique), unique)
	}
}
