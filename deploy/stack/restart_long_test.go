//go:build long

package stack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairgate/fairgate/deploy/sim/catcher"
	"github.com/fairgate/fairgate/deploy/sim/toss"
	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/booking/bookingpg"
	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/clock"
	"github.com/fairgate/fairgate/shared/money"
	"github.com/fairgate/fairgate/shared/platform/backendtest"
	"github.com/fairgate/fairgate/shared/platform/backendtest/pgtest"
	"github.com/fairgate/fairgate/shared/platform/config"
	"github.com/fairgate/fairgate/worker"
)

// TestLongTheWorkerSurvivesARestartOfTheBroker stops a real RabbitMQ for ten seconds
// and starts it again while fans pay. The worker keeps running; every booking is
// confirmed, paid once, and told in one mail.
func TestLongTheWorkerSurvivesARestartOfTheBroker(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	broker := ownBroker(t, 23000)
	mails := catchMails(t)
	provider := simulator(t)
	databaseURL := pgtest.URL(t)
	office := newBoxOffice(t, databaseURL, provider)
	ended := runWorker(t, databaseURL, broker.url(), mails.smtp, provider)

	paying := make(chan struct{})
	var fans sync.WaitGroup
	fans.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-paying:
				return
			case <-time.After(100 * time.Millisecond):
				office.sell(i)
			}
		}
	})
	const confirmed = `SELECT count(*) FROM booking WHERE state = 'confirmed'`
	office.eventually("fans buy", func() bool { return office.count(confirmed) >= 10 })
	before := office.count(confirmed)
	if err := broker.stop(ctx); err != nil {
		t.Fatal(err)
	}
	time.Sleep(10 * time.Second)
	if err := broker.start(ctx); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Second)
	close(paying)
	fans.Wait()

	sold := office.count(`SELECT count(*) FROM booking`)
	office.eventually("all are confirmed", func() bool {
		return office.count(confirmed) == sold
	})
	office.eventually("the outbox is empty", func() bool { return office.count(`SELECT count(*) FROM outbox`) == 0 })
	office.eventually("all are told", func() bool { return len(mails.byEntity()) == sold })
	time.Sleep(2 * time.Second) // time for a mail too many
	for id, n := range mails.byEntity() {
		if n != 1 {
			t.Errorf("%d mails about %s; want 1", n, id)
		}
	}
	if n := office.count(`SELECT count(*) FROM ticket WHERE state = 'valid'`); n != sold {
		t.Errorf("%d tickets for %d seats", n, sold)
	}
	if _, err := office.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	violations, err := office.Violations(ctx)
	for name, n := range violations {
		if n != 0 {
			t.Errorf("violation %s: %d", name, n)
		}
	}
	if err != nil {
		t.Error(err)
	}
	if total := capturedAt(t, provider); total != sold*price {
		t.Errorf("the provider captured %d for %d seats at %d", total, sold, price)
	}
	select {
	case err := <-ended:
		t.Errorf("the worker ended: %v", err)
	default:
	}
	t.Logf("%d bookings, %d of them before the broker stopped", sold, before)
}

// runWorker runs a worker until the test ends. ended receives only if it ends before.
func runWorker(t *testing.T, databaseURL, brokerURL, smtp, provider string) (ended <-chan error) {
	t.Helper()
	_, prefix := backendtest.Redis(t)
	cfg, err := config.Load[worker.Config]([]string{
		"ENV=test", "AUDIT_DIR=" + t.TempDir(), "ADMIN_ADDR=127.0.0.1:0", "POSTGRES_URL=" + databaseURL, "RABBITMQ_URL=" + brokerURL,
		"REDIS_ADDRS=" + backendtest.RedisAddr(t), "REDIS_PREFIX=" + prefix, "SMTP_ADDR=" + smtp, "TOSS_BASE_URL=" + provider,
	})
	if err != nil {
		t.Fatal(err)
	}
	service, err := worker.New(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done, early := make(chan struct{}), make(chan error, 1)
	go func() {
		defer close(done)
		err := service.Run(ctx)
		if ctx.Err() == nil {
			early <- err
		} else if err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return early
}

type ownRabbit struct{ rabbitServer }

func (r ownRabbit) url() string {
	return fmt.Sprintf("amqp://%s:%s@%s/", backendUser, backendPassword, address(r.layout.RabbitMQ))
}

// ownBroker starts a RabbitMQ on free ports at or above start.
func ownBroker(t *testing.T, start int) ownRabbit {
	t.Helper()
	base, err := FreePortBase(start)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "broker")
	if err != nil {
		t.Fatal(err)
	}
	broker := ownRabbit{rabbitServer{sup: supervisor{dir: dir}, layout: PortsFrom(base)}}
	t.Cleanup(func() {
		if err := broker.stop(context.Background()); err != nil {
			t.Error(err)
		}
		_ = os.RemoveAll(dir)
	})
	if err := broker.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return broker
}

type mailServer struct {
	*catcher.Catcher
	smtp string
}

func catchMails(t *testing.T) mailServer {
	t.Helper()
	var listeners [2]net.Listener
	for i := range listeners {
		var err error
		if listeners[i], err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
	}
	m := mailServer{catcher.New(slog.New(slog.DiscardHandler)), listeners[1].Addr().String()}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = m.Run(ctx, listeners[0], listeners[1]) }()
	t.Cleanup(func() { cancel(); <-done })
	return m
}

