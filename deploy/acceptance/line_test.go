//go:build acceptance

package acceptance

import (
	"bytes"
	"compress/gzip"
	"io"
	"strconv"
	"strings"
	"testing"
)

func TestLineStatus(t *testing.T) {
	t.Parallel()
	s := queuedSale(t, 4, map[string]any{"capacity": 7, "rate_per_minute": 600})
	token := join(t, s, newFan(t))
	eventually(t, "the only fan is offered", func() bool { return standing(t, s, token).text("state") == "offered" })
	var status answer
	eventually(t, "the status serves the fan's key", func() bool {
		status = call(t, "GET", s.queue("")).is(200)
		mine, _ := strconv.ParseUint(standing(t, s, token).text("key"), 10, 64)
		serving, _ := strconv.ParseUint(status.text("serving"), 10, 64)
		return mine <= serving
	})
	status.has("sale string", "epoch number", "state string", "opens_at time|null", "waiting number", "active number", "capacity number", "rate_per_minute number",
		"serving string", "anchors array", "draw object|null", "message object", "poll_after_ms number", "as_of time")
	if status.text("sale") != s.id || status.text("state") != "open" || status.number("capacity") != 7 || status.number("rate_per_minute") != 600 {
		t.Errorf("the status says %s", status.raw)
	}
	if got := status.header.Get("Cache-Control"); got != "public, max-age=1" {
		t.Errorf("Cache-Control %q", got)
	}
	if len(status.setsOn) > 0 {
		t.Errorf("the shared status sets %v", status.setsOn)
	}
	eventually(t, "304 for the ETag", func() bool {
		tag := call(t, "GET", s.queue("")).is(200).header.Get("ETag")
		return tag != "" && call(t, "GET", s.queue(""), header("If-None-Match", tag)).is(200, 304).status == 304
	})
	call(t, "GET", s.queue("/draw")).problem(404, "not_found")
}

func TestWaitingPage(t *testing.T) {
	t.Parallel()
	s := queuedSale(t, 4, nil)
	for language, want := range map[string]string{"ko": `lang="ko"`, "en-GB": `lang="en"`} {
		a := call(t, "GET", "/q/"+s.id, header("Accept-Language", language)).is(200)
		if kind := a.header.Get("Content-Type"); !strings.HasPrefix(kind, "text/html") || !strings.Contains(string(a.raw), want) {
			t.Errorf("%s: the page is %s without %s", language, kind, want)
		}
		if len(a.setsOn) > 0 {
			t.Errorf("looking at the page sets %v", a.setsOn)
		}
	}
	a := call(t, "GET", "/q/"+s.id, header("Accept-Encoding", "gzip")).is(200)
	if a.header.Get("Content-Encoding") != "gzip" || len(a.raw) > 16<<10 {
		t.Fatalf("the page is %d bytes, Content-Encoding %q; at most 16 KB compressed", len(a.raw), a.header.Get("Content-Encoding"))
	}
	reader, err := gzip.NewReader(bytes.NewReader(a.raw))
	if err != nil {
		t.Fatal(err)
	}
	html, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, foreign := range []string{`src="http`, `src="/`, `rel="stylesheet"`, "@import"} {
		if strings.Contains(string(html), foreign) {
			t.Errorf("the page asks for more: %s", foreign)
		}
	}
}

