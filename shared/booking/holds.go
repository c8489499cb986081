package booking

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/clock"
	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/event"
	"github.com/fairgate/fairgate/shared/ident"
	"github.com/fairgate/fairgate/shared/money"
)

// Catalogue answers from memory; its values are shared and must not be changed.
type Catalogue interface {
	Showtime(ctx context.Context, id string) (catalogue.Showtime, error)
	SeatMap(ctx context.Context, hallID string) (*catalogue.SeatMap, error)
	Sale(ctx context.Context, id string) (catalogue.Sale, error)
	// SalesWithHolds returns the sales in which seats may be held.
	SalesWithHolds(ctx context.Context) ([]catalogue.Sale, error)
}

// Offer is a showtime with the sale that sells it, read once for a request: whether a
// pass is needed and what is held are decided by the same sale.
type Offer struct {
	Showtime catalogue.Showtime
	Sale     catalogue.Sale // zero while the showtime is in no sale
}

// admits reports whether a session of the sale's line, nil if none was shown, lets its
// fan buy: the line of a queued sale is passed by nobody without one.
func admits(sale catalogue.Sale, session *event.Session) error {
	if sale.Queued && (session == nil || session.SaleID != sale.ID) {
		return ErrPassRequired
	}
	return nil
}

// HoldRequest asks for seats: either Seats by number or the BestAvailable.
type HoldRequest struct {
	ShowtimeID     string
	Offer          *Offer // of the showtime; nil: Hold reads it
	AccountID      string
	IdempotencyKey string
	Seats          []string
	BestAvailable  *BestAvailable
	// Session is the fan's session in the line, with its end; both zero when the
	// sale is not queued. A hold never outlives the session.
	Session       *event.Session
	SessionEndsAt time.Time
}

// BestAvailable asks for Count seats side by side in Grade.
type BestAvailable struct {
	Count int
	Grade string // grade code; empty: any
}

// fallbackRemembered is longer than any hold.
const fallbackRemembered = 15 * time.Minute

// Holds are the use cases of holds.
type Holds struct {
	catalogue Catalogue
	key       HoldKey
	redis     FastStore
	fallback  FallbackStore
	seats     *Availability
	clock     clock.Clock
	observe   HoldObserver
	fellBack  atomic.Int64 // when the fallback was last used, Unix milliseconds
	process   string       // before the number of an attempt
	attempts  atomic.Int64
	lost      lostAnswers
}

// HoldObserver hears how holds went; a service makes metrics of it.
type HoldObserver interface {
	// HoldAsked is called once for every Hold: store is "redis" or "postgres", result
	// "placed", "replayed" or the code of the error. Once more with "undone" for a hold
	// whose answer was lost and that was taken back.
	HoldAsked(store, result string)
}

// NewHolds returns the use cases. While redis fails with errs.Unavailable, holds are
// kept in fallback. observe may be nil. Run must run.
func NewHolds(c Catalogue, key HoldKey, redis FastStore, fallback FallbackStore, seats *Availability, clk clock.Clock, observe HoldObserver) *Holds {
	return &Holds{
		catalogue: c, key: key, redis: redis, fallback: fallback, seats: seats, clock: clk, observe: observe, process: ident.New("try"),
	}
}

// Hold takes seats for a while, all or none. A retry with the same idempotency key
// returns the same hold, as it was: never a longer one, and also after it was
// released.
//
// It fails with ErrSeatTaken (conflicts lists every one), ErrSeatLimit,
// ErrUnknownSeat, ErrTooMuch, errs.ErrValidationFailed, ErrKeyReused, ErrPassRequired,
// ErrSaleNotOpen, ErrSaleClosed, ErrSessionOver, and the catalogue's errors.
func (h *Holds) Hold(ctx context.Context, request HoldRequest) (Hold, error) {
	place, err := h.where(ctx, request)
	if err != nil {
		return Hold{}, err
	}
	if request.BestAvailable != nil {
		return h.holdBest(ctx, request, place)
	}
	seats, err := place.chosen(request.Seats)
	if err != nil {
		return Hold{}, err
	}
	return h.place(ctx, h.order(request, place, seats))
}

// hall is where a request wants to sit.
type hall struct {
	showtime catalogue.Showtime
	sale     catalogue.Sale
	seatMap  *catalogue.SeatMap
}

