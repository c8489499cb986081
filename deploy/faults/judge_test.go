//go:build faults

package faults

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fairgate/fairgate/deploy/sim/catcher"
	"github.com/fairgate/fairgate/loadtest/verify"
)

// judge lists every promise that was broken, as seen from outside.
func (n *night) judge() []string {
	n.t.Helper()
	ctx := n.t.Context()
	var all []string
	fail := func(err error) {
		if err != nil {
			all = append(all, err.Error())
		}
	}
	payments, err := verify.Payments(ctx, site.provider())
	fail(err)
	report, err := verify.Check(ctx, n.db, payments, verify.Expectation{
		SaleID: n.sale.SaleID, Seats: n.size.seats, SoldOut: true, Queued: true, MaxSeatsPerAccount: maxSeatsPerAccount,
	})
	fail(err)
	all = append(all, report.Violations...)
	if want := int64(report.SeatsSold) * 50_000; report.Captured != want {
		all = append(all, fmt.Sprintf("₩%d captured for %d seats, which are ₩%d", report.Captured, report.SeatsSold, want))
	}
	confirmed, err := confirmedBookings(ctx, n.db, n.sale.SaleID)
	fail(err)
	others, err := otherBookings(ctx, n.db, n.sale.SaleID)
	fail(err)
	mails, err := site.mails()
	fail(err)
	all = append(all, judgeMails(confirmed, others, mails)...)
	if int(n.bought.Load()) != len(confirmed) {
		all = append(all, fmt.Sprintf("%d fans were told that they bought, but %d bookings are confirmed", n.bought.Load(), len(confirmed)))
	}
	all = append(all, judgeOutcomes("who wanted to buy", n.outcome)...)
	all = append(all, judgeOutcomes("who only waited", n.lost)...)
	_, failures := n.door.failed()
	all = append(all, judgeFailures(failures)...)
	for _, f := range slices.Concat(n.crowd, n.waiting) {
		all = append(all, judgePlace(f.account.AccountID, f.seen)...)
	}
	return all
}

// awaitDrained waits until everything is final and all messages are delivered.
func (n *night) awaitDrained() error {
	var open, events int
	var stuck []string
	for deadline := time.Now().Add(drained); ; time.Sleep(200 * time.Millisecond) {
		ctx := n.t.Context()
		var errs [3]error
		open, errs[0] = unfinished(ctx, n.db, n.sale.SaleID, time.Now())
		events, errs[1] = outboxed(ctx, n.db)
		var queues []queueDepth
		queues, errs[2] = site.queues()
		stuck = judgeQueues(queues)
		err := errors.Join(errs[:]...)
		if err == nil && open == 0 && events == 0 && len(stuck) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return errors.Join(err, fmt.Errorf("%s after the end %d bookings or payments are not final, the outbox has %d events, and %s",
				drained, open, events, strings.Join(stuck, ", ")))
		}
	}
}

// queryer is a connection or a transaction.
type queryer interface {
	QueryRow(ctx context.Context, q string, args ...any) pgx.Row
	Query(ctx context.Context, q string, args ...any) (pgx.Rows, error)
}

// unfinished counts the bookings made before a moment that are not final, by
// themselves, their payments or their refunds.
func unfinished(ctx context.Context, db queryer, saleID string, before time.Time) (n int, err error) {
	const q = `SELECT count(*) FROM booking b
		LEFT JOIN payment p ON p.booking_id = b.id
		WHERE b.sale_id = $1 AND b.created_at < $2 AND (
			b.state IN ('pending_payment', 'paying', 'cancelling')
			OR p.state IN ('ready', 'confirming', 'unknown', 'waiting_for_deposit') AND b.state = 'confirmed'
			OR p.state IN ('confirming', 'unknown')
			OR EXISTS (SELECT FROM refund r WHERE r.booking_id = b.id AND r.state IN ('requested', 'sending', 'unknown', 'rejected')))`
	return n, db.QueryRow(ctx, q, saleID, before).Scan(&n)
}

