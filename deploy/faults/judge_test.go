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
	payments, err := verify.Payments(ctx, site.provider())
	if err != nil {
		return []string{err.Error()}
	}
	report, err := verify.Check(ctx, n.db, payments, verify.Expectation{
		SaleID: n.sale.SaleID, Seats: n.size.seats, SoldOut: true, Queued: true, MaxSeatsPerAccount: maxSeatsPerAccount,
	})
	if err != nil {
		return []string{err.Error()}
	}
	all = append(all, report.Violations...)
	if want := int64(report.SeatsSold) * 50_000; report.Captured != want {
		all = append(all, fmt.Sprintf("₩%d captured for %d seats, which are ₩%d", report.Captured, report.SeatsSold, want))
	}
	if bought := int(n.bought.Load()); bought != report.Bookings {
		all = append(all, fmt.Sprintf("%d fans were told that they bought, but %d bookings are confirmed", bought, report.Bookings))
	}
	all = append(all, judgeOutcomes("who wanted to buy", n.outcome, n.forgive)...)
	all = append(all, judgeOutcomes("who only waited", n.lost, nil)...)
	_, failures := n.door.failed()
	all = append(all, judgeFailures(failures)...)
	for _, f := range slices.Concat(n.crowd, n.waiting) {
		all = append(all, judgePlace(f.account.AccountID, f.seen)...)
	}
	return all
}

// awaitDrained waits until everything is final, all messages are delivered and all
// mails are sent, and returns what is not.
func (n *night) awaitDrained() []string {
	n.t.Helper()
	for deadline := time.Now().Add(drained); ; time.Sleep(200 * time.Millisecond) {
		left, err := n.left()
		if err != nil {
			left = append(left, err.Error())
		}
		if len(left) == 0 || time.Now().After(deadline) {
			return left
		}
	}
}

// left lists what still has to happen after a sale.
func (n *night) left() (left []string, err error) {
	ctx := n.t.Context()
	open, err := unfinished(ctx, n.db, n.sale.SaleID, time.Now())
	if err != nil {
		return nil, err
	}
	events, err := outboxed(ctx, n.db)
	if err != nil {
		return nil, err
	}
	queues, err := site.queues()
	if err != nil {
		return nil, err
	}
	unsent, err := n.judgeMails()
	if open > 0 || events > 0 {
		left = append(left, fmt.Sprintf("%d bookings or payments are not final, %d events are not published", open, events))
	}
	return slices.Concat(left, judgeQueues(queues), unsent), err
}

func (n *night) judgeMails() ([]string, error) {
	confirmed, err := ids(n.t.Context(), n.db, `SELECT id FROM booking WHERE sale_id = $1 AND state = 'confirmed'`, n.sale.SaleID)
	if err != nil {
		return nil, err
	}
	others, err := ids(n.t.Context(), n.db, `SELECT id FROM booking WHERE sale_id = $1 AND state <> 'confirmed'`, n.sale.SaleID)
	if err != nil {
		return nil, err
	}
	mails, err := site.mails()
	return judgeMails(confirmed, others, mails), err
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
		switch {
		case q.Messages == nil:
			violations = append(violations, "nobody knows how many messages queue "+q.Name+" has")
		case *q.Messages > 0:
			violations = append(violations, fmt.Sprintf("queue %s has %d messages", q.Name, *q.Messages))
		}
	}
	if len(queues) == 0 {
		violations = append(violations, "the broker has no queues")
	}
	return violations
}

// judgeOutcomes groups what fans were not to meet.
func judgeOutcomes(who string, outcomes []error, forgive error) []string {
	counts := map[string]int{}
	for _, err := range outcomes {
		if err != nil && !errors.Is(err, errSoldOut) && !errors.Is(err, errSessionOver) && (forgive == nil || !errors.Is(err, forgive)) {
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