// byEntity counts the mails about each booking.
func (m mailServer) byEntity() map[string]int {
	counts := map[string]int{}
	for _, mail := range m.Mails("") {
		counts[mail.EntityID]++
	}
	return counts
}

func simulator(t *testing.T) (baseURL string) {
	t.Helper()
	sim, err := toss.New(t.Context(), toss.Config{SecretKey: "test_sk_fairgate", ClientKey: "test_ck_fairgate"}, clock.System{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	return server.URL
}

func capturedAt(t *testing.T, provider string) (total int) {
	t.Helper()
	response, err := http.Get(provider + "/sim/payments")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var answer struct{ Items []toss.Item }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	for _, p := range answer.Items {
		total += int(p.BalanceAmount)
	}
	return total
}

const price = 50_000

// boxOffice sells the seats of one showtime as the API does.
type boxOffice struct {
	t        *testing.T
	pool     *pgxpool.Pool
	provider string
	*booking.Service
}

func newBoxOffice(t *testing.T, databaseURL, provider string) *boxOffice {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return &boxOffice{t, pool, provider, booking.NewService(booking.Options{
		Store: bookingpg.New(pool), Holds: oneSeatEach{}, Programme: oneShow{}, ProviderName: "toss",
	})}
}

// sell lets the i-th fan book the i-th seat and come back from the payment window.
func (o *boxOffice) sell(i int) {
	ctx := context.Background()
	b, err := o.Book(ctx, booking.BookCommand{
		AccountID: fmt.Sprint("acc-", i), HoldID: fmt.Sprint(i), Contact: booking.Contact{Email: fmt.Sprintf("fan%d@fairgate.test", i), Name: "Kim", Locale: "ko"},
	})
	if err != nil {
		o.t.Errorf("book: %v", err)
		return
	}
	request, _ := json.Marshal(map[string]any{"order_id": b.OrderID, "amount": int64(b.Amount), "method": "카드"})
	response, err := http.Post(o.provider+"/sim/payments", "application/json", bytes.NewReader(request))
	if err != nil {
		o.t.Errorf("approve: %v", err)
		return
	}
	defer func() { _ = response.Body.Close() }()
	var approved struct {
		PaymentKey string `json:"payment_key"`
	}
	_ = json.NewDecoder(response.Body).Decode(&approved)
	_, err = o.Confirm(ctx, booking.ConfirmCommand{AccountID: b.AccountID, OrderID: b.OrderID, PaymentKey: approved.PaymentKey, Amount: b.Amount})
	if err != nil {
		o.t.Errorf("confirm: %v", err)
	}
}

func (o *boxOffice) count(q string) (n int) {
	o.t.Helper()
	if err := o.pool.QueryRow(context.Background(), q).Scan(&n); err != nil {
		o.t.Fatal(err)
	}
	return n
}

func (o *boxOffice) eventually(what string, holds func() bool) {
	o.t.Helper()
	const limit = time.Minute
	for deadline := time.Now().Add(limit); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			o.t.Fatalf("not within %s: %s", limit, what)
		}
	}
}

// oneSeatEach is the holds of fans who each want the seat of their own number.
type oneSeatEach struct{}

func (oneSeatEach) Get(_ context.Context, accountID, holdID string) (booking.Hold, error) {
	return booking.Hold{
		ID: holdID, Nonce: "hold-" + holdID, SaleID: "sale-1", PerformanceID: "PF1", ShowtimeID: "st-1", AccountID: accountID,
		Seats: []string{"A-" + holdID}, ExpiresAt: time.Now().Add(time.Minute),
	}, nil
}

type oneShow struct{}

func (oneShow) Showtime(_ context.Context, id string) (catalogue.Showtime, error) {
	return catalogue.Showtime{
		ID: id, PerformanceID: "PF1", SaleID: "sale-1", HallID: "hall-1", StartsAt: time.Now().Add(30 * 24 * time.Hour),
		Prices: map[string]money.KRW{"R": price},
	}, nil
}

func (oneShow) Sale(_ context.Context, id string) (catalogue.Sale, error) {
	return catalogue.Sale{ID: id, PerformanceID: "PF1", MaxSeatsPerAccount: 4}, nil
}

func (s oneShow) SalesWithHolds(ctx context.Context) ([]catalogue.Sale, error) {
	sale, err := s.Sale(ctx, "sale-1")
	return []catalogue.Sale{sale}, err
}

func (oneShow) Performance(_ context.Context, id string) (catalogue.Performance, error) {
	return catalogue.Performance{ID: id, Title: "겨울 나그네", VenueName: "예술의전당"}, nil
}

func (oneShow) SeatMap(_ context.Context, hallID string) (*catalogue.SeatMap, error) {
	m := &catalogue.SeatMap{HallID: hallID, Grades: []catalogue.Grade{{Code: "R"}}}
	for i := range 2000 {
		m.Seats = append(m.Seats, catalogue.Seat{No: fmt.Sprint("A-", i)})
	}
	m.Index()
	return m, nil
}
