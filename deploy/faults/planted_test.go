//go:build faults

package faults

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fairgate/fairgate/deploy/sim/catcher"
)

// What loadtest/verify looks for has its own planted violations there.

func TestPlantedMailViolationsAreFound(t *testing.T) {
	mail := func(id, booking string) catcher.Mail {
		return catcher.Mail{MessageID: id, EntityID: booking, Template: confirmationMail}
	}
	for _, c := range []struct {
		name              string
		confirmed, others []string
		mails             []catcher.Mail
		want              string // "": no violation
	}{
		{"one each, one of them sent again", []string{"a", "b"}, []string{"c"}, []catcher.Mail{mail("1", "a"), mail("2", "b"), mail("2", "b")}, ""},
		{"missing", []string{"a", "b"}, nil, []catcher.Mail{mail("1", "a")}, "booking b: 0 different"},
		{"two different", []string{"a"}, nil, []catcher.Mail{mail("1", "a"), mail("2", "a")}, "booking a: 2 different"},
		{"for an order that was never paid", nil, []string{"c"}, []catcher.Mail{mail("1", "c")}, "booking c is not confirmed"},
		{"only about something else", []string{"a"}, nil, []catcher.Mail{{MessageID: "1", EntityID: "a", Template: "booking_expired"}}, "booking a: 0 different"},
	} {
		expect(t, c.name, judgeMails(c.confirmed, c.others, c.mails), c.want)
	}
}

func TestPlantedPlaceViolationsAreFound(t *testing.T) {
	key := func(k string) *string { return &k }
	for _, c := range []struct {
		name string
		seen []standing
		want string
	}{
		{"kept", []standing{{N: 7, Key: key("107"), State: "waiting"}, {N: 7, Key: key("107"), State: "offered"}, {N: 7, State: "finished"}}, ""},
		{"sold out", []standing{{N: 7, State: "waiting"}, {N: 7, State: "expired", Reason: "sold_out"}}, ""},
		{"another number", []standing{{N: 7, State: "waiting"}, {N: 8, State: "waiting"}}, "place 7 became place 8"},
		{"another key", []standing{{N: 7, Key: key("107"), State: "waiting"}, {N: 7, Key: key("108"), State: "waiting"}}, "key 107 became 108"},
		{"swept away", []standing{{N: 7, State: "waiting"}, {N: 7, State: "expired", Reason: "abandoned"}}, "place 7 was lost (abandoned)"},
	} {
		expect(t, c.name, judgePlace("f", c.seen), c.want)
	}
}

func TestPlantedMessageViolationsAreFound(t *testing.T) {
	has := func(n int) *int { return &n }
	expect(t, "empty", judgeQueues([]queueDepth{{"fairgate.mail", has(0)}, {"fairgate.parked", has(0)}}), "")
	expect(t, "parked", judgeQueues([]queueDepth{{"fairgate.mail", has(0)}, {"fairgate.parked", has(1)}}), "fairgate.parked has 1")
	expect(t, "left over", judgeQueues([]queueDepth{{"fairgate.mail", has(2)}}), "fairgate.mail has 2")
	expect(t, "not counted yet", judgeQueues([]queueDepth{{"fairgate.mail", nil}}), "nobody knows")
	expect(t, "no broker to ask", judgeQueues(nil), "no queues")
}

func TestPlantedOutcomesAreFound(t *testing.T) {
	expect(t, "as it should be", judgeOutcomes("x", []error{nil, errSoldOut, errSessionOver}, nil), "")
	expect(t, "forgiven", judgeOutcomes("x", []error{errTooLate}, errTooLate), "")
	expect(t, "not forgiven", judgeOutcomes("x", []error{errTooLate}, nil), "could not be paid again")
	expect(t, "gave up", judgeOutcomes("x", []error{outOfTime{"hold"}, outOfTime{"hold"}}, nil), "2 fans x: no answer to hold")
	expect(t, "broken off", judgeOutcomes("x", []error{errors.New("hold was answered 403")}, errTooLate), "1 fans x: hold was answered 403")
}

