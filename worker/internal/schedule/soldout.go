package schedule

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/clock"
	"github.com/fairgate/fairgate/shared/platform/run"
	"github.com/fairgate/fairgate/shared/queue"
)

// Shop is what sold-out marks need of the catalogue.
type Shop interface {
	SalesOpenAt(ctx context.Context, t time.Time) ([]catalogue.Sale, error)
	ShowtimesOn(ctx context.Context, sale catalogue.Sale) ([]catalogue.Showtime, error)
	Hall(ctx context.Context, id string) (catalogue.Hall, error)
	SetSoldOut(ctx context.Context, saleID string, soldOut bool) (bool, error)
}

// SoldOutLine tells a line that its sale is sold out, or no longer.
type SoldOutLine interface {
	Policy(ctx context.Context, saleID string) (queue.Policy, error)
	SetSoldOut(ctx context.Context, saleID string, soldOut bool) error
}

// SoldOut marks the open sales of which every seat is sold, and takes the mark
// away when one comes back.
type SoldOut struct {
	Shop Shop
	Line SoldOutLine
	// Gone counts the seats of a showtime that are sold or were never for sale.
	Gone func(ctx context.Context, showtimeID string) (int, error)
	// Moved returns the sales in which bookings were confirmed or cancelled after a
	// mark, and the next mark.
	Moved func(ctx context.Context, mark int64) (sales []string, next int64, err error)
	Clock clock.Clock

	mark  int64     // of the last look
	again []string  // sales of the last look: something in them may have been committed since
	all   time.Time // when every sale was looked at
}

// everySale is how often all open sales are looked at. Between, only those are in
// which something has been sold or has come back: counting costs as much as a hall
// has seats.
const everySale = 30 * time.Second

func (s *SoldOut) look(ctx context.Context) (run.Tally, error) {
	now := s.Clock.Now()
	moved, next, err := s.Moved(ctx, s.mark)
	if err != nil {
		return run.Tally{}, err
	}
	everything := now.Sub(s.all) >= everySale
	wanted := slices.Concat(moved, s.again)
	if !everything && len(wanted) == 0 {
		s.mark = next
		return run.Tally{}, nil
	}
	sales, err := s.Shop.SalesOpenAt(ctx, now)
	if err != nil {
		return run.Tally{}, err
	}
	if !everything {
		sales = slices.DeleteFunc(sales, func(sale catalogue.Sale) bool { return !slices.Contains(wanted, sale.ID) })
	}
	tally, err := s.markAll(ctx, sales)
	if err == nil {
		s.mark, s.again = next, moved
		if everything {
			s.all = now
		}
	}
	return tally, err
}

func (s *SoldOut) markAll(ctx context.Context, sales []catalogue.Sale) (run.Tally, error) {
	tally := run.Tally{Selected: len(sales)}
	var faults []error
	for _, sale := range sales {
		if err := s.markOne(ctx, sale); err != nil {
			tally.Failed++
			faults = append(faults, fmt.Errorf("sale %s: %w", sale.ID, err))
			continue
		}
		tally.Done++
	}
	return tally, errors.Join(faults...)
}

func (s *SoldOut) markOne(ctx context.Context, sale catalogue.Sale) error {
	soldOut, err := s.isSoldOut(ctx, sale)
	if err != nil {
		return err
	}
	if sale.SoldOut != soldOut {
		if _, err := s.Shop.SetSoldOut(ctx, sale.ID, soldOut); err != nil {
			return err
		}
	}
	if !sale.Queued {
		return nil
	}
	return s.tellLine(ctx, sale.ID, soldOut)
}

func (s *SoldOut) tellLine(ctx context.Context, saleID string, soldOut bool) error {
	policy, err := s.Line.Policy(ctx, saleID)
	if errors.Is(err, queue.ErrLineNotFound) {
		return nil // it is made from its mirror in a moment
	}
	if err != nil || policy.SoldOut == soldOut {
		return err
	}
	return s.Line.SetSoldOut(ctx, saleID, soldOut)
}

// isSoldOut stops at the first showtime with a seat left.
func (s *SoldOut) isSoldOut(ctx context.Context, sale catalogue.Sale) (bool, error) {
	showtimes, err := s.Shop.ShowtimesOn(ctx, sale)
	if err != nil {
		return false, err
	}
	for _, showtime := range showtimes {
		hall, err := s.Shop.Hall(ctx, showtime.HallID)
		if err != nil {
			return false, err
		}
		gone, err := s.Gone(ctx, showtime.ID)
		if err != nil || gone < hall.Seats {
			return false, err
		}
	}
	return len(showtimes) > 0, nil
}
