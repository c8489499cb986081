package bookingapi

import (
	"fmt"
	"testing"
)

// TestEveryNumberOfASaleHasAnUpperBound: one more than a column or a clock can bear is
// the caller's mistake, not ours.
func TestEveryNumberOfASaleHasAnUpperBound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, field := range []string{"seats", "capacity", "rate_per_minute", "session_seconds", "hold_seconds", "max_seats_per_account", "price"} {
		for _, value := range []int64{-1, 1<<40 + 1, 1<<63 - 1} {
			a := w.call("POST", "/v1/dev/sales", fmt.Sprintf(`{"seats":10,%q:%d}`, field, value))
			if field == "seats" {
				a = w.call("POST", "/v1/dev/sales", fmt.Sprintf(`{"seats":%d}`, value))
			}
			a.is(422, "validation_failed")
		}
	}
	w.call("POST", "/v1/dev/sales", `{"seats":10,"hold_seconds":2147483648}`).is(422, "validation_failed")
	f := w.fans(1)[0]
	for _, amount := range []int64{-1, 1<<40 + 1, 1<<63 - 1} {
		w.call("POST", "/v1/payments/confirm", fmt.Sprintf(`{"order_id":"ord-x","payment_key":"k","amount":%d}`, amount), with(f.auth, key())...).is(422, "validation_failed")
	}
}
