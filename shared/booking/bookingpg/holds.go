package bookingpg

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/platform/postgres"
)

// Claims keeps holds as claims of seats while Redis is down, and reads all claims of
// a showtime. It implements booking.FallbackStore and booking.ClaimReader.
type Claims struct {
	pool               *pgxpool.Pool
	lock, claim, ended string // statements
}

// NewClaims returns Claims on pool.
func NewClaims(pool *pgxpool.Pool) *Claims {
	return &Claims{pool: pool, lock: lockAccountAndSale, claim: claimHeld, ended: sessionEnded}
}

// claimHeld takes all seats, in the order in which everybody locks them: those that
// are new and those whose claim has lapsed.
const claimHeld = `
	INSERT INTO seat_claim AS c (showtime_id, seat, hold_id, account_id, kind, until, session_epoch, session_n)
	SELECT $1, s, $2, $3, 'held', now() + $4 * interval '1 millisecond', $6, $7
	FROM unnest($5::text[]) AS s ORDER BY s COLLATE "C"
	ON CONFLICT (showtime_id, seat) DO UPDATE SET
		booking_id = NULL, hold_id = EXCLUDED.hold_id, account_id = EXCLUDED.account_id,
		kind = 'held', until = EXCLUDED.until,
		session_epoch = EXCLUDED.session_epoch, session_n = EXCLUDED.session_n
	WHERE c.until < now()
	RETURNING c.seat, c.until`

// Place implements booking.HoldStore. Calls of one account wait for each other.
func (c *Claims) Place(ctx context.Context, order booking.HoldOrder) (booking.HoldPlaced, error) {
	var placed booking.HoldPlaced
	err := postgres.InTx(ctx, c.pool, func(tx pgx.Tx) (err error) {
		// A statement of its own: one that also counts would count what was there
		// before it waited.
		if _, err := tx.Exec(ctx, c.lock, order.Hold.AccountID, order.Hold.SaleID); err != nil {
			return err
		}
		if err := c.checkSession(ctx, tx, order.Hold.Session); err != nil {
			return err
		}
		own, err := heldBy(ctx, tx, order.Hold.AccountID)
		if err != nil {
			return err
		}
		if placed, err = own.find(order); err != nil || placed.Replayed {
			return err
		}
		conflicts := order.Taken
		if len(conflicts) == 0 && len(order.Hold.Seats) > 0 {
			if placed, conflicts, err = c.take(ctx, tx, order); err != nil {
				return err
			}
		}
		if len(conflicts) > 0 || len(order.Hold.Seats) == 0 {
			return booking.SeatsTaken(conflicts, own.among(order.Hold.ShowtimeID, conflicts))
		}
		return checkLimit(ctx, tx, order)
	})
	if err != nil {
		return booking.HoldPlaced{}, unavailable(err)
	}
	return placed, nil
}

// take claims all seats of the order, and lists those it could not.
func (c *Claims) take(ctx context.Context, tx pgx.Tx, order booking.HoldOrder) (placed booking.HoldPlaced, conflicts []string, err error) {
	hold := order.Hold
	epoch, n := sessionColumns(hold.Session)
	rows, err := tx.Query(ctx, c.claim, hold.ShowtimeID, hold.Nonce, hold.AccountID, order.TTL.Milliseconds(), hold.Seats, epoch, n)
	if err != nil {
		return booking.HoldPlaced{}, nil, err
	}
	claimed, until, err := collectHeld(rows)
	if err != nil {
		return booking.HoldPlaced{}, nil, err
	}
	conflicts = slices.DeleteFunc(slices.Clone(hold.Seats), func(no string) bool { return slices.Contains(claimed, no) })
	return booking.HoldPlaced{Seats: hold.Seats, ExpiresAt: until}, conflicts, nil
}

// collectHeld reads seats and when the last of them ends.
func collectHeld(rows pgx.Rows) (seats []string, until time.Time, err error) {
	var seat string
	_, err = pgx.ForEachRow(rows, []any{&seat, &until}, func() error {
		seats = append(seats, seat)
		return nil
	})
	return seats, until.UTC().Truncate(time.Millisecond), err
}

// checkLimit counts the account's seats in the sale, those just claimed included.
func checkLimit(ctx context.Context, tx pgx.Tx, order booking.HoldOrder) error {
	const q = `
		SELECT (SELECT count(*) FROM seat_claim
		        WHERE kind = 'held' AND account_id = $1 AND showtime_id = ANY ($2) AND until >= now())
		     + (SELECT coalesce(sum(seat_count), 0) FROM booking
		        WHERE account_id = $1 AND sale_id = $3 AND (state IN ('paying', 'confirmed')
		           OR state = 'pending_payment' AND expires_at >= now()))`
	var live int
	err := tx.QueryRow(ctx, q, order.Hold.AccountID, order.Showtimes, order.Hold.SaleID).Scan(&live)
	if err == nil && live > order.MaxSeats {
		return booking.ErrSeatLimit
	}
	return err
}