// outboxed counts the events that no broker has yet.
func outboxed(ctx context.Context, db queryer) (n int, err error) {
	return n, db.QueryRow(ctx, `SELECT count(*) FROM outbox`).Scan(&n)
}

func confirmedBookings(ctx context.Context, db queryer, saleID string) ([]string, error) {
	return ids(ctx, db, `SELECT id FROM booking WHERE sale_id = $1 AND state = 'confirmed'`, saleID)
}

func otherBookings(ctx context.Context, db queryer, saleID string) ([]string, error) {
	return ids(ctx, db, `SELECT id FROM booking WHERE sale_id = $1 AND state <> 'confirmed'`, saleID)
}

func ids(ctx context.Context, db queryer, q, saleID string) ([]string, error) {
	rows, err := db.Query(ctx, q, saleID)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

const confirmationMail = "booking_confirmed"

// judgeMails wants exactly one distinct Message-ID for each confirmed booking and
// none for the others. The same message twice is one: mail is at least once.
func judgeMails(confirmed, others []string, mails []catcher.Mail) []string {
	about := map[string]map[string]bool{} // booking → Message-IDs
	for _, m := range mails {
		if m.Template != confirmationMail {
			continue
		}
		if about[m.EntityID] == nil {
			about[m.EntityID] = map[string]bool{}
		}
		about[m.EntityID][m.MessageID] = true
	}
	var violations []string
	for _, id := range confirmed {
		if n := len(about[id]); n != 1 {
			violations = append(violations, fmt.Sprintf("booking %s: %d different confirmation mails", id, n))
		}
	}
	for _, id := range others {
		if len(about[id]) > 0 {
			violations = append(violations, fmt.Sprintf("booking %s is not confirmed, but a mail says so", id))
		}
	}
	return violations
}

// judgeQueues names the queues that are not empty; parked messages have given up.
func judgeQueues(queues []queueDepth) []string {
	var violations []string
	for _, q := range queues {
		if q.Messages > 0 {
			violations = append(violations, fmt.Sprintf("queue %s has %d messages", q.Name, q.Messages))
		}
	}
	if len(queues) == 0 {
		violations = append(violations, "the broker has no queues")
	}
	return violations
}

// judgeOutcomes groups what fans were not to meet.
func judgeOutcomes(who string, outcomes []error) []string {
	counts := map[string]int{}
	for _, err := range outcomes {
		if err != nil && !errors.Is(err, errSoldOut) {
			counts[err.Error()]++
		}
	}
	var violations []string
	for _, what := range sortedKeys(counts) {
		violations = append(violations, fmt.Sprintf("%d fans %s: %s", counts[what], who, what))
	}
	return violations
}

// judgeFailures forgives what says "not just now"; 500 says that we have a bug.
func judgeFailures(failures map[string]int) []string {
	var violations []string
	for _, what := range sortedKeys(failures) {
		if strings.HasSuffix(what, " 500") {
			violations = append(violations, fmt.Sprintf("%d times %s", failures[what], what))
		}
	}
	return violations
}

// judgePlace wants a place to keep its number and its key, and to end only by its
// fan's own doing or because everything is sold.
func judgePlace(fan string, seen []standing) []string {
	var violations []string
	for i, s := range seen {
		if s.N != seen[0].N {
			violations = append(violations, fmt.Sprintf("fan %s: place %d became place %d", fan, seen[0].N, s.N))
		}
		if s.State == "expired" && s.Reason != "sold_out" {
			violations = append(violations, fmt.Sprintf("fan %s: place %d was lost (%s)", fan, s.N, s.Reason))
		}
		if i > 0 && s.Key != nil && seen[i-1].Key != nil && *s.Key != *seen[i-1].Key {
			violations = append(violations, fmt.Sprintf("fan %s: key %s became %s", fan, *seen[i-1].Key, *s.Key))
		}
	}
	return violations
}

func sortedKeys(m map[string]int) []string { return slices.Sorted(maps.Keys(m)) }