// Offer reads a showtime and its sale; the catalogue's errors.
func (h *Holds) Offer(ctx context.Context, showtimeID string) (Offer, error) {
	showtime, err := h.catalogue.Showtime(ctx, showtimeID)
	if err != nil || showtime.SaleID == "" {
		return Offer{Showtime: showtime}, err
	}
	sale, err := h.catalogue.Sale(ctx, showtime.SaleID)
	return Offer{Showtime: showtime, Sale: sale}, err
}

func (h *Holds) where(ctx context.Context, request HoldRequest) (place hall, err error) {
	if err := validate(request); err != nil {
		return hall{}, err
	}
	if request.Offer == nil || request.Offer.Showtime.ID != request.ShowtimeID {
		offer, err := h.Offer(ctx, request.ShowtimeID)
		if err != nil {
			return hall{}, err
		}
		request.Offer = &offer
	}
	place.showtime, place.sale = request.Offer.Showtime, request.Offer.Sale
	if place.sale.ID == "" {
		return hall{}, ErrSaleNotOpen
	}
	if err := admits(place.sale, request.Session); err != nil {
		return hall{}, err
	}
	now := h.clock.Now()
	switch {
	case now.Before(place.sale.OpensAt):
		return hall{}, ErrSaleNotOpen
	case !now.Before(place.sale.ClosesAt), !now.Before(place.showtime.StartsAt):
		return hall{}, ErrSaleClosed
	}
	place.seatMap, err = h.catalogue.SeatMap(ctx, place.showtime.HallID)
	return place, err
}

// validate checks what can be judged by the request alone.
func validate(request HoldRequest) error {
	best := request.BestAvailable
	switch {
	case best != nil && len(request.Seats) > 0:
		return errs.ErrValidationFailed.WithField("body", "give seats or best_available, not both")
	case best != nil && best.Count < 1:
		return errs.ErrValidationFailed.WithField("body.best_available.count", "must be at least 1")
	case best == nil && len(request.Seats) == 0:
		return errs.ErrValidationFailed.WithField("body.seats", "give at least one seat")
	}
	for i, no := range request.Seats {
		if slices.Contains(request.Seats[:i], no) { // they are few
			return errs.ErrValidationFailed.WithField(fmt.Sprintf("body.seats[%d]", i), "is there twice")
		}
	}
	return nil
}

// chosen returns the seats in map order.
func (p hall) chosen(numbers []string) ([]string, error) {
	if len(numbers) > p.sale.MaxSeatsPerAccount {
		return nil, errs.ErrValidationFailed.WithField("body.seats", fmt.Sprintf("at most %d seats", p.sale.MaxSeatsPerAccount))
	}
	var unknown []string
	indices := make([]int, 0, len(numbers))
	for _, no := range numbers {
		i, ok := p.seatMap.Find(no)
		if !ok {
			unknown = append(unknown, no)
		}
		indices = append(indices, i)
	}
	if len(unknown) > 0 {
		return nil, ErrUnknownSeat.With("unknown", unknown)
	}
	return p.numbers(indices), nil
}

// inOrder returns numbers in map order, which is the order that a hold's id has them in.
func (p hall) inOrder(numbers []string) []string {
	index := func(no string) int { i, _ := p.seatMap.Find(no); return i }
	return slices.SortedStableFunc(slices.Values(numbers), func(a, b string) int { return index(a) - index(b) })
}

// numbers returns the seats' numbers in map order.
func (p hall) numbers(indices []int) []string {
	slices.Sort(indices)
	list := make([]string, len(indices))
	for n, i := range indices {
		list[n] = p.seatMap.Seats[i].No
	}
	return list
}

// amount is the sum of the seats' prices; ErrTooMuch.
func (p hall) amount(numbers []string) (money.KRW, error) {
	prices := make([]money.KRW, 0, len(numbers))
	for _, no := range numbers {
		i, ok := p.seatMap.Find(no)
		if !ok { // the map has changed since the hold was made
			return 0, ErrUnknownSeat.With("unknown", []string{no})
		}
		grade := p.seatMap.Grades[p.seatMap.Seats[i].Grade].Code
		price, ok := p.showtime.Prices[grade]
		if !ok {
			return 0, fmt.Errorf("showtime %s: grade %s of seat %s has no price", p.showtime.ID, grade, no)
		}
		prices = append(prices, price)
	}
	return sumOf(prices)
}

