package bookingpg

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/fairgate/fairgate/shared/booking"
)

const (
	changesPerSweep = 20_000 // rows of the ledger
	sweepPart       = 2_000  // bookings, and claims, of the slow sweep through all of them
	checkedAtOnce   = 2_000  // bookings: far below the statement timeout
)

// Sweep implements booking.Store. The ledger says what has changed, because every move
// leaves a row in it; what changes without one is found by the sweep through all
// bookings and claims, which goes on where it stopped, whoever leads.
func (s *Store) Sweep(ctx context.Context) (booking.Swept, error) {
	ids, err := s.broken(ctx)
	if err != nil {
		return booking.Swept{}, err
	}
	var moved []sweepMove
	for _, part := range []func(context.Context) ([]string, sweepMove, error){s.changed, s.nextBookings, s.nextClaims} {
		more, move, err := part(ctx)
		if err != nil {
			return booking.Swept{}, err
		}
		ids, moved = append(ids, more...), append(moved, move)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	swept := booking.Swept{Checked: len(ids)}
	for part := range slices.Chunk(ids, checkedAtOnce) {
		broken, err := s.check(ctx, part)
		if err != nil {
			return booking.Swept{}, err
		}
		swept.Broken += broken
	}
	return swept, s.remember(ctx, moved)
}

// broken returns the bookings in which something was found: they may have healed.
func (s *Store) broken(ctx context.Context) ([]string, error) {
	const q = `SELECT DISTINCT booking_id FROM invariant_violation LIMIT $1`
	rows, err := s.pool.Query(ctx, q, sweepPart)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// sweepMove is how far one of the sweeps has come; round: it is through.
type sweepMove struct {
	name     string
	position []string
	round    bool
}

// changed returns the bookings of the ledger's next rows, a few seconds old, so that
// those with lower ids have been committed as well.
func (s *Store) changed(ctx context.Context) ([]string, sweepMove, error) {
	const q = `
		SELECT id, booking_id FROM ledger
		WHERE id > (SELECT position[1]::bigint FROM invariant_sweep WHERE name = 'ledger') AND at < now() - interval '5 seconds'
		ORDER BY id LIMIT $1`
	rows, err := s.pool.Query(ctx, q, changesPerSweep)
	if err != nil {
		return nil, sweepMove{}, err
	}
	var ids []string
	var id int64
	var bookingID string
	_, err = pgx.ForEachRow(rows, []any{&id, &bookingID}, func() error {
		ids = append(ids, bookingID)
		return nil
	})
	if len(ids) == 0 {
		return nil, sweepMove{name: "ledger", round: true}, err
	}
	return ids, sweepMove{name: "ledger", position: []string{strconv.FormatInt(id, 10)}, round: len(ids) < changesPerSweep}, err
}

// nextBookings returns the next part of all bookings.
func (s *Store) nextBookings(ctx context.Context) ([]string, sweepMove, error) {
	const q = `
		SELECT id FROM booking WHERE id > (SELECT position[1] FROM invariant_sweep WHERE name = 'booking')
		ORDER BY id LIMIT $1`
	rows, err := s.pool.Query(ctx, q, sweepPart)
	if err != nil {
		return nil, sweepMove{}, err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if len(ids) < sweepPart {
		return ids, sweepMove{name: "booking", position: []string{""}, round: true}, err
	}
	return ids, sweepMove{name: "booking", position: ids[len(ids)-1:]}, err
}

// nextClaims returns the bookings of the next part of all claims that do not exist:
// the others are found among the bookings.
func (s *Store) nextClaims(ctx context.Context) ([]string, sweepMove, error) {
	const q = `
		SELECT c.showtime_id, c.seat, CASE WHEN b.id IS NULL THEN c.booking_id END
		FROM (
			SELECT showtime_id, seat, booking_id FROM seat_claim
			WHERE (showtime_id, seat) > (SELECT position[1], position[2] FROM invariant_sweep WHERE name = 'claim')
			ORDER BY showtime_id, seat LIMIT $1) c
		LEFT JOIN booking b ON b.id = c.booking_id
		ORDER BY c.showtime_id, c.seat`
	rows, err := s.pool.Query(ctx, q, sweepPart)
	if err != nil {
		return nil, sweepMove{}, err
	}
	var ids []string
	var orphan *string
	position, seen := make([]string, 2), 0
	_, err = pgx.ForEachRow(rows, []any{&position[0], &position[1], &orphan}, func() error {
		if seen++; orphan != nil {
			ids = append(ids, *orphan)
		}
		return nil
	})
	if seen < sweepPart {
		return ids, sweepMove{name: "claim", position: []string{"", ""}, round: true}, err
	}
	return ids, sweepMove{name: "claim", position: position}, err
}

// check looks for every breach among the bookings, stores what it finds and forgets
// what has healed. It returns how many bookings are broken.
func (s *Store) check(ctx context.Context, ids []string) (int, error) {
	names, bookings, err := s.breaches(ctx, ids)
	if err != nil {
		return 0, err
	}
	batch := &pgx.Batch{}
	batch.Queue(`
		DELETE FROM invariant_violation v WHERE v.booking_id = ANY ($1)
		  AND NOT EXISTS (SELECT FROM unnest($2::text[], $3::text[]) AS f (invariant, booking_id)
			WHERE f.invariant = v.invariant AND f.booking_id = v.booking_id)`, ids, names, bookings)
	batch.Queue(`
		INSERT INTO invariant_violation (invariant, booking_id)
		SELECT DISTINCT * FROM unnest($1::text[], $2::text[]) ON CONFLICT DO NOTHING`, names, bookings)
	broken := slices.Compact(slices.Sorted(slices.Values(bookings)))
	return len(broken), s.pool.SendBatch(ctx, batch).Close()
}

// breaches returns the names of the broken invariants, and the bookings beside them.
func (s *Store) breaches(ctx context.Context, ids []string) (names, bookings []string, err error) {
	batch := &pgx.Batch{}
	for name, q := range violations {
		batch.Queue(q, ids).Query(func(rows pgx.Rows) error {
			found, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if err != nil {
				return fmt.Errorf("violations: %s: %w", name, err)
			}
			for _, id := range found {
				names, bookings = append(names, name), append(bookings, id)
			}
			return nil
		})
	}
	err = s.pool.SendBatch(ctx, batch).Close()
	return names, bookings, err
}

func (s *Store) remember(ctx context.Context, moved []sweepMove) error {
	const q = `
		UPDATE invariant_sweep SET position = coalesce($2, position), moved_at = now(), round_at = CASE WHEN $3 THEN now() ELSE round_at END
		WHERE name = $1`
	batch := &pgx.Batch{}
	for _, m := range moved {
		batch.Queue(q, m.name, m.position, m.round)
	}
	return s.pool.SendBatch(ctx, batch).Close()
}

// Violations implements booking.Store.
func (s *Store) Violations(ctx context.Context) (map[string]int, error) {
	counts := make(map[string]int, len(violations))
	for name := range violations {
		counts[name] = 0
	}
	rows, err := s.pool.Query(ctx, `SELECT invariant, count(*) FROM invariant_violation GROUP BY invariant`)
	if err != nil {
		return nil, err
	}
	var name string
	var count int
	_, err = pgx.ForEachRow(rows, []any{&name, &count}, func() error {
		counts[name] = count
		return nil
	})
	return counts, err
}
