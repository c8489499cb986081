package bookingapi

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/fairgate/fairgate/shared/queue"
)

func TestFreePurchaseFromHoldToCancel(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	fans := w.fans(2)
	f, other := fans[0], fans[1]
	_, showtime := w.sale(map[string]any{"seats": 100, "queued": false, "price": 0})
	seats := w.seats(showtime, 3)

	held := w.hold(f, showtime, seats[0], seats[1]).is(201)
	if held.str("expires_at") == "" || held.body["amount"] != 0.0 {
		t.Errorf("hold: %s", held.text)
	}
	taken := w.hold(other, showtime, seats[1], seats[2]).is(409, "seat_taken")
	if fmt.Sprint(taken.body["conflicts"]) != fmt.Sprint([]any{seats[1]}) {
		t.Errorf("conflicts: %s", taken.text)
	}
	w.call("GET", "/v1/holds/"+held.str("hold_id"), nil, f.auth...).is(200)
	w.call("GET", "/v1/holds/"+held.str("hold_id"), nil, other.auth...).is(404, "hold_not_found")
	eventually(t, "availability shows the hold", func() bool {
		list := w.call("GET", "/v1/showtimes/"+showtime+"/availability?format=list", nil).is(200)
		return fmt.Sprint(list.body["taken"]) == fmt.Sprint([]any{seats[0], seats[1]})
	})

	w.book(other, held.str("hold_id")).is(404, "hold_not_found")
	made := w.book(f, held.str("hold_id")).is(201)
	if made.str("state") != "pending_payment" || made.str("payment.client_key") != "test_ck_fairgate" || !strings.HasPrefix(made.str("payment.success_url"), w.base) {
		t.Errorf("booking: %s", made.text)
	}
	w.book(f, held.str("hold_id")).is(409, "hold_already_booked")
	id := made.str("id")
	w.call("GET", "/v1/bookings/"+id, nil, other.auth...).is(404, "booking_not_found")
	confirm := func(f fan, amount int) answer {
		return w.call("POST", "/v1/payments/confirm", map[string]any{"order_id": made.str("order_id"), "amount": amount}, with(f.auth, key())...)
	}
	confirm(other, 0).is(404, "booking_not_found")
	confirm(f, 1).is(409, "amount_mismatch")
	if done := confirm(f, 0).is(200); done.str("booking_state") != "confirmed" || done.str("payment_state") != "done" {
		t.Errorf("confirmed: %s", done.text)
	}
	if list := w.call("GET", "/v1/bookings?state=confirmed", nil, f.auth...).is(200).items(); len(list) != 1 || list[0]["id"] != id {
		t.Errorf("my bookings: %v", list)
	}
	if list := w.call("GET", "/v1/bookings", nil, other.auth...).is(200).items(); len(list) != 0 {
		t.Errorf("somebody else's bookings: %v", list)
	}
	w.call("GET", "/v1/bookings/"+id+"/tickets", nil, f.auth...).is(200)
	w.call("GET", "/v1/bookings/"+id+"/tickets", nil, other.auth...).is(404, "booking_not_found")

	cancel := map[string]any{"reason": "일정 변경"}
	w.call("POST", "/v1/bookings/"+id+"/cancel", cancel, with(other.auth, key())...).is(404, "booking_not_found")
	w.call("POST", "/v1/bookings/"+id+"/cancel", map[string]any{"reason": "x", "seats": seats[:1]}, with(f.auth, key())...).is(422, "validation_failed")
	for _, none := range []string{`[]`, `null`} { // is not all of them
		w.call("POST", "/v1/bookings/"+id+"/cancel", `{"reason":"x","seats":`+none+`}`, with(f.auth, key())...).is(422, "validation_failed")
	}
	if gone := w.call("POST", "/v1/bookings/"+id+"/cancel", cancel, with(f.auth, key())...); gone.status != 200 && gone.status != 202 {
		t.Errorf("cancel: %d %s", gone.status, gone.text)
	}
}

func TestSeatsOfACancelledBookingCanBeHeldAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, showtime := w.sale(map[string]any{"seats": 20, "queued": false})
	fans := w.fans(2)
	for _, seat := range w.seats(showtime, 15) {
		made := w.book(fans[0], w.hold(fans[0], showtime, seat).is(201).str("hold_id")).is(201)
		w.call("POST", "/v1/bookings/"+made.str("id")+"/cancel", map[string]any{"reason": "x"}, with(fans[0].auth, key())...).is(200)
		again := w.hold(fans[1], showtime, seat).is(201)
		w.call("DELETE", "/v1/holds/"+again.str("hold_id"), nil, fans[1].auth...).is(204)
	}
}

