//go:build acceptance

package acceptance

import (
	"net/http"
	"testing"
	"time"
)

func confirm(t *testing.T, f fan, more ...option) answer {
	t.Helper()
	return call(t, "POST", "/v1/payments/confirm", append([]option{bearer(f.token), newKey()}, more...)...)
}

func TestConfirm(t *testing.T) {
	t.Parallel()
	s, f, other := plainSale(t, 30, nil), newFan(t), newFan(t)
	b := booked(t, s, f, s.seats[:2])
	order, amount := b.text("order_id"), b.number("amount")
	paymentKey := approved(t, order, amount)
	right := confirmation(paymentKey, order, amount)
	call(t, "POST", "/v1/payments/confirm", newKey(), right).problem(401, "unauthenticated")
	call(t, "POST", "/v1/payments/confirm", bearer(f.token), right).problem(400, "idempotency_key_required")
	confirm(t, f, text("{")).problem(400, "malformed_json")
	for _, bad := range []string{``, `{}`, `{"payment_key":"k","order_id":"` + order + `","amount":"20000"}`, `{"payment_key":"k","order_id":"` + order + `","amount":-1}`,
		`{"payment_key":"k","order_id":"` + order + `","amount":20000,"surprise":1}`} {
		confirm(t, f, text(bad)).problem(422, "validation_failed")
	}
	confirm(t, f, confirmation(paymentKey, "ord-there-is-none", amount)).is(404)
	confirm(t, other, confirmation(paymentKey, order, amount-1)).is(404) // the owner comes first
	confirm(t, f, confirmation(paymentKey, order, amount-1)).problem(409, "amount_mismatch")
	confirm(t, f, confirmation(paymentKey, order, 0)).problem(409, "amount_mismatch")
	if state := bookingOf(t, f, b.text("id")).text("state"); state != "pending_payment" {
		t.Errorf("a tampered amount made it %s", state)
	}
	k := key(unique("key"))
	done := confirm(t, f, k, wait(10), right).is(200).has("booking_id string", "booking_state string", "payment_state string")
	if done.text("booking_id") != b.text("id") || done.text("booking_state") != "confirmed" || done.text("payment_state") != "done" {
		t.Errorf("paid: %s", done.raw)
	}
	if again := confirm(t, f, k, right).is(200); !again.same(done) {
		t.Errorf("a replay says %s", again.raw)
	}
	confirm(t, f, k, confirmation(paymentKey, order, amount+1)).problem(422, "idempotency_key_reused")
	confirm(t, f, confirmation(paymentKey, order, amount+1)).problem(409, "amount_mismatch") // the amount before the state
	confirm(t, f, confirmation(approved(t, order, amount), order, amount)).problem(409, "booking_not_payable")
	captured := 0
	for _, p := range payments(t, order) {
		if p["status"] == "DONE" && p["balance_amount"] == float64(amount) {
			captured++
		}
	}
	if captured != 1 {
		t.Errorf("captured %d times: %v", captured, payments(t, order))
	}
	mine := bookingOf(t, f, b.text("id"))
	if mine.text("state") != "confirmed" || mine.text("payment_state") != "done" {
		t.Errorf("my booking: %s", mine.raw)
	}
	eventually(t, "a ticket a seat", func() bool {
		return len(call(t, "GET", "/v1/bookings/"+b.text("id")+"/tickets", bearer(f.token)).is(200).items()) == 2
	})
}

func TestConfirmWithoutWaiting(t *testing.T) {
	t.Parallel()
	s, f := plainSale(t, 30, nil), newFan(t)
	b := booked(t, s, f, s.seats[:1])
	order, amount := b.text("order_id"), b.number("amount")
	k, right := key(unique("key")), confirmation(approved(t, order, amount), order, amount)
	if first := confirm(t, f, k, right).is(200, 202); first.status == 202 {
		if first.text("payment_state") != "confirming" || first.text("booking_state") != "pending_payment" {
			t.Errorf("202 says %s", first.raw)
		}
	}
	eventually(t, "the same key shows the outcome", func() bool {
		a := confirm(t, f, k, right).is(200, 202)
		return a.status == 200 && a.text("booking_state") == "confirmed"
	})
}

func TestNothingToPay(t *testing.T) {
	t.Parallel()
	s, f := plainSale(t, 30, map[string]any{"price": 0}), newFan(t)
	b := booked(t, s, f, s.seats[:1])
	a := confirm(t, f, wait(10), body(map[string]any{"order_id": b.text("order_id"), "amount": 0})).is(200)
	if a.text("booking_state") != "confirmed" {
		t.Errorf("a free booking: %s", a.raw)
	}
	if all := payments(t, b.text("order_id")); len(all) != 0 {
		t.Errorf("the provider has %v", all)
	}
	cancel(t, f, b.text("id")).is(200, 202)
	eventually(t, "it is cancelled without a refund", func() bool { return bookingOf(t, f, b.text("id")).text("state") == "cancelled" })
}

