package bookingpg_test

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/booking/bookingpg"
	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/event"
	"github.com/fairgate/fairgate/shared/ident"
	"github.com/fairgate/fairgate/shared/money"
	"github.com/fairgate/fairgate/shared/platform/backendtest/pgtest"
	"github.com/fairgate/fairgate/shared/platform/postgres"
)

const (
	seatPrice = 50_000
	seatLimit = 4
)

// house is one sale with its parts: the real store, a fake payment provider.
type house struct {
	t        testing.TB
	pool     *pgxpool.Pool
	store    *bookingpg.Store
	holds    *signedHolds
	provider *fakeProvider
	feed     *seatFeed
	tickets  *booking.TicketKey
	alarms   *alarmBook
	*booking.Service
}

func newHouse(t testing.TB) *house {
	t.Helper()
	key, err := booking.NewHoldKey([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	tickets, err := booking.NewTicketKey([]byte("fedcba9876543210fedcba9876543210"))
	if err != nil {
		t.Fatal(err)
	}
	pool := widePool(t)
	h := &house{
		t: t, pool: pool, store: bookingpg.New(pool), holds: &signedHolds{key: key}, provider: newFakeProvider(),
		feed: &seatFeed{}, tickets: tickets, alarms: &alarmBook{},
	}
	h.Service = h.service(h.store, h.provider)
	return h
}

// widePool has a connection for every racer: those who wait for one do not race.
func widePool(t testing.TB) *pgxpool.Pool {
	t.Helper()
	pool, err := postgres.Open(t.Context(), pgtest.URL(t), racers+4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func (h *house) service(store booking.Store, provider booking.Provider) *booking.Service {
	return booking.NewService(booking.Options{
		Store: store, Holds: h.holds, Programme: programme{}, Provider: provider, ProviderName: "toss",
		Feed: h.feed, Tickets: h.tickets, Alarm: h.alarms.ring,
	})
}

// signedHolds reads holds as the API does while Redis is down: from their signed ids.
type signedHolds struct{ key booking.HoldKey }

func (s *signedHolds) Get(_ context.Context, accountID, holdID string) (booking.Hold, error) {
	hold, err := s.key.Open(holdID)
	switch {
	case err != nil:
		return booking.Hold{}, err
	case hold.AccountID != accountID:
		return booking.Hold{}, booking.ErrHoldNotFound
	case hold.Lapsed(time.Now()):
		return booking.Hold{}, booking.ErrHoldExpired
	}
	return hold, nil
}

type programme struct{}

func (programme) Showtime(_ context.Context, id string) (catalogue.Showtime, error) {
	return catalogue.Showtime{
		ID: id, PerformanceID: "PF1", SaleID: "sale-1", HallID: "hall-1", StartsAt: time.Now().Add(30 * 24 * time.Hour),
		Prices: map[string]money.KRW{"R": seatPrice, "FREE": 0},
	}, nil
}

func (programme) Sale(_ context.Context, id string) (catalogue.Sale, error) {
	return catalogue.Sale{ID: id, PerformanceID: "PF1", MaxSeatsPerAccount: seatLimit}, nil
}

func (p programme) SalesWithHolds(ctx context.Context) ([]catalogue.Sale, error) {
	sale, err := p.Sale(ctx, "sale")
	return []catalogue.Sale{sale}, err
}

func (programme) Performance(_ context.Context, id string) (catalogue.Performance, error) {
	return catalogue.Performance{ID: id, Title: "겨울 나그네", VenueName: "예술의전당"}, nil
}

// SeatMap has seats A-1 … A-9 at a price and F-1 … F-9 for nothing.
func (programme) SeatMap(_ context.Context, hallID string) (*catalogue.SeatMap, error) {
	m := &catalogue.SeatMap{HallID: hallID, Grades: []catalogue.Grade{{Code: "R"}, {Code: "FREE"}}}
	for i := 1; i <= 9; i++ {
		m.Seats = append(m.Seats, catalogue.Seat{No: fmt.Sprintf("A-%d", i)}, catalogue.Seat{No: fmt.Sprintf("F-%d", i), Grade: 1})
	}
	m.Index()
	return m, nil
}

// seatFeed remembers what was published last of each seat.
type seatFeed struct {
	mu   sync.Mutex
	last map[string]booking.SeatState
}

func (f *seatFeed) Publish(_ context.Context, performanceID, showtimeID string, changes []booking.SeatChange) error {
	if performanceID != "PF1" {
		return errors.New("not our performance")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.last == nil {
		f.last = map[string]booking.SeatState{}
	}
	for _, c := range changes {
		f.last[showtimeID+"/"+c.Seat] = c.State
	}
	return nil
}

func (f *seatFeed) state(showtimeID, seat string) booking.SeatState {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last[showtimeID+"/"+seat]
}

type alarmBook struct {
	mu   sync.Mutex
	rung map[string]int
}

func (a *alarmBook) ring(kind string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.rung == nil {
		a.rung = map[string]int{}
	}
	a.rung[kind]++
}

func (a *alarmBook) count(kind string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.rung[kind]
}

const showtime = "st-1"

// hold returns the id of a signed hold.
func (h *house) hold(account string, seats ...string) string {
	return h.holdAt(account, showtime, seats...)
}

func (h *house) holdAt(account, showtimeID string, seats ...string) string {
	return h.holds.key.Sign(booking.Hold{
		Nonce: h.holds.key.Nonce(account, showtimeID, ident.New("k"), seats), SaleID: "sale-1", PerformanceID: "PF1",
		ShowtimeID: showtimeID, AccountID: account, Seats: seats, ExpiresAt: time.Now().Add(5 * time.Minute),
	})
}

// sessionOf returns the account's session in the line.
func sessionOf(account string) *event.Session {
	return &event.Session{SaleID: "sale-1", Epoch: 1, N: uint64(crc32.ChecksumIEEE([]byte(account)))}
}

func command(account, holdID string) booking.BookCommand {
	return booking.BookCommand{
		AccountID: account, HoldID: holdID, Contact: booking.Contact{Email: account + "@fairgate.test", Name: "Kim", Locale: "ko"},
		Session: sessionOf(account), RequestID: "req-1",
	}
}

func (h *house) book(account string, seats ...string) booking.Booking {
	h.t.Helper()
	b, err := h.Book(h.t.Context(), command(account, h.hold(account, seats...)))
	if err != nil {
		h.t.Fatalf("book %v: %v", seats, err)
	}
	return b
}

// approved books, and lets the fan approve in the window.
func (h *house) approved(account string, seats ...string) (booking.Booking, booking.ConfirmCommand) {
	h.t.Helper()
	b := h.book(account, seats...)
	c := booking.ConfirmCommand{AccountID: account, OrderID: b.OrderID, PaymentKey: ident.New("tk"), Amount: b.Amount}
	h.provider.approve(c.PaymentKey, b.OrderID, b.Amount)
	return b, c
}

// paying is a booking whose capture has been asked for.
func (h *house) paying(account string, seats ...string) (booking.Booking, booking.ConfirmCommand) {
	h.t.Helper()
	b, c := h.approved(account, seats...)
	if _, err := h.Confirm(h.t.Context(), c); err != nil {
		h.t.Fatalf("confirm: %v", err)
	}
	return b, c
}

// confirmed is a paid booking.
func (h *house) confirmed(account string, seats ...string) (booking.Booking, booking.ConfirmCommand) {
	h.t.Helper()
	b, c := h.paying(account, seats...)
	if err := h.ExecuteConfirm(h.t.Context(), b.Payment.ID); err != nil {
		h.t.Fatal(err)
	}
	return h.want(b.ID, booking.Confirmed, booking.PaymentDone), c
}

// want reads a booking and checks where it and its payment stand.
func (h *house) want(id string, state booking.State, payment booking.PaymentState) booking.Booking {
	h.t.Helper()
	b, err := h.store.ByID(h.t.Context(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	if b.State != state || b.Payment.State != payment {
		h.t.Fatalf("booking is %s, payment %s (%s); want %s, %s", b.State, b.Payment.State, b.Payment.FailureCode, state, payment)
	}
	return b
}

func (h *house) exec(sql string, args ...any) {
	h.t.Helper()
	if _, err := h.pool.Exec(h.t.Context(), sql, args...); err != nil {
		h.t.Fatalf("%s: %v", sql, err)
	}
}

func (h *house) int(sql string, args ...any) int {
	h.t.Helper()
	var n int
	if err := h.pool.QueryRow(h.t.Context(), sql, args...).Scan(&n); err != nil {
		h.t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// age moves all deadlines of a booking into the past by d, as if d had passed.
func (h *house) age(bookingID string, d time.Duration) {
	h.t.Helper()
	s := d.Seconds()
	h.exec(`UPDATE booking SET pay_before = pay_before - make_interval(secs => $2), expires_at = expires_at - make_interval(secs => $2) WHERE id = $1`, bookingID, s)
	h.exec(`UPDATE seat_claim SET until = until - make_interval(secs => $2) WHERE booking_id = $1`, bookingID, s)
	h.exec(`UPDATE payment SET requested_at = requested_at - make_interval(secs => $2), next_check_at = next_check_at - make_interval(secs => $2),
		lease_until = lease_until - make_interval(secs => $2), asked_at = asked_at - make_interval(secs => $2) WHERE booking_id = $1`, bookingID, s)
	h.exec(`UPDATE refund SET requested_at = requested_at - make_interval(secs => $2), next_check_at = next_check_at - make_interval(secs => $2),
		lease_until = lease_until - make_interval(secs => $2) WHERE booking_id = $1`, bookingID, s)
}

// reconcile lets d pass for the booking, then looks at what is due.
func (h *house) reconcile(bookingID string, d time.Duration) {
	h.t.Helper()
	h.age(bookingID, d)
	if _, err := h.ReconcileDue(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) sendRefunds(bookingID string, d time.Duration) {
	h.t.Helper()
	h.age(bookingID, d)
	if _, err := h.SendDueRefunds(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

// sound checks that no invariant is violated.
func (h *house) sound() {
	h.t.Helper()
	counts, err := h.violations(context.WithoutCancel(h.t.Context()))
	if err != nil {
		h.t.Fatal(err)
	}
	for name, count := range counts {
		if count != 0 {
			h.t.Errorf("violation %s: %d", name, count)
		}
	}
}

// violations looks at all of a small database.
func (h *house) violations(ctx context.Context) (map[string]int, error) {
	if _, err := h.Sweep(ctx); err != nil {
		return nil, err
	}
	return h.Violations(ctx)
}

func (h *house) events(typ string) int {
	h.t.Helper()
	return h.int(`SELECT count(*) FROM outbox WHERE type = $1`, typ)
}

func wantErr(t testing.TB, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("error = %v; want %v", err, target)
	}
}

func moneyOf(amount int64) money.KRW { return money.KRW(amount) }