func TestPaidBookingWaitsForTheOutcome(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.fans(1)[0]
	_, showtime := w.sale(map[string]any{"seats": 20, "queued": false, "price": 50_000})
	held := w.hold(f, showtime, w.seats(showtime, 1)...).is(201)
	made := w.book(f, held.str("hold_id")).is(201)
	body := map[string]any{"order_id": made.str("order_id"), "amount": 50_000, "payment_key": "pk-1"}
	headers := with(f.auth, key(), []string{"Prefer", "wait=1"})
	start := time.Now()
	waited := w.call("POST", "/v1/payments/confirm", body, headers...).is(202)
	if waited.str("payment_state") != "confirming" || time.Since(start) < time.Second || waited.header.Get("Preference-Applied") != "wait=1" {
		t.Errorf("after %s: %s %v", time.Since(start), waited.text, waited.header)
	}
	w.call("POST", "/v1/payments/confirm", body, with(f.auth, headers[2:4])...).is(202)
	w.call("POST", "/v1/bookings/"+made.str("id")+"/cancel", map[string]any{"reason": "x"}, with(f.auth, key())...).is(409, "not_cancellable")
	var asked int
	if err := w.pool.QueryRow(context.Background(), `SELECT count(*) FROM outbox WHERE type = 'payment.confirm_requested'`).Scan(&asked); err != nil || asked != 1 {
		t.Errorf("the worker was asked %d times, %v", asked, err)
	}
}

func TestIdempotencyKeyRules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.fans(1)[0]
	_, showtime := w.sale(map[string]any{"seats": 100, "queued": false, "price": 0})
	seats := w.seats(showtime, 2)
	for _, path := range []string{"/v1/showtimes/" + showtime + "/holds", "/v1/bookings", "/v1/bookings/x/cancel", "/v1/payments/confirm"} {
		w.call("POST", path, "{}", f.auth...).is(400, "idempotency_key_required")
	}
	k := with(f.auth, key())
	first := w.call("POST", "/v1/showtimes/"+showtime+"/holds", map[string]any{"seats": seats[:1]}, k...).is(201)
	if again := w.call("POST", "/v1/showtimes/"+showtime+"/holds", map[string]any{"seats": seats[:1]}, k...).is(201); again.str("hold_id") != first.str("hold_id") {
		t.Error("the same request gave another hold")
	}
	w.call("POST", "/v1/showtimes/"+showtime+"/holds", map[string]any{"seats": seats[1:]}, k...).is(422, "idempotency_key_reused")

	book := map[string]any{"hold_id": first.str("hold_id")}
	var wg sync.WaitGroup
	answers := make(chan answer, 8)
	for range cap(answers) {
		wg.Go(func() { answers <- w.call("POST", "/v1/bookings", book, k...) })
	}
	wg.Wait()
	close(answers)
	texts := map[string]bool{}
	for a := range answers {
		if a.status != 201 {
			t.Errorf("%d %s", a.status, a.text)
		}
		texts[a.text] = true
	}
	if len(texts) != 1 {
		t.Errorf("%d different answers to one request", len(texts))
	}
	w.call("POST", "/v1/bookings", map[string]any{"hold_id": first.str("hold_id") + "x"}, k...).is(422, "idempotency_key_reused")
}

