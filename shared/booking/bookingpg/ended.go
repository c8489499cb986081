package bookingpg

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/event"
	"github.com/fairgate/fairgate/shared/platform/postgres"
)

// The account's lock (see lockAccount), and the sale's, which is shared by those who hold
// seats in it and taken alone by whoever ends sessions: a hold is either committed before
// the sessions end, and released by that, or sees that its own has ended.
const (
	lockAccountAndSale = `
		SELECT pg_advisory_xact_lock(hashtextextended($1 || '/' || $2, 0)),
		       pg_advisory_xact_lock_shared(hashtextextended('sessions of ' || $2, 0))`
	lockSessions = `SELECT pg_advisory_xact_lock(hashtextextended('sessions of ' || $1, 0))`
	sessionEnded = `SELECT EXISTS (SELECT FROM spent_session WHERE sale_id = $1 AND epoch = $2 AND n = $3)`
)

// checkSession fails with booking.ErrSessionOver when the session was ended.
func (c *Claims) checkSession(ctx context.Context, tx pgx.Tx, session *event.Session) error {
	if session == nil {
		return nil
	}
	var ended bool
	err := tx.QueryRow(ctx, c.ended, session.SaleID, int64(session.Epoch), int64(session.N)).Scan(&ended)
	if err == nil && ended {
		return booking.ErrSessionOver
	}
	return err
}

// EndSessions implements booking.SessionHolds. A session that has ended is as good as one
// that is spent: its pass is refused with Redis down, too.
func (c *Claims) EndSessions(ctx context.Context, sale catalogue.Sale, sessions []event.Session) ([]booking.Hold, error) {
	epochs, numbers := make([]int64, len(sessions)), make([]int64, len(sessions))
	for i, session := range sessions {
		epochs[i], numbers[i] = int64(session.Epoch), int64(session.N)
	}
	const mark = `
		INSERT INTO spent_session (sale_id, epoch, n, booking_id)
		SELECT $1, e, n, '' FROM unnest($2::bigint[], $3::bigint[]) AS s (e, n) ORDER BY e, n
		ON CONFLICT (sale_id, epoch, n) DO NOTHING`
	const release = `
		WITH own AS (
			SELECT c.showtime_id, c.seat FROM seat_claim c
			JOIN unnest($2::bigint[], $3::bigint[]) AS s (e, n) ON c.session_epoch = s.e AND c.session_n = s.n
			WHERE c.kind = 'held' AND c.showtime_id = ANY ($1)
			ORDER BY c.seat COLLATE "C" FOR UPDATE OF c),
		gone AS (
			DELETE FROM seat_claim c USING own
			WHERE c.showtime_id = own.showtime_id AND c.seat = own.seat AND c.kind = 'held'
			RETURNING c.showtime_id, c.hold_id, c.account_id, c.seat)
		SELECT showtime_id, hold_id, min(account_id), array_agg(seat ORDER BY seat) FROM gone GROUP BY showtime_id, hold_id`
	var released []booking.Hold
	err := postgres.InTx(ctx, c.pool, func(tx pgx.Tx) error {
		// A statement of its own, as everywhere: what comes after it sees what was
		// committed while it waited.
		if _, err := tx.Exec(ctx, lockSessions, sale.ID); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, mark, sale.ID, epochs, numbers); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, release, sale.ShowtimeIDs, epochs, numbers)
		if err != nil {
			return err
		}
		released, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (booking.Hold, error) {
			hold := booking.Hold{SaleID: sale.ID, PerformanceID: sale.PerformanceID, InPostgres: true}
			err := row.Scan(&hold.ShowtimeID, &hold.Nonce, &hold.AccountID, &hold.Seats)
			return hold, err
		})
		return err
	})
	return released, unavailable(err)
}

var _ booking.SessionHolds = (*Claims)(nil)