// sumOf adds prices; ErrTooMuch.
func sumOf(prices []money.KRW) (money.KRW, error) {
	sum, err := money.Sum(prices...)
	if err != nil {
		return 0, ErrTooMuch.Because(err)
	}
	return sum, nil
}

func holdTime(sale catalogue.Sale) time.Duration {
	if sale.HoldSeconds <= 0 {
		return DefaultHoldTime
	}
	return time.Duration(sale.HoldSeconds) * time.Second
}

// attempt is one try to place an order.
type attempt struct {
	HoldOrder
	place         hall
	sessionEndsAt time.Time
}

// within returns the order with a time to live that ends with the session;
// ErrSessionOver when that is over.
func (a attempt) within(now time.Time) (HoldOrder, error) {
	order := a.HoldOrder
	if !a.sessionEndsAt.IsZero() {
		order.TTL = min(order.TTL, a.sessionEndsAt.Sub(now).Truncate(time.Millisecond))
	}
	if order.TTL <= 0 {
		return HoldOrder{}, ErrSessionOver
	}
	return order, nil
}

func (h *Holds) order(request HoldRequest, place hall, seats []string) attempt {
	nonce := h.key.Nonce(request.AccountID, request.ShowtimeID, request.IdempotencyKey, seats)
	return attempt{
		place: place, sessionEndsAt: request.SessionEndsAt,
		HoldOrder: HoldOrder{
			Hold: Hold{
				Nonce: nonce, SaleID: place.sale.ID, PerformanceID: place.showtime.PerformanceID,
				ShowtimeID: place.showtime.ID, AccountID: request.AccountID, Seats: seats, Session: request.Session,
			},
			TTL: holdTime(place.sale), MaxSeats: place.sale.MaxSeatsPerAccount, Showtimes: place.sale.ShowtimeIDs,
			Request: "seats " + nonce[RequestLength:], Exact: true,
			Attempt: h.process + "-" + strconv.FormatInt(h.attempts.Add(1), 36),
		},
	}
}

// place places the order in a store and makes the hold.
func (h *Holds) place(ctx context.Context, try attempt) (Hold, error) {
	// Before the seats are taken: what cannot be paid must not be held.
	if _, err := try.place.amount(try.Hold.Seats); err != nil {
		return Hold{}, err
	}
	placed, inPostgres, err := h.placeInStore(ctx, try)
	h.report(inPostgres, placed, err)
	if err != nil {
		return Hold{}, err
	}
	try.Hold.InPostgres = inPostgres
	return h.made(try, placed)
}

// placeInStore asks Redis, or while that fails Postgres.
func (h *Holds) placeInStore(ctx context.Context, try attempt) (placed HoldPlaced, inPostgres bool, err error) {
	if h.fellBackLately() {
		placed, err = h.fallback.Find(ctx, try.HoldOrder)
		if err == nil && placed.Replayed || errors.Is(err, ErrKeyReused) {
			return placed, true, err
		}
	}
	placed, err = h.placeIn(ctx, h.redis, try, false)
	lost := errors.Is(err, ErrAnswerLost)
	if !isDown(ctx, err) {
		if lost {
			h.lost.add(try.HoldOrder, false, h.clock.Now())
		}
		return placed, false, err
	}
	h.fellBack.Store(h.clock.Now().UnixMilli())
	// Holds of before the outage are remembered here; Postgres knows none of them.
	placed, err = h.placeIn(ctx, h.fallback, try, true)
	if lost {
		h.lost.add(try.HoldOrder, err == nil && try.hasOwn(placed), h.clock.Now())
	}
	if err == nil {
		h.seats.Apply(try.Hold.ShowtimeID, changesTo(Held, placed.Seats, placed.ExpiresAt))
	}
	return placed, true, err
}

// placeIn places the order in a store, refusing seats with a claim, or with heldToo
// with a hold, that is known here.
func (h *Holds) placeIn(ctx context.Context, store HoldStore, try attempt, heldToo bool) (HoldPlaced, error) {
	taken := h.seats.claimed(ctx, try.Hold.ShowtimeID, try.Hold.Seats, heldToo)
	order, err := try.within(h.clock.Now())
	if err != nil {
		return HoldPlaced{}, err
	}
	order.Taken = taken
	return store.Place(ctx, order)
}