func TestAdminLines(t *testing.T) {
	t.Parallel()
	s, f := queuedSale(t, 4, nil), newFan(t)
	line := "/v1/admin/queues/" + s.id
	for _, path := range []string{"/v1/admin/queues", line} {
		call(t, "GET", path).problem(401, "unauthenticated")
		call(t, "GET", path, bearer(f.token)).problem(403, "forbidden")
		call(t, "GET", path, bearer(operator(t, "organizer@fairgate.test"))).problem(403, "forbidden")
	}
	call(t, "PATCH", line, text("{")).problem(401, "unauthenticated")
	call(t, "PATCH", line, bearer(f.token), text("{")).problem(403, "forbidden")
	call(t, "POST", line+"/pause").problem(401, "unauthenticated")
	call(t, "POST", line+"/pause", bearer(f.token)).problem(403, "forbidden")
	call(t, "PATCH", line, admin(t), text("{")).problem(400, "malformed_json")
	for _, bad := range []string{`{"surprise":1}`, `{"capacity":"many"}`, `{"rate_per_minute":0}`, `{"claim_seconds":49}`, `{"identity":"nobody"}`, `{"method":"auction"}`, `{"mode":"maybe"}`} {
		call(t, "PATCH", line, admin(t), text(bad)).problem(422, "validation_failed")
	}
	call(t, "PATCH", "/v1/admin/queues/there-is-none", admin(t), text(`{"capacity":9}`)).problem(404, "sale_not_found")
	call(t, "GET", "/v1/admin/queues/there-is-none", admin(t)).problem(404, "sale_not_found")
	call(t, "POST", line+"/explode", admin(t)).problem(404, "not_found")
	call(t, "POST", "/v1/admin/queues/there-is-none/pause", admin(t)).problem(404, "sale_not_found")

	before := call(t, "GET", line, admin(t)).is(200).has("state string", "mode string", "method string", "identity string", "capacity number", "rate_per_minute number",
		"session_seconds number", "claim_seconds number", "abandon_seconds number", "grace_seconds number", "lobby_opens_at time|null", "opens_at time|null",
		"challenge string|null", "message object", "version number")
	after := call(t, "PATCH", line, admin(t), body(map[string]any{"capacity": 11, "message": map[string]string{"ko": "안녕", "en": "Hi"}})).is(200)
	if after.number("version") <= before.number("version") || after.number("capacity") != 11 {
		t.Errorf("a change led from %s to %s", before.raw, after.raw)
	}
	eventually(t, "the status shows the change", func() bool {
		status := call(t, "GET", s.queue("")).is(200)
		message, _ := status.object()["message"].(map[string]any)
		return status.number("capacity") == 11 && message["en"] == "Hi"
	})
}

func TestAdminVerbs(t *testing.T) {
	t.Parallel()
	s := queuedSale(t, 4, nil)
	last := newFan(t)
	enter(t, s, last) // a draining line closes when all are through
	for _, step := range []struct{ verb, state string }{{"pause", "paused"}, {"resume", "open"}, {"drain", "draining"}, {"close", "closed"}} {
		if got := call(t, "POST", "/v1/admin/queues/"+s.id+"/"+step.verb, admin(t)).is(200).text("state"); got != step.state {
			t.Errorf("%s: %s, want %s", step.verb, got, step.state)
		}
		eventually(t, "the status is "+step.state, func() bool { return call(t, "GET", s.queue("")).is(200).text("state") == step.state })
		if _, closing := map[string]bool{"drain": true, "close": true}[step.verb]; closing {
			call(t, "POST", s.queue("/places"), bearer(newFan(t).token)).problem(409, "sale_closed")
		}
	}
	epoch := call(t, "GET", s.queue("")).number("epoch")
	call(t, "POST", "/v1/admin/queues/"+s.id+"/reset", admin(t)).is(200)
	eventually(t, "a reset begins an epoch", func() bool { return call(t, "GET", s.queue("")).is(200).number("epoch") > epoch })
	call(t, "POST", "/v1/admin/queues/"+s.id+"/open", admin(t)).is(200)
	eventually(t, "open again", func() bool { return call(t, "GET", s.queue("")).is(200).text("state") == "open" })
	join(t, s, newFan(t))
}

func TestAdminLinesInPages(t *testing.T) {
	t.Parallel()
	queuedSale(t, 1, nil)
	queuedSale(t, 1, nil)
	call(t, "GET", "/v1/admin/queues?cursor=!!!", admin(t)).problem(400, "bad_cursor")
	first := call(t, "GET", "/v1/admin/queues?limit=1", admin(t)).is(200)
	second := call(t, "GET", "/v1/admin/queues?limit=1&cursor="+first.text("next_cursor"), admin(t)).is(200)
	if a, b := first.items(), second.items(); len(a) != 1 || len(b) != 1 || a[0]["sale"] == b[0]["sale"] {
		t.Errorf("two pages of one line each: %v, %v", a, b)
	}
}

