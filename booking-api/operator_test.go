package bookingapi

import (
	"context"
	"testing"
)

// admin logs in as an administrator.
func (w *world) admin() fan {
	w.t.Helper()
	f := w.fans(1)[0]
	var email string
	const q = `UPDATE account SET role = 'admin' WHERE id = $1 RETURNING email`
	if err := w.pool.QueryRow(context.Background(), q, f.id).Scan(&email); err != nil {
		w.t.Fatal(err)
	}
	in := w.call("POST", "/v1/auth/login", map[string]any{"email": email, "password": "Fairgate-dev-1"}).is(200)
	f.auth = []string{"Authorization", "Bearer " + in.str("access_token")}
	return f
}

func TestOnlyAdministratorsDecideAboutRejectedRefunds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f, admin := w.fans(1)[0], w.admin()
	_, showtime := w.sale(map[string]any{"seats": 10, "queued": false})
	held := w.hold(f, showtime, w.seats(showtime, 1)...).is(201)
	id := w.book(f, held.str("hold_id")).is(201).str("id")
	for _, q := range []string{ // as when the provider has rejected the refund of a paid booking
		`UPDATE booking SET state = 'cancelling' WHERE id = $1`,
		`UPDATE payment SET state = 'done', balance = amount, payment_key = 'tk-1' WHERE booking_id = $1`,
		`INSERT INTO refund (id, payment_id, booking_id, payment_key, kind, amount, reason, state)
			SELECT 'rfd-1', id, booking_id, payment_key, 'fan', amount, 'cold', 'rejected' FROM payment WHERE booking_id = $1`,
	} {
		if _, err := w.pool.Exec(context.Background(), q, id); err != nil {
			t.Fatal(err)
		}
	}
	note := map[string]any{"note": "the card is open again"}
	w.call("POST", "/v1/admin/refunds/rfd-1/retry", note).is(401, "unauthenticated")
	w.call("POST", "/v1/admin/refunds/rfd-1/retry", note, f.auth...).is(403, "forbidden")
	w.call("POST", "/v1/admin/refunds/rfd-1/settle", note, f.auth...).is(403, "forbidden")
	w.call("POST", "/v1/admin/refunds/rfd-1/retry", nil, admin.auth...).is(422, "validation_failed")
	w.call("POST", "/v1/admin/refunds/rfd-2/retry", note, admin.auth...).is(404, "refund_not_found")
	again := w.call("POST", "/v1/admin/refunds/rfd-1/retry", note, admin.auth...).is(200)
	if again.str("booking_state") != "cancelling" {
		t.Errorf("retried: %s", again.text)
	}
	w.call("POST", "/v1/admin/refunds/rfd-1/settle", note, admin.auth...).is(409, "refund_not_rejected")
	if _, err := w.pool.Exec(context.Background(), `UPDATE refund SET state = 'rejected'`); err != nil {
		t.Fatal(err)
	}
	settled := w.call("POST", "/v1/admin/refunds/rfd-1/settle", note, admin.auth...).is(200)
	if settled.str("booking_state") != "cancelled" || settled.str("booking_id") != id {
		t.Errorf("settled: %s", settled.text)
	}
	w.call("GET", "/v1/bookings/"+id, nil, f.auth...).is(200)
}
