package booking

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/event"
	"github.com/fairgate/fairgate/shared/ident"
	"github.com/fairgate/fairgate/shared/money"
)

// BookCommand turns a hold into a booking.
type BookCommand struct {
	AccountID string
	HoldID    string
	Contact   Contact
	Session   *event.Session // of the pass that was shown; nil where none is needed
	RequestID string
}

// Book claims the seats of a hold and stores what is to be paid. Fails with
// ErrHoldNotFound, ErrHoldExpired, ErrPassRequired, ErrSessionTaken, ErrHoldUsed, ErrSeatTaken (conflicts), ErrSeatLimit.
func (s *Service) Book(ctx context.Context, command BookCommand) (Booking, error) {
	draft, err := s.draft(ctx, command)
	if err != nil {
		return Booking{}, err
	}
	return s.book(ctx, draft)
}

// BookOnce is Book for a request that may come again with the same key; answer makes
// what is sent and stored. All that is asked of others is asked before the
// transaction begins, so that none waits for a connection while it holds one.
func (s *Service) BookOnce(ctx context.Context, key Key, command BookCommand, answer func(Booking) (Answer, error)) (Answer, error) {
	draft, refused := s.draft(ctx, command)
	return s.store.Once(ctx, key, func(ctx context.Context) (Answer, error) {
		if refused != nil { // only now: a request that was answered before is answered so again
			return Answer{}, refused
		}
		b, err := s.book(ctx, draft)
		if err != nil {
			return Answer{}, err
		}
		return answer(b)
	})
}

func (s *Service) book(ctx context.Context, draft Draft) (Booking, error) {
	b, err := s.store.Create(ctx, draft)
	if err != nil {
		return Booking{}, err
	}
	s.announce(ctx, Settlement{Moved: true, Booking: b, Seats: seatChanges(b, Held, b.ExpiresAt)})
	return b, nil
}

func (s *Service) draft(ctx context.Context, command BookCommand) (Draft, error) {
	hold, err := s.holds.Get(ctx, command.AccountID, command.HoldID)
	if err != nil {
		return Draft{}, err
	}
	showtime, err := s.programme.Showtime(ctx, hold.ShowtimeID)
	if err != nil {
		return Draft{}, err
	}
	sale, err := s.programme.Sale(ctx, hold.SaleID)
	if err != nil {
		return Draft{}, err
	}
	if err := admits(sale, command.Session); err != nil {
		return Draft{}, err
	}
	performance, err := s.programme.Performance(ctx, showtime.PerformanceID)
	if err != nil {
		return Draft{}, err
	}
	seatMap, err := s.programme.SeatMap(ctx, showtime.HallID)
	if err != nil {
		return Draft{}, err
	}
	seats, err := priced(hold.Seats, showtime, seatMap)
	if err != nil {
		return Draft{}, err
	}
	b := Booking{
		ID: ident.New(bookingPrefix), OrderID: ident.New("ord"), AccountID: command.AccountID, Contact: command.Contact,
		SaleID: sale.ID, PerformanceID: performance.ID, PerformanceTitle: performance.Title, VenueName: performance.VenueName,
		ShowtimeID: showtime.ID, StartsAt: showtime.StartsAt, Seats: seats,
		Session: command.Session, RequestID: command.RequestID,
		Payment: Payment{ID: ident.New("pay")},
	}
	if b.Session == nil {
		b.Session = hold.Session
	}
	if err := b.sum(); err != nil {
		return Draft{}, err
	}
	return Draft{
		Booking: b, HoldNonce: hold.Nonce, SeatLimit: sale.MaxSeatsPerAccount, Provider: s.name,
		PayTime: PayTime, Margin: ExpiryMargin + rand.N(ExpirySpread),
	}, nil
}

// sum sets what the booking costs, from its seats; ErrTooMuch.
func (b *Booking) sum() (err error) {
	prices, discounts := make([]money.KRW, len(b.Seats)), make([]money.KRW, len(b.Seats))
	for i, seat := range b.Seats {
		prices[i], discounts[i] = seat.Price, seat.Discount
	}
	if b.Price, err = sumOf(prices); err != nil {
		return err
	}
	if b.Discount, err = sumOf(discounts); err != nil {
		return err
	}
	b.Amount = b.Price - b.Discount // both are 0 … money.Max
	return nil
}

// priced returns the seats in the order of their numbers, which is the order in
// which claims are locked everywhere.
func priced(numbers []string, showtime catalogue.Showtime, seatMap *catalogue.SeatMap) ([]BookedSeat, error) {
	seats := make([]BookedSeat, 0, len(numbers))
	for _, number := range numbers {
		i, ok := seatMap.Find(number)
		if !ok {
			return nil, ErrUnknownSeat.With("unknown", []string{number})
		}
		grade := seatMap.Grades[seatMap.Seats[i].Grade].Code
		price, ok := showtime.Prices[grade]
		if !ok {
			return nil, errs.ErrInternal.WithMessage("showtime %s has no price for grade %s", showtime.ID, grade)
		}
		seats = append(seats, BookedSeat{No: number, Grade: grade, Price: price})
	}
	slices.SortFunc(seats, func(a, b BookedSeat) int { return strings.Compare(a.No, b.No) })
	return seats, nil
}

// Get returns a booking of the account; ErrBookingNotFound if it is another's.
func (s *Service) Get(ctx context.Context, accountID, bookingID string) (Booking, error) {
	b, err := s.store.ByID(ctx, bookingID)
	if err != nil {
		return Booking{}, err
	}
	if b.AccountID != accountID {
		return Booking{}, ErrBookingNotFound
	}
	return b, nil
}

// List returns a page of the account's bookings; errs.ErrBadCursor.
func (s *Service) List(ctx context.Context, page Page) (Listed, error) {
	if page.Cursor != "" && !isCursor(page.Cursor) {
		return Listed{}, errs.ErrBadCursor
	}
	limit := min(max(page.Limit, 1), 100)
	page.Limit = limit + 1
	items, err := s.store.List(ctx, page)
	if err != nil || len(items) <= limit {
		return Listed{Items: items}, err
	}
	return Listed{Items: items[:limit], NextCursor: items[limit-1].ID}, nil
}

// ExpireDue expires up to limit unpaid bookings whose time is over, frees their
// seats and returns how many there were.
func (s *Service) ExpireDue(ctx context.Context, limit int) (int, error) {
	expired, err := s.store.ExpireDue(ctx, limit)
	for _, settled := range expired {
		s.announce(ctx, settled)
	}
	return len(expired), err
}

// ForgetKeys removes idempotency keys past their lifetime.
func (s *Service) ForgetKeys(ctx context.Context, limit int) (int, error) {
	return s.store.Forget(ctx, limit)
}

// IssueTickets gives a confirmed booking the tickets that it does not have yet.
func (s *Service) IssueTickets(ctx context.Context, bookingID string) error {
	return s.store.IssueTickets(ctx, bookingID, s.tickets)
}

// Sweep checks the invariants that the database can see, of a part of all bookings at
// a time: at once of those that have changed.
func (s *Service) Sweep(ctx context.Context) (Swept, error) { return s.store.Sweep(ctx) }

// Violations counts the bookings in breach of each invariant, by its name, that Sweep
// has found: every figure is 0, or something is broken.
func (s *Service) Violations(ctx context.Context) (map[string]int, error) {
	return s.store.Violations(ctx)
}