func TestWebhook(t *testing.T) {
	t.Parallel()
	for _, known := range []string{
		`{"eventType":"PAYMENT_STATUS_CHANGED","createdAt":"2026-01-01T00:00:00.000000","data":{"paymentKey":"nobody","orderId":"ord-there-is-none","status":"DONE"}}`,
		`{"createdAt":"2026-01-01T00:00:00.000000","secret":"x","status":"DONE","transactionKey":"t","orderId":"ord-there-is-none"}`,
		`{"eventType":"SOMETHING_NEW","data":[1]}`,
	} {
		began := time.Now()
		call(t, http.MethodPost, "/v1/webhooks/toss", text(known), header("tosspayments-webhook-transmission-id", unique("tx"))).is(200)
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("a webhook took %v", took)
		}
	}
}

// TestFaultyProvider makes the simulator misbehave, which everybody would feel:
// it is not parallel, so it runs before those that are.
func TestFaultyProvider(t *testing.T) {
	t.Cleanup(func() { faults(t, map[string]any{}) })
	t.Run("a refused card leaves the booking payable", func(t *testing.T) {
		s, f := plainSale(t, 30, nil), newFan(t)
		b := booked(t, s, f, s.seats[:1])
		faults(t, map[string]any{"confirm": map[string]any{"mode": "reject", "code": "REJECT_CARD_COMPANY"}})
		a := pay(t, f, b).is(200).has("failure object")
		failure, _ := a.object()["failure"].(map[string]any)
		if a.text("payment_state") != "failed" || a.text("booking_state") != "pending_payment" || failure["code"] != "REJECT_CARD_COMPANY" {
			t.Errorf("a refused card: %s", a.raw)
		}
		held(t, s, newFan(t), s.seats[:1]).problem(409, "seat_taken")
		faults(t, map[string]any{})
		if again := pay(t, f, b).is(200); again.text("booking_state") != "confirmed" || again.text("payment_state") != "done" {
			t.Errorf("paid with another card: %s", again.raw)
		}
	})
	t.Run("a capture without an answer is found out", func(t *testing.T) {
		s, f := plainSale(t, 30, nil), newFan(t)
		b := booked(t, s, f, s.seats[:1])
		faults(t, map[string]any{"confirm": map[string]any{"mode": "timeout_after_capture", "ms": 100}})
		began := time.Now()
		a := pay(t, f, b).is(200, 202)
		if took := time.Since(began); took > 12*time.Second {
			t.Errorf("Prefer: wait=10 took %v", took)
		}
		if a.status == 202 {
			if a.text("payment_state") != "confirming" {
				t.Errorf("an unknown outcome: %s", a.raw)
			}
			held(t, s, newFan(t), s.seats[:1]).problem(409, "seat_taken")
		}
		faults(t, map[string]any{})
		eventually(t, "the booking is confirmed", func() bool { return bookingOf(t, f, b.text("id")).text("state") == "confirmed" })
		if all := payments(t, b.text("order_id")); len(all) != 1 || all[0]["status"] != "DONE" {
			t.Errorf("the provider has %v", all)
		}
	})
	t.Run("an error of the provider is no refusal", func(t *testing.T) {
		s, f := plainSale(t, 30, nil), newFan(t)
		b := booked(t, s, f, s.seats[:1])
		faults(t, map[string]any{"confirm": map[string]any{"mode": "error"}})
		order, amount := b.text("order_id"), b.number("amount")
		a := confirm(t, f, wait(1), confirmation(approved(t, order, amount), order, amount)).is(202)
		if a.text("payment_state") != "confirming" {
			t.Errorf("after a 500 of the provider: %s", a.raw)
		}
		faults(t, map[string]any{})
		eventually(t, "the booking is confirmed", func() bool { return bookingOf(t, f, b.text("id")).text("state") == "confirmed" })
	})
	t.Run("webhooks twice", func(t *testing.T) {
		s, f := plainSale(t, 30, nil), newFan(t)
		faults(t, map[string]any{"webhooks": map[string]any{"duplicate": true}})
		b := bought(t, s, f, s.seats[:1])
		if all := payments(t, b.text("order_id")); len(all) != 1 || all[0]["status"] != "DONE" {
			t.Errorf("the provider has %v", all)
		}
	})
	t.Run("a refund without an answer is found out", func(t *testing.T) {
		s, f := plainSale(t, 30, nil), newFan(t)
		b := bought(t, s, f, s.seats[:1])
		faults(t, map[string]any{"cancel": map[string]any{"mode": "timeout_after_capture", "ms": 100}})
		cancel(t, f, b.text("id")).is(200, 202)
		eventually(t, "the provider has given it back", func() bool { return payments(t, b.text("order_id"))[0]["status"] == "CANCELED" })
		faults(t, map[string]any{})
		eventually(t, "the booking is cancelled", func() bool { return bookingOf(t, f, b.text("id")).text("state") == "cancelled" })
		if all := payments(t, b.text("order_id")); all[0]["cancels"] != float64(1) || all[0]["balance_amount"] != float64(0) {
			t.Errorf("the provider has %v", all)
		}
	})
}

func faults(t *testing.T, these map[string]any) {
	t.Helper()
	r, err := http.NewRequest("PUT", system(t).sim+"/sim/faults", nil) // t's context has ended in a cleanup
	if err != nil {
		t.Fatal(err)
	}
	body(these)(r)
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusNoContent {
		t.Fatalf("PUT /sim/faults: %d", response.StatusCode)
	}
}
