package booking

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/errs"
)

// Mine are an account's live holds.
type Mine struct {
	Holds []Hold // the one that lapses first comes first
	// Complete is false while one of the stores cannot be asked: there may be more.
	Complete bool
}

// Mine returns what the account holds now, without what it has released, what has
// lapsed and what has become a booking; with a showtimeID only of that showtime. It
// fails with errs.ErrUpstream when neither store can be asked.
func (h *Holds) Mine(ctx context.Context, accountID, showtimeID string) (Mine, error) {
	sales, err := h.salesOf(ctx, showtimeID)
	if err != nil {
		return Mine{}, err
	}
	fast, fastErr := h.redis.HeldBy(ctx, accountID, sales)
	if fastErr != nil && !isDown(ctx, fastErr) {
		return Mine{}, fastErr
	}
	slow, slowErr := h.heldInPostgres(ctx, accountID)
	switch {
	case slowErr != nil && !isDown(ctx, slowErr):
		return Mine{}, slowErr
	case fastErr != nil && slowErr != nil:
		return Mine{}, slowErr
	}
	mine, err := h.unbooked(ctx, oncePerNonce(slow, fast))
	if err != nil && !isDown(ctx, err) {
		return Mine{}, err
	}
	now := h.clock.Now()
	mine = slices.DeleteFunc(mine, func(hold Hold) bool {
		return hold.Lapsed(now) || showtimeID != "" && hold.ShowtimeID != showtimeID
	})
	if mine, err = h.complete(ctx, mine); err != nil {
		return Mine{}, err
	}
	slices.SortFunc(mine, func(a, b Hold) int {
		if c := a.ExpiresAt.Compare(b.ExpiresAt); c != 0 {
			return c
		}
		return strings.Compare(a.Nonce, b.Nonce)
	})
	return Mine{Holds: mine, Complete: fastErr == nil && slowErr == nil}, nil
}

// salesOf returns the sales in which something may be held: that of the showtime, or
// all that were not over when the oldest hold began.
func (h *Holds) salesOf(ctx context.Context, showtimeID string) ([]catalogue.Sale, error) {
	if showtimeID == "" {
		return h.catalogue.SalesWithHolds(ctx)
	}
	showtime, err := h.catalogue.Showtime(ctx, showtimeID)
	if err != nil || showtime.SaleID == "" {
		return nil, err
	}
	sale, err := h.catalogue.Sale(ctx, showtime.SaleID)
	return []catalogue.Sale{sale}, err
}

// heldInPostgres returns the holds of times when Redis failed, with where they belong.
func (h *Holds) heldInPostgres(ctx context.Context, accountID string) ([]Hold, error) {
	holds, err := h.fallback.HeldBy(ctx, accountID)
	if err != nil {
		return nil, err
	}
	found := make([]Hold, 0, len(holds))
	for _, hold := range holds {
		showtime, err := h.catalogue.Showtime(ctx, hold.ShowtimeID)
		if errors.Is(err, catalogue.ErrShowtimeNotFound) {
			continue // nothing can be done with it any more
		}
		if err != nil {
			return nil, err
		}
		hold.SaleID, hold.PerformanceID, hold.InPostgres = showtime.SaleID, showtime.PerformanceID, true
		if hold.Session != nil {
			hold.Session.SaleID = showtime.SaleID
		}
		found = append(found, hold)
	}
	return found, nil
}

// oncePerNonce joins lists; a hold that both stores have counts as the first one's.
func oncePerNonce(lists ...[]Hold) []Hold {
	var all []Hold
	for _, hold := range slices.Concat(lists...) {
		if !slices.ContainsFunc(all, func(h Hold) bool { return h.Nonce == hold.Nonce }) {
			all = append(all, hold)
		}
	}
	return all
}

// unbooked leaves out what has become a booking, which Redis hears of a moment later.
// While Postgres cannot be asked nothing is left out.
func (h *Holds) unbooked(ctx context.Context, holds []Hold) ([]Hold, error) {
	if len(holds) == 0 {
		return nil, nil
	}
	nonces := make([]string, len(holds))
	for i, hold := range holds {
		nonces[i] = hold.Nonce
	}
	booked, err := h.fallback.Booked(ctx, nonces)
	if err != nil {
		return holds, err
	}
	return slices.DeleteFunc(holds, func(hold Hold) bool { return slices.Contains(booked, hold.Nonce) }), nil
}

// complete prices the holds and signs their ids, which are those that were answered
// when they were made, unless a price has changed meanwhile. A hold of what is no longer
// in the catalogue can be booked by nobody: it is left out rather than in the way of the
// others.
func (h *Holds) complete(ctx context.Context, holds []Hold) ([]Hold, error) {
	priced := holds[:0]
	for _, hold := range holds {
		err := h.price(ctx, &hold)
		if kind := errs.KindOf(err); kind == errs.NotFound || kind == errs.Invalid {
			continue
		}
		if err != nil {
			return nil, err
		}
		hold.ID = h.key.Sign(hold)
		priced = append(priced, hold)
	}
	return priced, nil
}

// price sets a hold's amount, and puts its seats in order.
func (h *Holds) price(ctx context.Context, hold *Hold) error {
	showtime, err := h.catalogue.Showtime(ctx, hold.ShowtimeID)
	if err != nil {
		return err
	}
	seatMap, err := h.catalogue.SeatMap(ctx, showtime.HallID)
	if err != nil {
		return err
	}
	place := hall{showtime: showtime, seatMap: seatMap}
	if hold.Amount, err = place.amount(hold.Seats); err != nil {
		return err
	}
	hold.Seats = place.inOrder(hold.Seats)
	return nil
}