// Live implements booking.HoldStore.
func (c *Claims) Live(ctx context.Context, hold booking.Hold) (bool, error) {
	const q = `SELECT count(*) FROM seat_claim WHERE showtime_id = $1 AND seat = ANY ($2) AND hold_id = $3`
	var seats int
	err := c.pool.QueryRow(ctx, q, hold.ShowtimeID, hold.Seats, hold.Nonce).Scan(&seats)
	return seats == len(hold.Seats), unavailable(err)
}

// Release implements booking.HoldStore.
func (c *Claims) Release(ctx context.Context, hold booking.Hold) (bool, error) {
	const q = `
		WITH own AS (
			SELECT showtime_id, seat FROM seat_claim
			WHERE showtime_id = $1 AND seat = ANY ($2) AND hold_id = $3 AND account_id = $4 AND kind = 'held'
			ORDER BY seat FOR UPDATE)
		DELETE FROM seat_claim c USING own WHERE c.showtime_id = own.showtime_id AND c.seat = own.seat`
	tag, err := c.pool.Exec(ctx, q, hold.ShowtimeID, hold.Seats, hold.Nonce, hold.AccountID)
	return tag.RowsAffected() > 0, unavailable(err)
}

// Claims implements booking.ClaimReader.
func (c *Claims) Claims(ctx context.Context, showtimeID string) ([]booking.SeatClaim, error) {
	const q = `
		SELECT seat, kind, CASE WHEN until = 'infinity' THEN NULL ELSE until END
		FROM seat_claim WHERE showtime_id = $1 AND until >= now()`
	rows, err := c.pool.Query(ctx, q, showtimeID)
	if err != nil {
		return nil, err
	}
	var (
		claims []booking.SeatClaim
		seat   string
		kind   string
		until  *time.Time
	)
	_, err = pgx.ForEachRow(rows, []any{&seat, &kind, &until}, func() error {
		claim := booking.SeatClaim{Seat: seat, State: stateOf(kind)}
		if until != nil {
			claim.Until = *until
		}
		claims = append(claims, claim)
		return nil
	})
	return claims, err
}

func stateOf(kind string) booking.SeatState {
	switch kind {
	case "sold":
		return booking.Sold
	case "blocked":
		return booking.NotForSale
	}
	return booking.Held
}

// SweepLapsed removes up to limit holds that lapsed more than a minute ago and
// returns how many rows that were. Nobody waits for it: a lapsed claim may be taken
// over at any time. Several callers share the work.
func (c *Claims) SweepLapsed(ctx context.Context, limit int) (int, error) {
	const q = `
		WITH lapsed AS (
			SELECT showtime_id, seat FROM seat_claim
			WHERE kind = 'held' AND until < now() - interval '1 minute'
			LIMIT $1 FOR UPDATE SKIP LOCKED)
		DELETE FROM seat_claim c USING lapsed l WHERE c.showtime_id = l.showtime_id AND c.seat = l.seat`
	tag, err := c.pool.Exec(ctx, q, limit)
	return int(tag.RowsAffected()), err
}

// Gone counts the seats of a showtime that nobody can get any more unless they come
// back: those that are sold and those that were never for sale.
func (c *Claims) Gone(ctx context.Context, showtimeID string) (int, error) {
	const q = `SELECT count(*) FROM seat_claim WHERE showtime_id = $1 AND kind IN ('sold', 'blocked')`
	var gone int
	err := c.pool.QueryRow(ctx, q, showtimeID).Scan(&gone)
	return gone, err
}

// Moved returns the sales in which bookings were confirmed or cancelled after a mark,
// which is a row of the ledger, and the next mark. Without a mark (0 or less) it only asks for one.
func (c *Claims) Moved(ctx context.Context, mark int64) (sales []string, next int64, err error) {
	if mark <= 0 {
		err := c.pool.QueryRow(ctx, `SELECT coalesce(max(id), 0) FROM ledger`).Scan(&next)
		return nil, next, err
	}
	const q = `
		SELECT greatest($1, (SELECT max(id) FROM ledger)), ARRAY(
			SELECT DISTINCT (SELECT sale_id FROM booking WHERE id = l.booking_id) FROM ledger l
			WHERE l.id > $1 AND l.entry = 'booking' AND l.to_state IN ('confirmed', 'cancelled'))`
	err = c.pool.QueryRow(ctx, q, mark).Scan(&next, &sales)
	return sales, next, err
}

// unavailable keeps our own errors; all others mean that Postgres does not answer.
func unavailable(err error) error {
	if err == nil || errs.KindOf(err) != errs.Internal {
		return err
	}
	return errs.ErrUpstream.Because(err)
}