// fellBackLately reports whether a retry may be of a hold that is in Postgres.
func (h *Holds) fellBackLately() bool {
	return h.clock.Now().UnixMilli()-h.fellBack.Load() < fallbackRemembered.Milliseconds()
}

// isDown reports whether err says that a store does not answer, and not that the
// caller has gone.
func isDown(ctx context.Context, err error) bool {
	return err != nil && errs.KindOf(err) == errs.Unavailable && ctx.Err() == nil
}

func (h *Holds) made(try attempt, placed HoldPlaced) (hold Hold, err error) {
	hold = try.Hold
	hold.Seats, hold.ExpiresAt = placed.Seats, placed.ExpiresAt
	if placed.Replayed {
		hold.Nonce, hold.Session = placed.Nonce, placed.Session
		hold.Seats = try.place.inOrder(hold.Seats)
	}
	if hold.Amount, err = try.place.amount(hold.Seats); err != nil {
		return Hold{}, err
	}
	hold.ID = h.key.Sign(hold)
	return hold, nil
}

// hasOwn reports whether a store that answered with placed has the very hold that was tried.
func (a attempt) hasOwn(placed HoldPlaced) bool {
	return !placed.Replayed || placed.Nonce == a.Hold.Nonce
}

func changesTo(state SeatState, seats []string, until time.Time) []SeatChange {
	changes := make([]SeatChange, len(seats))
	for i, no := range seats {
		changes[i] = SeatChange{Seat: no, State: state, Until: until}
	}
	return changes
}

func (h *Holds) report(inPostgres bool, placed HoldPlaced, err error) {
	if h.observe == nil {
		return
	}
	store, result := "redis", "placed"
	if inPostgres {
		store = "postgres"
	}
	switch {
	case err != nil:
		result = errs.From(err).Code
	case placed.Replayed:
		result = "replayed"
	}
	h.observe.HoldAsked(store, result)
}

// Get returns the owner's hold: ErrHoldNotFound if it is not the account's or was
// released, ErrHoldExpired if it has lapsed. One that has become a booking is still
// there until it lapses. Whoever books a hold asks here first, so that a released
// one cannot take seats that somebody else holds now. While Redis fails, what the id
// says is believed: Postgres decides about the seats.
func (h *Holds) Get(ctx context.Context, accountID, holdID string) (Hold, error) {
	hold, err := h.owned(accountID, holdID)
	if err != nil {
		return Hold{}, err
	}
	if hold.Lapsed(h.clock.Now()) {
		return Hold{}, ErrHoldExpired
	}
	live, err := h.storeOf(hold).Live(ctx, hold)
	switch {
	case isDown(ctx, err):
		return hold, nil
	case err != nil:
		return Hold{}, err
	case !live:
		return Hold{}, ErrHoldNotFound
	}
	return hold, nil
}

func (h *Holds) storeOf(hold Hold) HoldStore {
	if hold.InPostgres {
		return h.fallback
	}
	return h.redis
}

// Release frees the owner's hold. Releasing it again is no error while Redis
// remembers; ErrHoldNotFound if it is not the account's or has become a booking,
// errs.ErrUpstream if the store that keeps it fails: then it lapses by itself.
func (h *Holds) Release(ctx context.Context, accountID, holdID string) error {
	hold, err := h.owned(accountID, holdID)
	if err != nil {
		return err
	}
	released, err := h.storeOf(hold).Release(ctx, hold)
	switch {
	case hold.Lapsed(h.clock.Now()):
		return nil
	case err != nil:
		return err
	case !released:
		return ErrHoldNotFound
	}
	if hold.InPostgres {
		h.seats.Apply(hold.ShowtimeID, changesTo(Free, hold.Seats, time.Time{}))
		// Redis may have it too, if only its answer was lost. It is no matter if not.
		_, _ = h.redis.Release(ctx, hold)
	}
	return nil
}

func (h *Holds) owned(accountID, holdID string) (Hold, error) {
	hold, err := h.key.Open(holdID)
	if err != nil {
		return Hold{}, err
	}
	if hold.AccountID != accountID {
		return Hold{}, ErrHoldNotFound
	}
	return hold, nil
}