func TestBrowserIdentity(t *testing.T) {
	t.Parallel()
	s, f, other := queuedSale(t, 4, nil), newFan(t), newFan(t)
	call(t, "PATCH", "/v1/admin/queues/"+s.id, admin(t), body(map[string]any{"identity": "browser"})).is(200)
	var token string
	eventually(t, "a place without an account", func() bool {
		a := call(t, "POST", s.queue("/places"), body(map[string]any{}), sameSite())
		if a.status == 401 {
			return false // this gateway has not yet seen the change
		}
		token = a.is(201).setCookie("place_" + s.id).Value
		return true
	})
	n := standing(t, s, token).number("n")
	if again := call(t, "POST", s.queue("/places"), cookie("place_"+s.id, token), sameSite()).is(200); again.number("n") != n {
		t.Errorf("the same browser joins again and gets %d instead of %d", again.number("n"), n)
	}
	if a := call(t, "POST", s.queue("/places"), sameSite()).is(201); a.number("n") == n {
		t.Error("another browser has the same place")
	}
	entryPass := claim(t, s, token)
	booked(t, s, f, s.seats[:1], pass(entryPass))
	held(t, s, other, s.seats[1:2], pass(entryPass)).problem(403, "pass_invalid")
}

func TestSoldOutAndBack(t *testing.T) {
	t.Parallel()
	s, f := queuedSale(t, 2, nil), newFan(t)
	_, entryPass := enter(t, s, f)
	booking := bought(t, s, f, s.seats, pass(entryPass))
	call(t, "POST", "/v1/admin/queues/"+s.id+"/pause", admin(t)).is(200)
	waiting := call(t, "POST", s.queue("/places"), bearer(newFan(t).token))
	if waiting.status != 409 {
		waiting.is(201)
	}
	call(t, "POST", "/v1/admin/queues/"+s.id+"/resume", admin(t)).is(200)
	eventually(t, "the line is sold out", func() bool { return call(t, "GET", s.queue("")).is(200).text("state") == "sold_out" })
	call(t, "POST", s.queue("/places"), bearer(newFan(t).token)).problem(409, "sold_out")
	eventually(t, "the sale is sold out", func() bool { return call(t, "GET", "/v1/sales/"+s.id).is(200).text("state") == "sold_out" })
	if waiting.status == 201 {
		token := waiting.text("place_token")
		eventually(t, "the waiting fan is let go", func() bool { return standing(t, s, token).text("state") == "expired" })
		if at := standing(t, s, token).has("reason string"); at.text("reason") != "sold_out" {
			t.Errorf("the fan who is let go hears %s", at.raw)
		}
		call(t, "POST", s.queue("/places/me/entry"), place(token)).problem(410, "sold_out")
	}
	cancel(t, f, booking.text("id")).is(200, 202)
	eventually(t, "the sale reopens", func() bool {
		return call(t, "GET", s.queue("")).is(200).text("state") == "open" && call(t, "GET", "/v1/sales/"+s.id).is(200).text("state") == "open"
	})
	again := newFan(t)
	_, entryPass = enter(t, s, again)
	bought(t, s, again, s.seats[:1], pass(entryPass))
}

func TestStalePatchIsRefused(t *testing.T) {
	t.Parallel()
	s := queuedSale(t, 4, nil)
	line := "/v1/admin/queues/" + s.id
	version := call(t, "GET", line, admin(t)).is(200).number("version")
	call(t, "PATCH", line, admin(t), body(map[string]any{"capacity": 5, "version": version})).is(200)
	call(t, "PATCH", line, admin(t), body(map[string]any{"capacity": 6, "version": version})).is(409)
	if now := call(t, "GET", line, admin(t)).number("capacity"); now != 5 {
		t.Errorf("a stale change set the capacity to %d", now)
	}
}

func TestWithoutJavaScript(t *testing.T) {
	t.Parallel()
	s := queuedSale(t, 4, nil)
	call(t, "PATCH", "/v1/admin/queues/"+s.id, admin(t), body(map[string]any{"identity": "browser"})).is(200)
	var joined answer
	eventually(t, "a place by form", func() bool {
		joined = call(t, "POST", "/q/"+s.id+"/join", sameSite(), header("Content-Type", "application/x-www-form-urlencoded"))
		return joined.status == 303 && len(joined.setsOn) > 0
	})
	token := joined.setCookie("place_" + s.id).Value
	to := joined.header.Get("Location")
	if !strings.HasPrefix(to, "/q/"+s.id) {
		t.Fatalf("joining leads to %q", to)
	}
	call(t, "POST", "/q/"+s.id+"/join").problem(403, "forbidden")
	page := call(t, "GET", to, cookie("place_"+s.id, token)).is(200)
	// A fan whose turn has come by now is shown the form that claims it, and nothing moves under it.
	turn := strings.Contains(string(page.raw), "/q/"+s.id+"/enter\"><button class=\"button go\"")
	if page.header.Get("Refresh") == "" && !turn {
		t.Error("the page of a fan without JavaScript does not refresh")
	}
}
