package bookingpg

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/event"
)

// ownHolds are an account's live holds that are kept in Postgres, each with its seats
// in the order of their numbers.
type ownHolds []booking.Hold

// heldBy reads the live holds of an account. Within Place this comes after the lock of
// the account, so that two requests for the same seats find each other.
func heldBy(ctx context.Context, db querier, accountID string) (ownHolds, error) {
	const q = `
		SELECT showtime_id, hold_id, array_agg(seat ORDER BY seat), min(until), min(session_epoch), min(session_n)
		FROM seat_claim
		WHERE kind = 'held' AND account_id = $1 AND until >= now()
		GROUP BY showtime_id, hold_id ORDER BY min(until), hold_id`
	rows, err := db.Query(ctx, q, accountID)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (booking.Hold, error) {
		hold := booking.Hold{AccountID: accountID, InPostgres: true}
		var epoch, n *int64
		err := row.Scan(&hold.ShowtimeID, &hold.Nonce, &hold.Seats, &hold.ExpiresAt, &epoch, &n)
		hold.ExpiresAt = hold.ExpiresAt.UTC().Truncate(time.Millisecond)
		if epoch != nil && n != nil {
			hold.Session = &event.Session{Epoch: uint32(*epoch), N: uint64(*n)}
		}
		return hold, err
	})
}

// find returns what an order is answered with if it was placed before, or if the
// account holds exactly its seats already: the hold as it is. Otherwise a zero
// HoldPlaced.
func (own ownHolds) find(order booking.HoldOrder) (booking.HoldPlaced, error) {
	want := order.Hold
	for _, hold := range own {
		if hold.ShowtimeID != want.ShowtimeID || hold.Nonce[:booking.RequestLength] != want.Nonce[:booking.RequestLength] {
			continue
		}
		if order.Exact && hold.Nonce != want.Nonce {
			return booking.HoldPlaced{}, booking.ErrKeyReused
		}
		return replayOf(hold, want), nil
	}
	if order.Exact && len(want.Seats) > 0 {
		asked := slices.Sorted(slices.Values(want.Seats))
		for _, hold := range own {
			if hold.ShowtimeID == want.ShowtimeID && slices.Equal(slices.Sorted(slices.Values(hold.Seats)), asked) {
				return replayOf(hold, want), nil
			}
		}
	}
	return booking.HoldPlaced{}, nil
}

// replayOf answers with a hold that was there before.
func replayOf(hold, want booking.Hold) booking.HoldPlaced {
	placed := booking.HoldPlaced{Seats: hold.Seats, ExpiresAt: hold.ExpiresAt, Replayed: true, Nonce: hold.Nonce}
	if hold.Session != nil {
		placed.Session = &event.Session{SaleID: want.SaleID, Epoch: hold.Session.Epoch, N: hold.Session.N}
	}
	return placed
}

// among returns those of the seats that the account holds.
func (own ownHolds) among(showtimeID string, seats []string) []string {
	var mine []string
	for _, no := range seats {
		if slices.ContainsFunc(own, func(h booking.Hold) bool { return h.ShowtimeID == showtimeID && slices.Contains(h.Seats, no) }) {
			mine = append(mine, no)
		}
	}
	return mine
}

func sessionColumns(s *event.Session) (epoch, n *int64) {
	if s == nil {
		return nil, nil
	}
	e, m := int64(s.Epoch), int64(s.N)
	return &e, &m
}

// Find implements booking.FallbackStore.
func (c *Claims) Find(ctx context.Context, order booking.HoldOrder) (booking.HoldPlaced, error) {
	own, err := heldBy(ctx, c.pool, order.Hold.AccountID)
	if err != nil {
		return booking.HoldPlaced{}, unavailable(err)
	}
	return own.find(order)
}

// HeldBy implements booking.FallbackStore.
func (c *Claims) HeldBy(ctx context.Context, accountID string) ([]booking.Hold, error) {
	own, err := heldBy(ctx, c.pool, accountID)
	return own, unavailable(err)
}

// Booked implements booking.FallbackStore.
func (c *Claims) Booked(ctx context.Context, nonces []string) ([]string, error) {
	const q = `SELECT hold_id FROM booking WHERE hold_id = ANY ($1)`
	rows, err := c.pool.Query(ctx, q, nonces)
	if err != nil {
		return nil, unavailable(err)
	}
	booked, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return booked, unavailable(err)
}
