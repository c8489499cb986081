//go:build acceptance

package acceptance

import (
	"net/url"
	"sync"
	"testing"
	"time"
)

func TestBooking(t *testing.T) {
	t.Parallel()
	s, f, other := plainSale(t, 30, nil), newFan(t), newFan(t)
	hold := held(t, s, f, s.seats[:2]).is(201).text("hold_id")
	its := body(map[string]any{"hold_id": hold})
	call(t, "POST", "/v1/bookings", newKey(), its).problem(401, "unauthenticated")
	call(t, "POST", "/v1/bookings", text("{")).problem(401, "unauthenticated")
	call(t, "POST", "/v1/bookings", bearer(f.token), its).problem(400, "idempotency_key_required")
	call(t, "POST", "/v1/bookings", bearer(f.token), newKey(), text("{")).problem(400, "malformed_json")
	for _, bad := range []string{"", `{}`, `{"hold_id":7}`, `{"hold_id":"` + hold + `","surprise":1}`} {
		call(t, "POST", "/v1/bookings", bearer(f.token), newKey(), text(bad)).problem(422, "validation_failed")
	}
	call(t, "POST", "/v1/bookings", bearer(other.token), newKey(), its).is(404)
	call(t, "POST", "/v1/bookings", bearer(f.token), newKey(), body(map[string]any{"hold_id": "rubbish"})).is(404)

	k := newKey()
	b := call(t, "POST", "/v1/bookings", bearer(f.token), k, its).is(201).has("id string", "order_id string", "state string", "seats array", "price number",
		"discount number", "amount number", "pay_before time", "payment object")
	payment := b.object()["payment"].(map[string]any)
	has(t, "payment", payment, "provider string", "client_key string", "order_name string", "success_url string", "fail_url string")
	if left := time.Until(b.time("pay_before")); b.text("state") != "pending_payment" || b.number("price") != 20_000 || b.number("discount") != 0 || b.number("amount") != 20_000 ||
		left < 9*time.Minute || left > 10*time.Minute+time.Second || payment["provider"] != "toss" {
		t.Errorf("a booking of two seats: %s", b.raw)
	}
	path := "/v1/bookings/" + b.text("id")
	call(t, "GET", path).problem(401, "unauthenticated")
	call(t, "GET", path, bearer(other.token)).is(404)
	call(t, "GET", path+"/tickets", bearer(other.token)).is(404)
	call(t, "GET", "/v1/bookings/there-is-none", bearer(f.token)).is(404)
	mine := bookingOf(t, f, b.text("id")).has("state string", "payment_state string", "seats array", "amount number")
	if mine.text("order_id") != b.text("order_id") || mine.text("state") != "pending_payment" {
		t.Errorf("my booking: %s", mine.raw)
	}
}

func TestBookingReplay(t *testing.T) {
	t.Parallel()
	s, f := plainSale(t, 30, nil), newFan(t)
	hold := held(t, s, f, s.seats[:1]).is(201).text("hold_id")
	k := key(unique("key"))
	answers := make([]answer, 8)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() {
			answers[i] = call(t, "POST", "/v1/bookings", bearer(f.token), k, body(map[string]any{"hold_id": hold}))
		})
	}
	all.Wait()
	id := ""
	for _, a := range answers {
		if a.status == 409 {
			a.problem(409, "idempotency_in_progress")
			continue
		}
		if got := a.is(201).text("id"); id != "" && got != id {
			t.Errorf("one key made the bookings %s and %s", id, got)
		}
		id = a.text("id")
	}
	call(t, "POST", "/v1/bookings", bearer(f.token), k, body(map[string]any{"hold_id": "another"})).problem(422, "idempotency_key_reused")
	call(t, "POST", "/v1/bookings", bearer(f.token), newKey(), body(map[string]any{"hold_id": hold})).is(409)
	if n := len(call(t, "GET", "/v1/bookings", bearer(f.token)).is(200).items()); n != 1 {
		t.Errorf("one hold made %d bookings", n)
	}
}

func TestHoldExpires(t *testing.T) {
	t.Parallel()
	s, f := plainSale(t, 30, map[string]any{"hold_seconds": 1}), newFan(t)
	hold := held(t, s, f, s.seats[:1]).is(201)
	time.Sleep(time.Until(hold.time("expires_at")) + 300*time.Millisecond)
	call(t, "POST", "/v1/bookings", bearer(f.token), newKey(), body(map[string]any{"hold_id": hold.text("hold_id")})).problem(410, "hold_expired")
	held(t, s, newFan(t), s.seats[:1]).is(201)
}

