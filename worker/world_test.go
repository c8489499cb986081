package worker_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	netmail "net/mail"
	"net/textproto"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"

	"github.com/fairgate/fairgate/shared/event"
	"github.com/fairgate/fairgate/shared/platform/backendtest"
	"github.com/fairgate/fairgate/shared/platform/backendtest/pgtest"
	"github.com/fairgate/fairgate/shared/platform/config"
	"github.com/fairgate/fairgate/shared/platform/outbox"
	"github.com/fairgate/fairgate/worker"
)

const limit = 30 * time.Second // for anything that must happen

// world is everything around a worker: its backends, the broker behind a proxy,
// and the outside, where mails and posts arrive.
type world struct {
	t      *testing.T
	cfg    worker.Config
	pool   *pgxpool.Pool
	redis  redis.UniversalClient
	prefix string
	broker *backendtest.Proxy
	mails  *mailbox
	posts  *wall
}

func newWorld(t *testing.T) *world {
	t.Helper()
	databaseURL, brokerURL := pgtest.URL(t), backendtest.RabbitURL(t)
	pool, err := pgxpool.New(context.Background(), databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	u, err := url.Parse(brokerURL)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, pool: pool, broker: backendtest.NewProxy(t, u.Host), mails: newMailbox(t), posts: &wall{}}
	u.Host = w.broker.Addr
	w.redis, w.prefix = backendtest.Redis(t)
	slack := httptest.NewServer(w.posts)
	t.Cleanup(slack.Close)
	w.cfg, err = config.Load[worker.Config]([]string{
		"ENV=test", "POSTGRES_URL=" + databaseURL, "RABBITMQ_URL=" + u.String(),
		"REDIS_ADDRS=" + backendtest.RedisAddr(t), "REDIS_PREFIX=" + w.prefix,
		"AUDIT_DIR=" + t.TempDir(), "SMTP_ADDR=" + w.mails.addr, "SLACK_WEBHOOK_URL=" + slack.URL, "TOSS_BASE_URL=http://127.0.0.1:1",
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// start runs one more worker until the test ends or stop is called, and returns
// its admin address.
func (w *world) start() (admin string, stop func()) {
	w.t.Helper()
	cfg := w.cfg
	cfg.AdminAddr = backendtest.FreeAddr(w.t)
	service, err := worker.New(context.Background(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- service.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				w.t.Errorf("worker: %v", err)
			}
		case <-time.After(limit):
			w.t.Errorf("the worker did not stop within %s", limit)
		}
	})
	w.t.Cleanup(stop)
	eventually(w.t, "ready", func() bool { status, _ := get(cfg.AdminAddr, "/readyz"); return status == http.StatusOK })
	return cfg.AdminAddr, stop
}

// happen stores events as their transactions would.
func (w *world) happen(envelopes ...event.Envelope) {
	w.t.Helper()
	err := pgx.BeginFunc(context.Background(), w.pool, func(tx pgx.Tx) error {
		return outbox.Insert(context.Background(), tx, envelopes...)
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) count(q string, args ...any) int {
	w.t.Helper()
	var n int
	if err := w.pool.QueryRow(context.Background(), q, args...).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

func booked(t *testing.T, typ, id string, change ...func(*event.Booking)) event.Envelope {
	t.Helper()
	b := event.Booking{
		ID: id, OrderID: "ord-" + id, AccountID: "acc-1", Email: "fan@fairgate.test", Name: "김하늘", Locale: "ko",
		SaleID: "sale-1", PerformanceTitle: "밤의 노래", VenueName: "KSPO DOME", StartsAt: time.Now().Add(24 * time.Hour),
		Seats: []event.Seat{{No: "1F-A-1-1", Grade: "VIP", Price: 150_000}}, Amount: 150_000, PayBefore: time.Now().Add(10 * time.Minute).UTC(),
	}
	for _, f := range change {
		f(&b)
	}
	e, err := event.New(typ, id, 1, time.Now().UTC(), "req-1", b)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", limit, what)
		}
	}
}

func get(addr, path string) (status int, body string) {
	response, err := http.Get("http://" + addr + path)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	raw, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(raw)
}

// wall is a Slack channel.
type wall struct {
	mu    sync.Mutex
	texts []string
}

func (w *wall) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	var post struct{ Text string }
	_ = json.NewDecoder(r.Body).Decode(&post)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.texts = append(w.texts, post.Text)
}

func (w *wall) posted() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.texts...)
}

// mailbox is a mail server that takes everything.
type mailbox struct {
	addr  string
	mu    sync.Mutex
	mails []*netmail.Message
}

func newMailbox(t *testing.T) *mailbox {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	m := &mailbox{addr: listener.Addr().String()}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go m.serve(conn)
		}
	}()
	return m
}

func (m *mailbox) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	reader := textproto.NewReader(bufio.NewReader(conn))
	say := func(answer string) { _, _ = fmt.Fprintf(conn, "%s\r\n", answer) }
	say("220 ready")
	for {
		line, err := reader.ReadLine()
		if err != nil {
			return
		}
		switch verb, _, _ := strings.Cut(strings.ToUpper(line), " "); verb {
		case "DATA":
			say("354 go on")
			raw, err := reader.ReadDotBytes()
			if err != nil {
				return
			}
			mail, err := netmail.ReadMessage(strings.NewReader(string(raw)))
			if err != nil {
				say("554 unreadable")
				continue
			}
			m.mu.Lock()
			m.mails = append(m.mails, mail)
			m.mu.Unlock()
			say("250 have it")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

// about returns how many mails there are for each "template entity".
func (m *mailbox) about() map[string]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	counts := map[string]int{}
	for _, mail := range m.mails {
		counts[mail.Header.Get("X-Fairgate-Template")+" "+mail.Header.Get("X-Fairgate-Entity")]++
	}
	return counts
}
