package bookingpg

import (
	"context"
	"fmt"
)

// violations are the queries that count breaches of the invariants. Each compares
// what is committed with what is committed, in one statement, so that work in
// progress never shows. Money that the reconciler is about to look at (a next look is
// set) is not counted yet.
var violations = map[string]string{
	// Invariant 1: a (showtime, seat) has at most one live booking.
	"seat_sold_twice": `
		SELECT count(*) FROM (
			SELECT FROM booking_seat s JOIN booking b ON b.id = s.booking_id
			WHERE b.state IN ('confirmed', 'cancelling') GROUP BY s.showtime_id, s.seat HAVING count(*) > 1) d`,
	"seat_not_claimed": `
		SELECT count(*) FROM booking_seat s JOIN booking b ON b.id = s.booking_id
		LEFT JOIN seat_claim c ON c.showtime_id = s.showtime_id AND c.seat = s.seat AND c.booking_id = b.id AND c.until = 'infinity'
		WHERE b.state IN ('paying', 'confirmed', 'cancelling') AND c.seat IS NULL`,
	"claim_without_booking": `
		SELECT count(*) FROM seat_claim c LEFT JOIN booking b ON b.id = c.booking_id
		WHERE c.booking_id IS NOT NULL
		  AND (b.id IS NULL OR b.state IN ('cancelled', 'expired')
		       OR (c.until = 'infinity' AND b.state = 'pending_payment')
		       OR (c.kind = 'sold' AND b.state NOT IN ('confirmed', 'cancelling')))`,
	"seat_state_differs": `
		SELECT count(*) FROM booking_seat s JOIN booking b ON b.id = s.booking_id
		WHERE (s.state = 'sold') <> (b.state IN ('confirmed', 'cancelling'))`,
	// Invariant 2: captured money is a confirmed booking, or on its way back.
	"money_without_booking": `
		SELECT count(*) FROM payment p JOIN booking b ON b.id = p.booking_id
		WHERE p.balance > 0 AND b.state NOT IN ('confirmed', 'cancelling') AND p.next_check_at IS NULL
		  AND NOT EXISTS (SELECT FROM refund r WHERE r.payment_id = p.id AND r.state IN ('requested', 'sending', 'unknown'))`,
	"booking_without_money": `
		SELECT count(*) FROM payment p JOIN booking b ON b.id = p.booking_id
		WHERE b.state = 'confirmed' AND b.amount > 0 AND p.state NOT IN ('done', 'partially_cancelled')`,
	"paying_without_payment": `
		SELECT count(*) FROM payment p JOIN booking b ON b.id = p.booking_id
		WHERE (b.state = 'paying') <> (p.state IN ('confirming', 'unknown'))`,
	"pending_payment_unwatched": `
		SELECT count(*) FROM payment p
		WHERE p.state IN ('confirming', 'unknown') AND p.next_check_at IS NULL`,
	"refund_unwatched": `
		SELECT count(*) FROM refund r
		WHERE r.state IN ('requested', 'sending', 'unknown') AND r.next_check_at IS NULL`,
	"cancelling_without_refund": `
		SELECT count(*) FROM booking b JOIN payment p ON p.booking_id = b.id
		WHERE b.state = 'cancelling' AND p.next_check_at IS NULL
		  AND NOT EXISTS (SELECT FROM refund r WHERE r.booking_id = b.id AND r.state IN ('requested', 'sending', 'unknown'))`,
	"two_live_attempts": `
		SELECT count(*) FROM (
			SELECT FROM payment_attempt WHERE state IN ('confirming', 'unknown', 'done')
			GROUP BY payment_id HAVING count(*) > 1) d`,
	// Invariant 4, as far as the database sees it: a confirmed booking has used up its session.
	"session_not_spent": `
		SELECT count(*) FROM booking b
		WHERE b.state = 'confirmed' AND b.session_n IS NOT NULL
		  AND NOT EXISTS (SELECT FROM spent_session s WHERE s.sale_id = b.sale_id AND s.epoch = b.session_epoch AND s.n = b.session_n)`,
	"account_over_limit": `
		SELECT count(*) FROM (
			SELECT FROM booking b WHERE state IN ('paying', 'confirmed')
			  AND NOT EXISTS (SELECT FROM ledger l WHERE l.booking_id = b.id AND l.entry = 'over_limit') -- late money, kept
			GROUP BY account_id, sale_id HAVING sum(seat_count) > max(seat_limit)) d`,
	// Invariant 8: no effect is missing. A minute is left for those that are issued later.
	"ticket_missing": `
		SELECT count(*) FROM booking b
		WHERE b.state = 'confirmed' AND b.confirmed_at < now() - interval '1 minute'
		  AND (SELECT count(*) FROM ticket t WHERE t.booking_id = b.id AND t.state = 'valid') <> b.seat_count`,
	// Invariant 10: a payment's ledger sums to its balance, which is what came less what went.
	"ledger_differs": `
		SELECT count(*) FROM payment p
		WHERE p.balance <> (SELECT coalesce(sum(l.amount), 0) FROM ledger l WHERE l.payment_id = p.id AND l.amount <> 0)`,
	"balance_differs": `
		SELECT count(*) FROM payment p
		WHERE p.state IN ('done', 'partially_cancelled', 'cancelled')
		  AND NOT EXISTS (SELECT FROM refund r WHERE r.payment_id = p.id AND r.kind = 'mismatch')
		  AND p.balance <> p.amount - (SELECT coalesce(sum(r.amount), 0) FROM refund r WHERE r.payment_id = p.id AND r.state = 'done')`,
}

// Violations implements booking.Store.
func (s *Store) Violations(ctx context.Context) (map[string]int, error) {
	counts := make(map[string]int, len(violations))
	for name, q := range violations {
		var count int
		if err := s.pool.QueryRow(ctx, q).Scan(&count); err != nil {
			return nil, fmt.Errorf("violations: %s: %w", name, err)
		}
		counts[name] = count
	}
	return counts, nil
}