func TestBookingList(t *testing.T) {
	t.Parallel()
	s, f := plainSale(t, 30, nil), newFan(t)
	call(t, "GET", "/v1/bookings").problem(401, "unauthenticated")
	pending, paid, gone := booked(t, s, f, s.seats[:1]), bought(t, s, f, s.seats[1:2]), booked(t, s, f, s.seats[2:3])
	cancel(t, f, gone.text("id")).is(200, 202)
	for state, want := range map[string]string{"pending_payment": pending.text("id"), "confirmed": paid.text("id"), "cancelled": gone.text("id")} {
		items := call(t, "GET", "/v1/bookings?state="+state, bearer(f.token)).is(200).items()
		if len(items) != 1 || items[0]["id"] != want || items[0]["state"] != state {
			t.Errorf("state=%s lists %v", state, items)
		}
	}
	for _, empty := range []string{"cancelling", "expired"} {
		if items := call(t, "GET", "/v1/bookings?state="+empty, bearer(f.token)).is(200).items(); len(items) != 0 {
			t.Errorf("state=%s lists %v", empty, items)
		}
	}
	call(t, "GET", "/v1/bookings?state=odd", bearer(f.token)).problem(422, "validation_failed")
	call(t, "GET", "/v1/bookings?cursor=odd", bearer(f.token)).problem(400, "bad_cursor")
	page := call(t, "GET", "/v1/bookings?limit=2", bearer(f.token)).is(200)
	rest := call(t, "GET", "/v1/bookings?limit=2&cursor="+url.QueryEscape(page.text("next_cursor")), bearer(f.token)).is(200)
	if len(page.items()) != 2 || len(rest.items()) != 1 {
		t.Errorf("pages of two have %d and %d of three", len(page.items()), len(rest.items()))
	}
	if items := call(t, "GET", "/v1/bookings", bearer(newFan(t).token)).is(200).items(); len(items) != 0 {
		t.Errorf("a new fan has %v", items)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	s, f, other := plainSale(t, 30, nil), newFan(t), newFan(t)
	b := bought(t, s, f, s.seats[:2])
	id := b.text("id")
	call(t, "POST", "/v1/bookings/"+id+"/cancel", text("{")).problem(401, "unauthenticated")
	call(t, "POST", "/v1/bookings/"+id+"/cancel", bearer(f.token), body(map[string]any{"reason": "x"})).problem(400, "idempotency_key_required")
	call(t, "POST", "/v1/bookings/"+id+"/cancel", bearer(f.token), newKey(), text("{")).problem(400, "malformed_json")
	call(t, "POST", "/v1/bookings/"+id+"/cancel", bearer(f.token), newKey(), text("{}")).problem(422, "validation_failed")
	cancel(t, other, id).is(404)
	cancel(t, f, "there-is-none").is(404)
	k := key(unique("key"))
	cancel(t, f, id, k).is(200, 202)
	cancel(t, f, id, k).is(200, 202)
	cancel(t, f, id, k, body(map[string]any{"reason": "another"})).problem(422, "idempotency_key_reused")
	eventually(t, "the booking is cancelled", func() bool { return bookingOf(t, f, id).text("state") == "cancelled" })
	all := payments(t, b.text("order_id"))
	if len(all) != 1 || all[0]["status"] != "CANCELED" || all[0]["balance_amount"] != float64(0) || all[0]["cancels"] != float64(1) {
		t.Errorf("the provider has %v", all)
	}
	cancel(t, f, id).problem(409, "not_cancellable")
	eventually(t, "the seats are free again", func() bool { return held(t, s, other, s.seats[:2]).is(201, 409).status == 201 })
	call(t, "POST", "/v1/payments/confirm", bearer(f.token), newKey(), confirmation(approved(t, b.text("order_id"), b.number("amount")), b.text("order_id"), b.number("amount"))).
		problem(409, "booking_not_payable")
}

func TestCancelUnpaid(t *testing.T) {
	t.Parallel()
	s, f := plainSale(t, 30, nil), newFan(t)
	b := booked(t, s, f, s.seats[:1])
	if state := cancel(t, f, b.text("id")).is(200).text("state"); state != "cancelled" {
		t.Errorf("an unpaid booking is %s", state)
	}
	if all := payments(t, b.text("order_id")); len(all) != 0 {
		t.Errorf("the provider has %v", all)
	}
	held(t, s, newFan(t), s.seats[:1]).is(201)
}

func TestKeysArePerRoute(t *testing.T) {
	t.Parallel()
	s, f := plainSale(t, 30, nil), newFan(t)
	k := key(unique("key"))
	hold := held(t, s, f, s.seats[:1], k).is(201).text("hold_id")
	b := call(t, "POST", "/v1/bookings", bearer(f.token), k, body(map[string]any{"hold_id": hold})).is(201)
	if again := call(t, "POST", "/v1/bookings", bearer(f.token), k, body(map[string]any{"hold_id": hold})).is(201); !again.same(b) {
		t.Errorf("a replay is %s, not %s", again.raw, b.raw)
	}
	order, amount := b.text("order_id"), b.number("amount")
	call(t, "POST", "/v1/payments/confirm", bearer(f.token), k, wait(10), confirmation(approved(t, order, amount), order, amount)).is(200)
	cancel(t, f, b.text("id"), k).is(200, 202)
	call(t, "POST", "/v1/payments/confirm", bearer(f.token), key("  "), confirmation("k", order, amount)).problem(400, "idempotency_key_required")
}