func TestPlantedFailuresAreFound(t *testing.T) {
	expect(t, "away", judgeFailures(map[string]int{"hold 503": 3, "entry 502": 1, "status unanswered": 2}), "")
	expect(t, "a bug", judgeFailures(map[string]int{"hold 503": 3, "book 500": 2}), "2 times book 500")
}

func expect(t *testing.T, name string, violations []string, want string) {
	t.Helper()
	got := strings.Join(violations, "\n")
	if want == "" && got != "" || !strings.Contains(got, want) {
		t.Errorf("%s: violations %q, want one that says %q", name, got, want)
	}
}

// TestPlantedRowsAreFound plants what must not be left over into transactions that
// are rolled back.
func TestPlantedRowsAreFound(t *testing.T) {
	db := site.database(t)
	for _, c := range []struct {
		name, booking, payment string
		refund                 string // "": none
		want                   int
	}{
		{"confirmed", "confirmed", "done", "", 0},
		{"expired", "expired", "expired", "", 0},
		{"given back", "cancelled", "cancelled", "done", 0},
		{"paying", "paying", "confirming", "", 1},
		{"never paid", "pending_payment", "ready", "", 1},
		{"unknown", "expired", "unknown", "", 1},
		{"confirmed without money", "confirmed", "ready", "", 1},
		{"half cancelled", "cancelling", "done", "", 1},
		{"not given back", "cancelled", "done", "requested", 1},
		{"refused to give back", "cancelled", "done", "rejected", 1},
	} {
		planted(t, db, func(tx pgx.Tx) {
			execute(t, tx, `INSERT INTO booking (id, order_id, hold_id, account_id, email, name, locale, sale_id, performance_id, performance_title, venue_name,
				showtime_id, starts_at, seat_count, seat_limit, price, discount, amount, state, pay_before, expires_at, created_at)
				VALUES ('planted', 'planted', 'h', 'a', 'e', 'n', 'ko', 'planted-sale', 'pf', 't', 'v', 'st', now(), 1, 4, 1000, 0, 1000, $1, now(), now(), now() - interval '1 minute')`, c.booking)
			execute(t, tx, `INSERT INTO payment (id, booking_id, order_id, provider, amount, state) VALUES ('planted', 'planted', 'planted', 'toss', 1000, $1)`, c.payment)
			if c.refund != "" {
				execute(t, tx, `INSERT INTO refund (id, payment_id, booking_id, payment_key, kind, amount, reason, state) VALUES ('planted', 'planted', 'planted', 'k', 'late', 1000, 'r', $1)`, c.refund)
			}
			got, err := unfinished(t.Context(), tx, "planted-sale", time.Now())
			if err != nil || got != c.want {
				t.Errorf("%s: %d unfinished (%v), want %d", c.name, got, err, c.want)
			}
		})
	}
	planted(t, db, func(tx pgx.Tx) {
		before, err := outboxed(t.Context(), tx)
		if err != nil {
			t.Fatal(err)
		}
		execute(t, tx, `INSERT INTO outbox (event_id, type, payload) VALUES ('planted', 'planted', '{}')`)
		if got, err := outboxed(t.Context(), tx); err != nil || got != before+1 {
			t.Errorf("an event that was not sent: %d, %v", got-before, err)
		}
	})
}

func planted(t *testing.T, db *pgx.Conn, plant func(pgx.Tx)) {
	t.Helper()
	tx, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := tx.Rollback(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	plant(tx)
}

func execute(t *testing.T, tx pgx.Tx, q string, args ...any) {
	t.Helper()
	if _, err := tx.Exec(t.Context(), q, args...); err != nil {
		t.Fatal(fmt.Errorf("%s: %w", q, err))
	}
}
