package bookingpg

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fairgate/fairgate/shared/booking"
)

// Pending returns the payments and refunds that are not settled: a read of partial
// indexes, however many there have been.
func (s *Store) Pending(ctx context.Context) ([]booking.Pending, error) {
	const q = `
		SELECT 'payment', known.state, count(p.id), coalesce(extract(epoch FROM now() - min(p.requested_at)), 0)::float8
		FROM unnest(ARRAY['confirming', 'unknown']) AS known (state)
		LEFT JOIN (SELECT id, state, requested_at FROM payment WHERE next_check_at IS NOT NULL) p ON p.state = known.state
		GROUP BY known.state
		UNION ALL
		SELECT 'refund', known.state, count(r.id), coalesce(extract(epoch FROM now() - min(r.requested_at)), 0)::float8
		FROM unnest(ARRAY['requested', 'sending', 'unknown']) AS known (state)
		LEFT JOIN (SELECT id, state, requested_at FROM refund WHERE state IN ('requested', 'sending', 'unknown')) r ON r.state = known.state
		GROUP BY known.state`
	rows, err := s.pool.Query(ctx, q)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (booking.Pending, error) {
		var p booking.Pending
		var seconds float64
		err := row.Scan(&p.Kind, &p.State, &p.Count, &seconds)
		p.Oldest = time.Duration(seconds * float64(time.Second))
		return p, err
	})
}