func TestOrderOfChecksAndBodies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.fans(1)[0]
	_, queued := w.sale(map[string]any{"seats": 10})
	_, open := w.sale(map[string]any{"seats": 10, "queued": false})
	holds := func(showtime string) string { return "/v1/showtimes/" + showtime + "/holds" }
	auth := with(f.auth, key())

	w.call("POST", holds(queued), "{broken").is(401, "unauthenticated")
	w.call("POST", holds(queued), "{broken", auth...).is(403, "pass_required")
	w.call("POST", holds(open), "{broken", auth...).is(400, "malformed_json")
	w.call("POST", holds(open), nil, auth...).is(422, "validation_failed")
	w.call("POST", holds(open), `{"seats":"1F-A-1-1"}`, auth...).is(422, "validation_failed")
	w.call("POST", holds(open), `{"seats":[]}`, auth...).is(422, "validation_failed")
	w.call("POST", holds(open), `{"seats":["1F-A-1-1","1F-A-1-1"]}`, auth...).is(422, "validation_failed")
	w.call("POST", holds(open), `{"seats":["1F-A-1-1"],"best_available":{"count":1,"grade":"R"}}`, auth...).is(422, "validation_failed")
	w.call("POST", holds(open), `{"seats":["nowhere"]}`, auth...).is(422, "unknown_seat")
	unknown := w.call("POST", holds(open), `{"seats":["1F-A-1-1"],"sets":1}`, auth...).is(422, "validation_failed")
	if fields, _ := unknown.body["errors"].([]any); len(fields) != 1 || fields[0].(map[string]any)["location"] != "body.sets" {
		t.Errorf("errors: %s", unknown.text)
	}
	w.call("POST", holds("none"), `{"seats":"x"}`, auth...).is(422, "validation_failed")
	w.call("POST", holds("none"), `{"seats":["1F-A-1-1"]}`, auth...).is(404, "showtime_not_found")
	w.call("POST", holds(open), `{"seats":["`+strings.Repeat("x", 70_000)+`"]}`, auth...).is(413, "body_too_large")
	w.call("POST", holds(open), `seats=1`, with(auth, []string{"Content-Type", "application/x-www-form-urlencoded"})...).is(415, "unsupported_media_type")
	w.call("POST", "/v1/bookings", `{"hold_id":"made-up"}`, auth...).is(404, "hold_not_found")
	w.call("POST", "/v1/bookings", nil, auth...).is(422, "validation_failed")
	w.call("POST", "/v1/payments/confirm", `{"order_id":"x","amount":"1"}`, auth...).is(422, "validation_failed")
	w.call("POST", "/v1/payments/confirm", `{"order_id":"x","amount":1}`, auth...).is(404, "booking_not_found")
	w.call("GET", "/v1/bookings?cursor=x", nil, f.auth...).is(400, "bad_cursor")
	for _, list := range []string{"/v1/bookings", "/v1/me/notifications"} {
		page := w.call("GET", list, nil, f.auth...).is(200)
		if cursor, there := page.body["next_cursor"]; !there || cursor != nil {
			t.Errorf("the last page of %s: %s", list, page.text)
		}
	}
}

func TestTextThatPostgresCannotKeep(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.fans(1)[0]
	w.call("POST", "/v1/auth/login", `{"email":"a\u0000@b.test","password":"x"}`).is(422, "validation_failed")
	w.call("POST", "/v1/auth/login", "{\"email\":\"a\xff@b.test\",\"password\":\"x\"}").is(400, "malformed_json")
	w.call("GET", "/v1/performances?q=%00", nil).is(422, "validation_failed")
	for _, id := range []string{"%FF", "%00", "x%C3"} { // no path is text for Postgres that is not UTF-8, or has NUL
		w.call("GET", "/v1/venues/"+id, nil).is(404)
		w.call("GET", "/v1/showtimes/"+id+"/availability/events", nil).is(404)
		w.call("POST", "/v1/showtimes/"+id+"/holds", map[string]any{"seats": []string{"a"}}, with(f.auth, key())...).is(404)
		w.call("GET", "/v1/bookings/"+id, nil, f.auth...).is(404)
		w.call("GET", "/venues/"+id, nil).is(404)
	}
	w.call("GET", "/v1/performances?q=%ff", nil).is(422, "validation_failed")
	nul := `{"order_id":"a\u0000b","amount":1,"payment_key":"x"}`
	w.call("POST", "/v1/payments/confirm", nul).is(401, "unauthenticated")
	w.call("POST", "/v1/payments/confirm", nul, with(f.auth, key())...).is(422, "validation_failed")
	w.call("POST", "/v1/payments/confirm", `{"order_id":"ab","amount":1}`, with(f.auth, []string{"Idempotency-Key", "\xe9"})...).is(400, "idempotency_key_required")
	w.call("POST", "/v1/webhooks/toss", `{"eventType":"X","data":{"paymentKey":"a\u0000"}}`).is(422, "validation_failed")
	w.call("POST", "/v1/webhooks/toss", `{"eventType":5,"data":"x"}`).is(200)
}

