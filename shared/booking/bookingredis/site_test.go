package bookingredis_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/booking/bookingpg"
	"github.com/fairgate/fairgate/shared/booking/bookingredis"
	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/clock"
	"github.com/fairgate/fairgate/shared/ident"
	"github.com/fairgate/fairgate/shared/money"
	"github.com/fairgate/fairgate/shared/platform/backendtest"
	"github.com/fairgate/fairgate/shared/platform/backendtest/pgtest"
	"github.com/fairgate/fairgate/shared/platform/postgres"
	"github.com/fairgate/fairgate/shared/platform/redisx"
)

const (
	tonight     = "show-1"
	closed      = "show-closed"
	later       = "show-later"
	unsold      = "show-unsold"
	performance = "PF1"
	vipPrice    = money.KRW(150_000)
)

// programme is a catalogue of one hall of 20 rows of 50 seats, two of them VIP.
type programme struct{ seatMap *catalogue.SeatMap }

func newProgramme(seats int) programme {
	m := &catalogue.SeatMap{
		HallID: "hall", Version: 1, Width: 600, Height: 400,
		Zones: []catalogue.Zone{{Code: "1F"}}, Grades: []catalogue.Grade{{Code: "VIP"}, {Code: "R"}},
	}
	for i := range seats {
		row, col := i/50+1, i%50+1
		m.Seats = append(m.Seats, catalogue.Seat{
			No: seat(row, col), Grade: min((row-1)/2, 1), Row: strconv.Itoa(row), Col: strconv.Itoa(col), X: col * 12, Y: row * 12,
		})
	}
	m.Index()
	return programme{m}
}

func seat(row, col int) string { return fmt.Sprintf("1F-%d-%d", row, col) }

func (p programme) SeatMap(context.Context, string) (*catalogue.SeatMap, error) {
	return p.seatMap, nil
}

func (p programme) Showtime(_ context.Context, id string) (catalogue.Showtime, error) {
	sales := map[string]string{tonight: "demo", closed: "over", later: "soon", unsold: ""}
	sale, ok := sales[id]
	if !ok {
		return catalogue.Showtime{}, catalogue.ErrShowtimeNotFound
	}
	return catalogue.Showtime{
		ID: id, PerformanceID: performance, SaleID: sale, HallID: "hall", StartsAt: time.Now().Add(24 * time.Hour),
		Prices: map[string]money.KRW{"VIP": vipPrice, "R": 100_000},
	}, nil
}

func (p programme) Sale(_ context.Context, id string) (catalogue.Sale, error) {
	now := time.Now()
	sale := catalogue.Sale{
		ID: id, PerformanceID: performance, ShowtimeIDs: []string{tonight}, MaxSeatsPerAccount: 4, HoldSeconds: 120,
		OpensAt: now.Add(-time.Hour), ClosesAt: now.Add(time.Hour),
	}
	switch id {
	case "over":
		sale.ClosesAt = now.Add(-time.Minute)
	case "soon":
		sale.OpensAt = now.Add(time.Minute)
	}
	return sale, nil
}

func (p programme) SalesWithHolds(ctx context.Context) ([]catalogue.Sale, error) {
	sale, err := p.Sale(ctx, "demo")
	return []catalogue.Sale{sale}, err
}

// site is the backends that several instances of the booking API share.
type site struct {
	proxy     *proxy
	prefix    string
	pool      *pgxpool.Pool
	programme programme
}

func newSite(t *testing.T) *site {
	t.Helper()
	pool, err := postgres.Open(context.Background(), pgtest.URL(t), 12)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	_, prefix := backendtest.Redis(t)
	return &site{proxy: newProxy(t, backendtest.RedisAddr(t)), prefix: prefix, pool: pool, programme: newProgramme(1000)}
}

// instance is one booking API, as far as seats go.
type instance struct {
	store *bookingredis.Store
	seats *booking.Availability
	holds *booking.Holds
	heard *ear
	deaf  *deaf
}

func (s *site) start(t *testing.T) *instance {
	t.Helper()
	return s.startWith(t, func(claims booking.FallbackStore) booking.FallbackStore { return claims })
}

// startWith starts an instance whose fallback is what wrap makes of the real one.
func (s *site) startWith(t *testing.T, wrap func(booking.FallbackStore) booking.FallbackStore) *instance {
	t.Helper()
	client, err := redisx.Open(redisx.Settings{Addrs: []string{s.proxy.addr()}})
	if err != nil {
		t.Fatal(err)
	}
	key, err := booking.NewHoldKey(bytes.Repeat([]byte{3}, 32))
	if err != nil {
		t.Fatal(err)
	}
	claims := bookingpg.NewClaims(s.pool)
	i := &instance{store: bookingredis.New(client, s.prefix), heard: &ear{counts: map[string]int{}}, deaf: &deaf{}}
	client.AddHook(i.deaf)
	i.seats = booking.NewAvailability(s.programme, claims, i.store, clock.System{}, slog.New(slog.DiscardHandler))
	i.holds = booking.NewHolds(s.programme, key, i.store, wrap(claims), i.seats, clock.System{}, i.heard)
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = i.seats.Run(ctx) })
	running.Go(func() { _ = i.holds.Run(ctx) })
	t.Cleanup(func() {
		stop()
		running.Wait()
		_ = client.Close()
	})
	return i
}

// ear is a booking.HoldObserver.
type ear struct {
	mu     sync.Mutex
	counts map[string]int
}

func (e *ear) HoldAsked(store, result string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.counts[store+" "+result]++
}

func (e *ear) count(what string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.counts[what]
}

// ask is a request of account for seats, with a key of its own.
func ask(account string, seats ...string) booking.HoldRequest {
	return booking.HoldRequest{ShowtimeID: tonight, AccountID: account, IdempotencyKey: ident.New("key"), Seats: seats}
}

func (i *instance) mustHold(t *testing.T, request booking.HoldRequest) booking.Hold {
	t.Helper()
	hold, err := i.holds.Hold(context.Background(), request)
	if err != nil {
		t.Fatal(err)
	}
	return hold
}

// state returns what an instance shows of a seat.
func (i *instance) state(t *testing.T, s *site, no string) booking.SeatState {
	t.Helper()
	snapshot, err := i.seats.Snapshot(context.Background(), tonight)
	if err != nil {
		t.Fatal(err)
	}
	index, ok := s.programme.seatMap.Find(no)
	if !ok {
		t.Fatalf("no seat %s", no)
	}
	return snapshot.Of(index)
}

func (s *site) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	if _, err := s.pool.Exec(context.Background(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// eventually waits until f is true.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !f() {
		if time.Now().After(deadline) {
			t.Fatalf("not in 20 s: %s", what)
		}
		<-tick.C
	}
}

// trim leaves only the last entry of the performance's stream.
func (s *site) trim(t *testing.T) {
	t.Helper()
	client, err := redisx.Open(redisx.Settings{Addrs: []string{s.proxy.target}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	stream := s.prefix + "{pf:" + performance + "}:changes"
	left, err := client.XTrimMaxLen(context.Background(), stream, 1).Result()
	if err != nil || left == 0 {
		t.Fatalf("trimmed %d entries, %v", left, err)
	}
}
