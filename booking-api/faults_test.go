package bookingapi

import (
	"fmt"
	"strings"
	"testing"
)

// A body of 64 KB in which everything is wrong is refused as quickly as any other: once
// it cost seconds of a core, without an account.
func TestABodyFullOfFaultsIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var unknown strings.Builder
	for i := range 6000 {
		fmt.Fprintf(&unknown, `"%05d":1,`, i)
	}
	fan := w.fans(1)[0]
	_, showtime := w.sale(map[string]any{"seats": 4, "queued": false})
	for name, c := range map[string]struct{ path, body string }{
		"unknown members": {"/v1/auth/login", `{` + unknown.String() + `"email":"a@b.test","password":"x"}`},
		"wrong elements":  {"/v1/showtimes/" + showtime + "/holds", `{"seats":[1` + strings.Repeat(",1", 30_000) + `]}`},
	} {
		refused := w.call("POST", c.path, c.body, with(fan.auth, []string{"Idempotency-Key", "k-1"})...)
		if refused.status != 422 || len(refused.text) > 10_000 {
			t.Errorf("%s: %d, %d bytes: %s", name, refused.status, len(refused.text), cut(refused.text))
		}
	}
}