func TestPassIsEnforcedOnHoldsAndBookings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	fans := w.fans(3)
	f, finished, foreign := fans[0], fans[1], fans[2]
	saleID, showtime := w.sale(map[string]any{"seats": 100, "price": 0})
	otherSale, _ := w.sale(map[string]any{"seats": 10})
	seats := w.seats(showtime, 20)
	session, over, theirs := w.session(saleID, f), w.session(saleID, finished), w.session(saleID, foreign)
	if _, err := w.lines.EndSession(context.Background(), over.Ref()); err != nil {
		t.Fatal(err)
	}
	good := w.pass(w.passes, session, f.id)
	head := []string{"Entry-Pass", good}
	held := w.call("POST", "/v1/showtimes/"+showtime+"/holds", map[string]any{"seats": seats[:1]}, with(f.auth, key(), head)...).is(201)

	claims := func(change func(jwt.MapClaims)) jwt.MapClaims {
		c := jwt.MapClaims{
			"iss": "queue-gateway", "aud": "booking-api", "sub": f.id, "sale": saleID, "epoch": session.Epoch, "n": session.N,
			"identity": "account", "exp": time.Now().Add(time.Minute).Unix(),
		}
		if change != nil {
			change(c)
		}
		return c
	}
	sign := func(change func(jwt.MapClaims)) string {
		token, err := w.passes.Sign(claims(change), queue.PassType)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	unsigned := jwt.NewWithClaims(jwt.SigningMethodNone, claims(nil))
	unsigned.Header["typ"], unsigned.Header["kid"] = queue.PassType, w.passes.KeyID()
	none, err := unsigned.SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(good, ".")
	elsewhere := session
	elsewhere.SaleID = otherSale
	for name, c := range map[string]struct {
		who  fan
		pass string
		code string
	}{
		"none":            {f, "", "pass_required"},
		"rubbish":         {f, "rubbish", "pass_invalid"},
		"foreign":         {f, w.pass(w.passes, theirs, foreign.id), "pass_invalid"},
		"spent":           {finished, w.pass(w.passes, over, finished.id), "pass_invalid"},
		"expired":         {f, sign(func(c jwt.MapClaims) { c["exp"] = time.Now().Add(-time.Minute).Unix() }), "pass_invalid"},
		"without expiry":  {f, sign(func(c jwt.MapClaims) { delete(c, "exp") }), "pass_invalid"},
		"tampered":        {f, parts[0] + "." + parts[1][:len(parts[1])-2] + "." + parts[2], "pass_invalid"},
		"alg none":        {f, none, "pass_invalid"},
		"unknown key":     {f, w.pass(signer(t, 99), session, f.id), "pass_invalid"},
		"wrong audience":  {f, sign(func(c jwt.MapClaims) { c["aud"] = "fairgate" }), "pass_invalid"},
		"wrong issuer":    {f, sign(func(c jwt.MapClaims) { c["iss"] = "fairgate" }), "pass_invalid"},
		"wrong sale":      {f, w.pass(w.passes, elsewhere, f.id), "pass_invalid"},
		"never waited":    {f, sign(func(c jwt.MapClaims) { c["n"] = 123456 }), "pass_invalid"},
		"an access token": {f, strings.TrimPrefix(f.auth[1], "Bearer "), "pass_invalid"},
	} {
		headers := with(c.who.auth, key(), []string{"Entry-Pass", c.pass})
		for path, body := range map[string]any{
			"/v1/showtimes/" + showtime + "/holds": map[string]any{"seats": seats[1:2]},
			"/v1/bookings":                         map[string]any{"hold_id": held.str("hold_id")},
		} {
			a := w.call("POST", path, body, headers...)
			if a.status != 403 || a.body["code"] != c.code {
				t.Errorf("%s on %s: %d %s; want 403 %s", name, path, a.status, a.text, c.code)
			}
		}
	}

	cookie := []string{"Cookie", "entry_pass_" + saleID + "=" + good}
	hold := map[string]any{"seats": seats[2:3]}
	w.call("POST", "/v1/showtimes/"+showtime+"/holds", hold, with(f.auth, key(), cookie)...).is(403, "forbidden")
	w.call("POST", "/v1/showtimes/"+showtime+"/holds", hold, with(f.auth, key(), cookie, []string{"Origin", w.base})...).is(201)
	w.call("POST", "/v1/showtimes/"+showtime+"/holds", hold, with(f.auth, key(), cookie, []string{"Entry-Pass", "rubbish", "Origin", w.base})...).is(403, "pass_invalid")

	booked := w.call("POST", "/v1/bookings", map[string]any{"hold_id": held.str("hold_id")}, with(f.auth, key(), head)...).is(201)
	if _, err := w.lines.EndSession(context.Background(), session.Ref()); err != nil {
		t.Fatal(err)
	}
	w.call("POST", "/v1/showtimes/"+showtime+"/holds", map[string]any{"seats": seats[3:4]}, with(f.auth, key(), head)...).is(403, "pass_invalid")
	// Confirming never asks for the pass: captured money must not be refused.
	w.call("POST", "/v1/payments/confirm", map[string]any{"order_id": booked.str("order_id"), "amount": 0}, with(f.auth, key())...).is(200)
}

func TestWebhookIsStoredOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := `{"eventType":"PAYMENT_STATUS_CHANGED","createdAt":"2026-01-01T00:00:00.000000","data":{"paymentKey":"pk","orderId":"ord-x","status":"DONE"}}`
	for range 2 {
		w.call("POST", "/v1/webhooks/toss", body, "Tosspayments-Webhook-Transmission-Id", "t-1").is(200)
	}
	w.call("POST", "/v1/webhooks/toss", `{"createdAt":"x","secret":"s","status":"DONE","transactionKey":"k","orderId":"ord-x"}`).is(200)
	w.call("POST", "/v1/webhooks/toss", `{broken`).is(400, "malformed_json")
}
