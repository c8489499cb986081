//go:build acceptance

package acceptance

import (
	"encoding/base64"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestHold(t *testing.T) {
	t.Parallel()
	s, f, other := plainSale(t, 30, nil), newFan(t), newFan(t)
	hold := held(t, s, f, s.seats[:2]).is(201).has("hold_id string", "seats array", "amount number", "expires_at time")
	if left := time.Until(hold.time("expires_at")); hold.number("amount") != 20_000 || left < 4*time.Minute || left > 5*time.Minute+time.Second {
		t.Errorf("a hold of two seats: %s", hold.raw)
	}
	path := "/v1/holds/" + hold.text("hold_id")
	call(t, "GET", path).problem(401, "unauthenticated")
	call(t, "DELETE", path).problem(401, "unauthenticated")
	call(t, "GET", path, bearer(other.token)).is(404)
	call(t, "DELETE", path, bearer(other.token)).is(404)
	mine := call(t, "GET", path, bearer(f.token)).is(200)
	if mine.text("hold_id") != hold.text("hold_id") || mine.number("amount") != 20_000 {
		t.Errorf("my hold: %s", mine.raw)
	}
	conflict := held(t, s, other, s.seats[1:3]).problem(409, "seat_taken")
	if got, _ := conflict.object()["conflicts"].([]any); len(got) != 1 || got[0] != s.seats[1] {
		t.Errorf("conflicts %v, want %s", got, s.seats[1])
	}
	held(t, s, other, s.seats[2:3]).is(201) // all or nothing: the free one stayed free
	call(t, "DELETE", path, bearer(f.token)).is(204)
	call(t, "GET", path, bearer(f.token)).is(404, 410)
	held(t, s, other, s.seats[1:2]).is(201)
}

func TestHoldRefused(t *testing.T) {
	t.Parallel()
	s, f := plainSale(t, 30, nil), newFan(t)
	one := body(map[string]any{"seats": s.seats[:1]})
	call(t, "POST", s.holds(), one, newKey()).problem(401, "unauthenticated")
	call(t, "POST", s.holds(), text("{")).problem(401, "unauthenticated")
	call(t, "POST", s.holds(), bearer(f.token), one).problem(400, "idempotency_key_required")
	call(t, "POST", s.holds(), bearer(f.token), newKey(), text("{")).problem(400, "malformed_json")
	for _, bad := range []string{
		`{}`, ``, `{"seats":[]}`, `{"seats":"A"}`, `{"seats":[1]}`, `{"seats":["` + s.seats[0] + `"],"surprise":1}`, `{"seats":["` + s.seats[0] + `","` + s.seats[0] + `"]}`,
		`{"seats":["` + strings.Join(s.seats[:5], `","`) + `"]}`, `{"best_available":{"count":0}}`, `{"best_available":{"count":5}}`,
		`{"seats":["` + s.seats[0] + `"],"best_available":{"count":1}}`,
	} {
		call(t, "POST", s.holds(), bearer(f.token), newKey(), text(bad)).problem(422, "validation_failed")
	}
	held(t, s, f, []string{"no-such-seat"}).problem(422, "unknown_seat")
	call(t, "POST", "/v1/showtimes/there-is-none/holds", bearer(f.token), newKey(), one).is(404)
	call(t, "GET", "/v1/holds/rubbish", bearer(f.token)).is(404)
}

func TestSeatLimit(t *testing.T) {
	t.Parallel()
	s, f := plainSale(t, 30, nil), newFan(t)
	booked(t, s, f, s.seats[:2])
	held(t, s, f, s.seats[2:4]).is(201)
	held(t, s, f, s.seats[4:5]).problem(409, "seat_limit")
}

func TestSeatLimitInParallel(t *testing.T) {
	t.Parallel()
	s, f := plainSale(t, 30, nil), newFan(t)
	results := make([]int, 12)
	var all sync.WaitGroup
	for i := range results {
		all.Go(func() { results[i] = held(t, s, f, s.seats[i:i+1]).status })
	}
	all.Wait()
	won := 0
	for _, status := range results {
		if status == 201 {
			won++
		} else if status != 409 {
			t.Errorf("a hold among twelve at once: %d", status)
		}
	}
	if won != 4 {
		t.Errorf("one account holds %d seats, want 4", won)
	}
}

func TestOneSeatManyFans(t *testing.T) {
	t.Parallel()
	s := plainSale(t, 30, nil)
	results := make([]int, 20)
	var all sync.WaitGroup
	for i := range results {
		f := newFan(t)
		all.Go(func() { results[i] = held(t, s, f, s.seats[:1]).status })
	}
	all.Wait()
	won := 0
	for _, status := range results {
		if status == 201 {
			won++
		}
	}
	if won != 1 {
		t.Errorf("%d fans hold one seat", won)
	}
}

func TestHoldReplay(t *testing.T) {
	t.Parallel()
	s, f := plainSale(t, 30, nil), newFan(t)
	k := key(unique("key"))
	first := held(t, s, f, s.seats[:2], k).is(201)
	again := held(t, s, f, s.seats[:2], k).is(201)
	if !first.same(again) {
		t.Errorf("a replay is %s, not %s", again.raw, first.raw)
	}
	held(t, s, f, s.seats[2:3], k).problem(422, "idempotency_key_reused")
	held(t, s, newFan(t), s.seats[3:4], k).is(201) // keys are per account
}

func TestBestAvailable(t *testing.T) {
	t.Parallel()
	s, f := plainSale(t, 30, nil), newFan(t)
	grade := call(t, "GET", "/v1/showtimes/"+s.showtime).is(200).object()["prices"].([]any)[0].(map[string]any)["grade"]
	best := body(map[string]any{"best_available": map[string]any{"count": 2, "grade": grade}})
	sameKey := key(unique("key"))
	a := call(t, "POST", s.holds(), bearer(f.token), sameKey, best).is(201)
	if list, _ := a.object()["seats"].([]any); len(list) != 2 {
		t.Errorf("two best seats: %s", a.raw)
	}
	if again := call(t, "POST", s.holds(), bearer(f.token), sameKey, best).is(201); !a.same(again) {
		t.Errorf("a replay of best available is %s, not %s", again.raw, a.raw)
	}
	call(t, "POST", s.holds(), bearer(newFan(t).token), newKey(), body(map[string]any{"best_available": map[string]any{"count": 2, "grade": "no such"}})).is(422, 409)
}

func TestBestAvailableOfASoldOutHall(t *testing.T) {
	t.Parallel()
	s := plainSale(t, 4, nil)
	held(t, s, newFan(t), s.seats, newKey()).is(201)
	best, f, k := body(map[string]any{"best_available": map[string]any{"count": 2}}), newFan(t), newKey()
	for range 2 { // the first may go by what was free a moment ago
		refused := call(t, "POST", s.holds(), bearer(f.token), k, best).is(409)
		if code := refused.object()["code"]; code != "seat_taken" {
			t.Errorf("the hall is full: %s", refused.raw)
		}
	}
}

func TestPassEnforced(t *testing.T) {
	t.Parallel()
	s, foreign, f, other := queuedSale(t, 30, nil), queuedSale(t, 30, nil), newFan(t), newFan(t)
	token, mine := enter(t, s, f)
	_, othersale := enter(t, foreign, f)
	_, others := enter(t, s, other)
	held(t, s, f, s.seats[:1]).problem(403, "pass_required")
	parts := strings.Split(mine, ".")
	unsigned := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"entry+jwt"}`)) + "." + parts[1] + "."
	for name, bad := range map[string]string{"tampered": tampered(mine), "other sale": othersale, "other account": others, "place token": token,
		"access token": f.token, "alg none": unsigned, "rubbish": "rubbish"} {
		if a := held(t, s, f, s.seats[:1], pass(bad)); a.problem(403, "pass_invalid").status != 403 {
			t.Errorf("%s: let through", name)
		}
	}
	call(t, "POST", s.holds(), pass(mine), text("{")).problem(401, "unauthenticated")
	call(t, "POST", s.holds(), bearer(f.token), newKey(), text("{")).problem(403, "pass_required") // before the body
	call(t, "POST", s.holds(), bearer(f.token), text(`{"seats":[]}`)).problem(403, "pass_required")
	call(t, "POST", s.holds(), bearer(f.token), pass(mine), newKey(), text("{")).problem(400, "malformed_json")
	inCookie := cookie("entry_pass_"+s.id, mine)
	held(t, s, f, s.seats[:1], inCookie).problem(403, "forbidden") // a cookie needs this site
	held(t, s, f, s.seats[:1], inCookie, sameSite(), pass(tampered(mine))).problem(403, "pass_invalid")
	hold := held(t, s, f, s.seats[:1], inCookie, sameSite()).is(201).text("hold_id")

	book := func(more ...option) answer {
		return call(t, "POST", "/v1/bookings", append([]option{bearer(f.token), newKey(), body(map[string]any{"hold_id": hold})}, more...)...)
	}
	book().problem(403, "pass_required")
	book(pass(tampered(mine))).problem(403, "pass_invalid")
	book(pass(othersale)).problem(403, "pass_invalid")
	book(pass(others)).problem(403, "pass_invalid")
	booking := book(pass(mine)).is(201)
	pay(t, f, booking).is(200) // asks for no pass
	eventually(t, "the pass is spent", func() bool { return held(t, s, f, s.seats[1:2], pass(mine)).status == 403 })
	call(t, "DELETE", s.queue("/places/me"), place(token)).is(204, 410)
}
