//go:build acceptance

package acceptance

import (
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestJoin(t *testing.T) {
	t.Parallel()
	s, f := queuedSale(t, 4, nil), newFan(t)
	members := []string{"place_token string", "id string", "n number", "key string", "state string", "ahead number", "eta_seconds object|null", "poll_after_ms number"}
	first := call(t, "POST", s.queue("/places"), bearer(f.token)).is(201).has(members...)
	if !regexp.MustCompile(`^[0-9]+$`).MatchString(first.text("key")) {
		t.Errorf("key %q is no decimal string", first.text("key"))
	}
	c := first.setCookie("place_" + s.id)
	if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Value != first.text("place_token") {
		t.Errorf("cookie %v is not HttpOnly, SameSite=Lax and the token", c)
	}
	again := call(t, "POST", s.queue("/places"), bearer(f.token), body(map[string]any{})).is(200).has(members...)
	for _, name := range []string{"id", "key"} {
		if again.text(name) != first.text(name) {
			t.Errorf("joining again changed %s from %s to %s", name, first.text(name), again.text(name))
		}
	}
	if strings.Contains(first.header.Get("Cache-Control"), "public") {
		t.Error("a place may be cached by others")
	}
}

func TestJoinRefused(t *testing.T) {
	t.Parallel()
	s, f := queuedSale(t, 4, nil), newFan(t)
	call(t, "POST", s.queue("/places")).problem(401, "unauthenticated")
	call(t, "POST", s.queue("/places"), bearer("rubbish")).problem(401, "unauthenticated")
	call(t, "POST", s.queue("/places"), bearer(tampered(f.token))).problem(401, "unauthenticated")
	call(t, "POST", s.queue("/places"), text("{")).problem(401, "unauthenticated")
	call(t, "POST", s.queue("/places"), bearer(f.token), text("{")).problem(400, "malformed_json")
	call(t, "POST", s.queue("/places"), bearer(f.token), text(`{"surprise":1}`)).problem(422, "validation_failed")
	call(t, "POST", s.queue("/places"), bearer(f.token), text(`"`+strings.Repeat("a", 5000)+`"`)).problem(413, "body_too_large")
	for _, unknown := range []string{"there-is-none", "NOT_A_SALE", strings.Repeat("a", 41)} {
		call(t, "POST", "/v1/queues/"+unknown+"/places", bearer(f.token)).problem(404, "sale_not_found")
		call(t, "GET", "/v1/queues/"+unknown).problem(404, "sale_not_found")
		call(t, "GET", "/q/"+unknown).is(404)
	}
	plain := plainSale(t, 1, nil)
	call(t, "POST", plain.queue("/places"), bearer(f.token)).problem(404, "sale_not_found")
	call(t, "POST", "/v1/admin/queues/"+s.id+"/close", admin(t)).is(200)
	call(t, "POST", s.queue("/places"), bearer(f.token)).problem(409, "sale_closed")
}

func TestOnePlacePerAccount(t *testing.T) {
	t.Parallel()
	s, f := queuedSale(t, 4, nil), newFan(t)
	numbers := make([]int64, 16)
	var all sync.WaitGroup
	for i := range numbers {
		all.Go(func() { numbers[i] = call(t, "POST", s.queue("/places"), bearer(f.token)).number("n") })
	}
	all.Wait()
	for _, n := range numbers {
		if n != numbers[0] {
			t.Fatalf("one account has several places: %v", numbers)
		}
	}
}

func TestPlaceToken(t *testing.T) {
	t.Parallel()
	s, other, f := queuedSale(t, 4, nil), queuedSale(t, 4, nil), newFan(t)
	token := join(t, s, f)
	for _, call := range []func(...option) answer{
		func(o ...option) answer { return call(t, "GET", s.queue("/places/me"), o...) },
		func(o ...option) answer { return call(t, "POST", s.queue("/places/me/presence"), o...) },
		func(o ...option) answer { return call(t, "POST", s.queue("/places/me/entry"), o...) },
		func(o ...option) answer { return call(t, "DELETE", s.queue("/places/me"), o...) },
		func(o ...option) answer { return call(t, "GET", s.queue("/places/me/events"), o...) },
	} {
		call().problem(401, "place_required")
		call(place("rubbish")).problem(401, "place_invalid")
		call(place(tampered(token))).problem(401, "place_invalid")
		call(place(join(t, other, f))).problem(401, "place_invalid")
		call(place("rubbish"), cookie("place_"+s.id, token), sameSite()).problem(401, "place_invalid") // a header wins
		call(place(token), bearer(newFan(t).token)).problem(401, "place_invalid")
		foreign := call(cookie("place_"+s.id, token), sameSite(), bearer(newFan(t).token)).problem(401, "place_invalid")
		if c := foreign.setCookie("place_" + s.id); c.Value != "" && c.MaxAge >= 0 {
			t.Errorf("%s: the cookie of another's place stays: %v", foreign.call, c)
		}
	}
	call(t, "GET", s.queue("/places/me"), place(token), cookie("place_"+s.id, "rubbish")).is(200)
	call(t, "GET", s.queue("/places/me"), cookie("place_"+s.id, token)).is(200)
	call(t, "POST", "/v1/queues/there-is-none/places/me/entry", place(token)).problem(404, "sale_not_found")
	call(t, "POST", "/v1/admin/queues/"+s.id+"/reset", admin(t)).is(200)
	eventually(t, "a place of an epoch that is over is refused", func() bool {
		return call(t, "GET", s.queue("/places/me"), place(token)).status == 401
	})
	call(t, "POST", s.queue("/places/me/entry"), place(token)).problem(401, "place_invalid")
}

func TestCookiesNeedThisSite(t *testing.T) {
	t.Parallel()
	s, f := queuedSale(t, 4, nil), newFan(t)
	mine := cookie("place_"+s.id, join(t, s, f))
	call(t, "POST", s.queue("/places/me/presence"), mine).problem(403, "forbidden")
	call(t, "POST", s.queue("/places/me/entry"), mine, header("Sec-Fetch-Site", "cross-site")).problem(403, "forbidden")
	call(t, "DELETE", s.queue("/places/me"), mine, header("Origin", "https://evil.example")).problem(403, "forbidden")
	call(t, "POST", s.queue("/places/me/presence"), mine, sameSite()).is(200, 204)
	call(t, "DELETE", s.queue("/places/me"), mine, header("Origin", system(t).url)).is(204)
}

func TestWaiting(t *testing.T) {
	t.Parallel()
	s := queuedSale(t, 4, nil)
	call(t, "POST", "/v1/admin/queues/"+s.id+"/pause", admin(t)).is(200)
	fans := []string{join(t, s, newFan(t)), join(t, s, newFan(t)), join(t, s, newFan(t))}
	eventually(t, "the last of three sees two ahead", func() bool { return standing(t, s, fans[2]).number("ahead") == 2 })
	eventually(t, "all of them see three in all", func() bool {
		return standing(t, s, fans[0]).number("total") == 3 && standing(t, s, fans[1]).number("total") == 3
	})
	for ahead, token := range fans {
		at := standing(t, s, token).has("id string", "n number", "key string", "state string", "ahead number", "total number", "eta_seconds object|null",
			"claim_before null", "session_ends_at null", "poll_after_ms number")
		if at.text("state") != "waiting" || at.number("ahead") != int64(ahead) || at.number("total") != 3 {
			t.Errorf("fan %d of 3 stands at %s", ahead, at.raw)
		}
		call(t, "POST", s.queue("/places/me/presence"), place(token)).is(204)
	}
	before := standing(t, s, fans[1])
	refused := call(t, "POST", s.queue("/places/me/entry"), place(fans[1])).problem(409, "not_your_turn").has("ahead number", "retry_after_ms number")
	if refused.number("ahead") != 1 || refused.number("retry_after_ms") < 1 {
		t.Errorf("claiming before the turn says %s", refused.raw)
	}
	if len(refused.setsOn) > 0 {
		t.Errorf("claiming before the turn sets %v", refused.setsOn)
	}
	if after := standing(t, s, fans[1]); after.text("state") != "waiting" || after.text("key") != before.text("key") || after.number("ahead") != 1 {
		t.Errorf("claiming before the turn changed %s to %s", before.raw, after.raw)
	}
	call(t, "DELETE", s.queue("/places/me"), place(fans[0])).is(204)
	eventually(t, "the second moves up when the first leaves", func() bool { return standing(t, s, fans[1]).number("ahead") == 0 })
	call(t, "POST", "/v1/admin/queues/"+s.id+"/resume", admin(t)).is(200)
	eventually(t, "both are offered when the line goes on", func() bool {
		return standing(t, s, fans[1]).text("state") == "offered" && standing(t, s, fans[2]).text("state") == "offered"
	})
}

func TestTurn(t *testing.T) {
	t.Parallel()
	s, f := queuedSale(t, 4, nil), newFan(t)
	token := join(t, s, f)
	eventually(t, "the turn", func() bool { return standing(t, s, token).text("state") == "offered" })
	offered := standing(t, s, token).has("ahead number", "claim_before time")
	if left := time.Until(offered.time("claim_before")); offered.number("ahead") != 0 || left < 40*time.Second || left > 2*time.Minute {
		t.Errorf("an offer says %s", offered.raw)
	}
	claim(t, s, token)
	first := call(t, "POST", s.queue("/places/me/entry"), place(token)).is(200).has("entry_pass string", "expires_at time")
	c := first.setCookie("entry_pass_" + s.id)
	if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Value != first.text("entry_pass") {
		t.Errorf("cookie %v is not HttpOnly, SameSite=Lax and the pass", c)
	}
	again := call(t, "POST", s.queue("/places/me/entry"), place(token), bearer(f.token), body(map[string]any{})).is(200)
	if !again.time("expires_at").Equal(first.time("expires_at")) {
		t.Errorf("claiming again moved the session's end from %s to %s", first.text("expires_at"), again.text("expires_at"))
	}
	active := standing(t, s, token).has("session_ends_at time", "claim_before null", "ahead number")
	if active.text("state") != "active" || active.number("ahead") != 0 || !active.time("session_ends_at").Truncate(time.Second).Equal(first.time("expires_at").Truncate(time.Second)) {
		t.Errorf("a fan with a pass until %s stands at %s", first.text("expires_at"), active.raw)
	}
	call(t, "POST", s.queue("/places/me/presence"), place(token)).is(200).has("state string", "session_ends_at time")

	call(t, "DELETE", s.queue("/places/me"), place(token)).is(204)
	held(t, s, f, s.seats[:1], pass(first.text("entry_pass"))).problem(403, "pass_invalid")
	if left := standing(t, s, token); left.text("state") != "left" && left.text("state") != "finished" {
		t.Errorf("after leaving: %s", left.raw)
	}
	call(t, "POST", s.queue("/places/me/entry"), place(token)).is(410)
	rejoined := call(t, "POST", s.queue("/places"), bearer(f.token)).is(201)
	if rejoined.text("id") == first.text("entry_pass") || rejoined.text("place_token") == token {
		t.Error("joining after leaving gives the old place")
	}
}

func TestCapacity(t *testing.T) {
	t.Parallel()
	s := queuedSale(t, 4, map[string]any{"capacity": 1})
	first, _ := enter(t, s, newFan(t))
	second := join(t, s, newFan(t))
	for range 15 {
		if a := call(t, "POST", s.queue("/places/me/entry"), place(second)); a.status != 409 {
			t.Fatalf("a second fan in a line of capacity 1: %d %s", a.status, a.raw)
		}
		time.Sleep(100 * time.Millisecond)
	}
	call(t, "DELETE", s.queue("/places/me"), place(first)).is(204)
	claim(t, s, second)
}

func TestFinished(t *testing.T) {
	t.Parallel()
	s, f := queuedSale(t, 4, nil), newFan(t)
	token, entryPass := enter(t, s, f)
	bought(t, s, f, s.seats[:1], pass(entryPass))
	eventually(t, "the place is finished by the booking", func() bool { return standing(t, s, token).text("state") == "finished" })
	held(t, s, f, s.seats[1:2], pass(entryPass)).problem(403, "pass_invalid")
	call(t, "POST", s.queue("/places/me/entry"), place(token)).is(410)
}

func TestPlaceEvents(t *testing.T) {
	t.Parallel()
	s, f := queuedSale(t, 4, nil), newFan(t)
	call(t, "POST", "/v1/admin/queues/"+s.id+"/pause", admin(t)).is(200)
	token := join(t, s, f)
	events := stream(t, s.queue("/places/me/events"), cookie("place_"+s.id, token))
	next(t, events, "a retry hint", func(e sent) bool { return e.kind == "retry" })
	first := next(t, events, "the place", func(e sent) bool { return e.kind == "place" })
	has(t, "place event", first.object(t), "state string", "ahead number", "eta_seconds object|null")
	if first.id == "" {
		t.Error("a place event has no id")
	}
	call(t, "PATCH", "/v1/admin/queues/"+s.id, admin(t), body(map[string]any{"message": map[string]string{"en": "A short break"}})).is(200)
	next(t, events, "the operator's message in a status event", func(e sent) bool { return e.kind == "status" && strings.Contains(e.data, "A short break") })
	call(t, "POST", "/v1/admin/queues/"+s.id+"/resume", admin(t)).is(200)
	next(t, events, "the turn at once", func(e sent) bool { return e.kind == "place" && e.object(t)["state"] == "offered" })
}

func TestSessionEnds(t *testing.T) {
	t.Parallel()
	s, f := queuedSale(t, 4, map[string]any{"session_seconds": 6}), newFan(t)
	token, entryPass := enter(t, s, f)
	hold := held(t, s, f, s.seats[:1], pass(entryPass)).is(201)
	end := standing(t, s, token).time("session_ends_at")
	if hold.time("expires_at").After(end.Add(time.Second)) {
		t.Errorf("a hold until %s outlives the session until %s", hold.text("expires_at"), end)
	}
	eventually(t, "the session is over", func() bool { return standing(t, s, token).text("state") == "expired" })
	held(t, s, f, s.seats[1:2], pass(entryPass)).problem(403, "pass_invalid")
	call(t, "POST", "/v1/bookings", bearer(f.token), newKey(), pass(entryPass), body(map[string]any{"hold_id": hold.text("hold_id")})).problem(403, "pass_invalid")
	call(t, "POST", s.queue("/places/me/entry"), place(token)).is(410)
	if again := call(t, "POST", s.queue("/places"), bearer(f.token)).is(201); again.text("place_token") == token {
		t.Error("joining after the session gives the old place")
	}
}

func TestBookingExtendsTheSession(t *testing.T) {
	t.Parallel()
	s, f := queuedSale(t, 4, map[string]any{"session_seconds": 5}), newFan(t)
	token, entryPass := enter(t, s, f)
	before := standing(t, s, token).time("session_ends_at")
	b := booked(t, s, f, s.seats[:1], pass(entryPass))
	eventually(t, "the session lasts until the booking must be paid", func() bool {
		at := standing(t, s, token)
		return at.text("state") == "active" && at.time("session_ends_at").After(before.Add(time.Minute))
	})
	if a := pay(t, f, b).is(200); a.text("booking_state") != "confirmed" {
		t.Errorf("paid: %s", a.raw)
	}
}

func TestClosedLineLetsEveryoneGo(t *testing.T) {
	t.Parallel()
	s := queuedSale(t, 4, nil)
	call(t, "POST", "/v1/admin/queues/"+s.id+"/pause", admin(t)).is(200)
	token := join(t, s, newFan(t))
	call(t, "POST", "/v1/admin/queues/"+s.id+"/close", admin(t)).is(200)
	eventually(t, "the waiting fan is let go", func() bool { return standing(t, s, token).text("state") == "expired" })
	call(t, "POST", s.queue("/places/me/entry"), place(token)).problem(409, "sale_closed")
}
