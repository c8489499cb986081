package booking

import (
	"context"
	"errors"
	"time"

	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/event"
)

// ReleasedStore is a store of holds as the Releaser needs it.
type ReleasedStore interface {
	HoldStore
	SessionHolds
}

// Releaser gives back what nobody will book any more: the holds of sessions that were
// ended before their time, and those of accounts that are no more.
type Releaser struct {
	Catalogue Catalogue
	Redis     interface {
		ReleasedStore
		HeldBy(ctx context.Context, accountID string, sales []catalogue.Sale) ([]Hold, error)
	}
	Postgres interface {
		ReleasedStore
		HeldBy(ctx context.Context, accountID string) ([]Hold, error)
	}
	Feed SeatFeed // tells everyone of seats that were kept in Postgres
}

// EndSessions ends sessions of a sale in both stores and returns how many holds it
// released. It may be repeated, and is to be repeated after an error.
func (r Releaser) EndSessions(ctx context.Context, saleID string, sessions []event.Session) (int, error) {
	sale, err := r.Catalogue.Sale(ctx, saleID)
	if errors.Is(err, catalogue.ErrSaleNotFound) {
		return 0, nil // nothing can be held in it
	}
	if err != nil {
		return 0, err
	}
	// Both are asked, whatever one says: a failing store keeps no seats of the other.
	fast, fastErr := r.Redis.EndSessions(ctx, sale, sessions)
	slow, slowErr := r.Postgres.EndSessions(ctx, sale, sessions)
	return len(fast) + len(slow), errors.Join(fastErr, slowErr, r.tell(ctx, sale.PerformanceID, slow))
}

// ReleaseAccount releases everything that the account holds, in a session or without
// one, and returns how many holds that were.
func (r Releaser) ReleaseAccount(ctx context.Context, accountID string) (int, error) {
	sales, err := r.Catalogue.SalesWithHolds(ctx)
	if err != nil {
		return 0, err
	}
	fast, fastErr := r.Redis.HeldBy(ctx, accountID, sales)
	slow, slowErr := r.Postgres.HeldBy(ctx, accountID)
	faults, released := []error{fastErr, slowErr}, 0
	for _, hold := range fast {
		live, err := r.Redis.Release(ctx, hold)
		faults = append(faults, err)
		if live {
			released++
		}
	}
	for _, hold := range slow {
		live, err := r.Postgres.Release(ctx, hold)
		faults = append(faults, err)
		if !live {
			continue
		}
		released++
		showtime, err := r.Catalogue.Showtime(ctx, hold.ShowtimeID)
		if err == nil {
			err = r.tell(ctx, showtime.PerformanceID, []Hold{hold})
		}
		faults = append(faults, err)
	}
	return released, errors.Join(faults...)
}

// tell says that seats which were held in Postgres are free. Should it be lost, every
// instance reads the claims within 5 s.
func (r Releaser) tell(ctx context.Context, performanceID string, holds []Hold) error {
	var faults []error
	for _, hold := range holds {
		faults = append(faults, r.Feed.Publish(ctx, performanceID, hold.ShowtimeID, changesTo(Free, hold.Seats, time.Time{})))
	}
	return errors.Join(faults...)
}
