package bookingapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairgate/fairgate/shared/clock"
	"github.com/fairgate/fairgate/shared/platform/backendtest"
	"github.com/fairgate/fairgate/shared/platform/backendtest/pgtest"
	"github.com/fairgate/fairgate/shared/platform/config"
	"github.com/fairgate/fairgate/shared/platform/jwks"
	"github.com/fairgate/fairgate/shared/queue"
	"github.com/fairgate/fairgate/shared/queue/queueredis"
)

// world is one running API on its own database and keys, and of the gateway what
// the API needs of it: the keys of passes and the lines.
type world struct {
	t       *testing.T
	base    string
	pool    *pgxpool.Pool
	lines   *queueredis.Store
	passes  *jwks.Signer
	service *Service
	stop    context.CancelFunc
	done    chan error
}

func newWorld(t *testing.T, extra ...string) *world {
	t.Helper()
	w := &world{t: t, done: make(chan error, 1)}
	w.passes = signer(t, 7)
	keys := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(rw).Encode(w.passes.Public())
	}))
	t.Cleanup(keys.Close)
	url := pgtest.URL(t)
	client, prefix := backendtest.Redis(t)
	addr := backendtest.FreeAddr(t)
	w.base = "http://" + addr
	production := slices.Contains(extra, "ENV=production")
	extra = slices.DeleteFunc(extra, func(line string) bool { return line == "ENV=production" })
	cfg, err := config.Load[Config](append([]string{
		"ENV=test", "ADDR=" + addr, "ADMIN_ADDR=" + backendtest.FreeAddr(t), "PUBLIC_URL=" + w.base, "SHUTDOWN_GRACE=5s",
		"POSTGRES_URL=" + url, "REDIS_ADDRS=" + backendtest.RedisAddr(t), "REDIS_PREFIX=" + prefix, "QUEUE_JWKS_URL=" + keys.URL,
	}, extra...))
	if err != nil {
		t.Fatal(err)
	}
	if production { // whose settings are refused: the test's database has the development password
		cfg.Env = config.Production
	}
	if w.service, err = New(context.Background(), cfg, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	tokens, err := queue.NewPlaceTokens(make([]byte, 32), clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	w.lines = queueredis.New(client, prefix, tokens)
	if w.pool, err = pgxpool.New(context.Background(), url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.pool.Close)
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	go func() { w.done <- w.service.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		w.done <- <-w.done
	})
	eventually(t, "the API listens", func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	return w
}

func signer(t *testing.T, first byte) *jwks.Signer {
	t.Helper()
	seed := make([]byte, 32)
	seed[0] = first
	s, err := jwks.NewSigner(seed)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("not in time: %s", what)
}

// answer is a response that has been read.
type answer struct {
	t      *testing.T
	what   string
	status int
	header http.Header
	text   string
	body   map[string]any
}

// call sends a request; body is marshalled unless it is a string. headers are pairs.
func (w *world) call(method, path string, body any, headers ...string) answer {
	w.t.Helper()
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			w.t.Fatal(err)
		}
		reader = bytes.NewReader(raw)
	}
	request, err := http.NewRequest(method, w.base+path, reader)
	if err != nil {
		w.t.Fatal(err)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	a := answer{t: w.t, what: method + " " + path, status: response.StatusCode, header: response.Header, text: string(raw)}
	_ = json.Unmarshal(raw, &a.body)
	return a
}

// is fails the test unless the answer has this status and, for errors, code.
func (a answer) is(status int, code ...string) answer {
	a.t.Helper()
	if a.status != status || len(code) > 0 && a.body["code"] != code[0] {
		a.t.Fatalf("%s: %d %s; want %d %v", a.what, a.status, cut(a.text), status, code)
	}
	if status >= 400 {
		if a.header.Get("Content-Type") != "application/problem+json" || a.body["code"] == nil || a.body["status"] != float64(status) {
			a.t.Errorf("%s: not a problem: %s %s", a.what, a.header.Get("Content-Type"), cut(a.text))
		}
	}
	if a.header.Get("X-Request-Id") == "" {
		a.t.Errorf("%s: no X-Request-Id", a.what)
	}
	return a
}

func cut(text string) string { return text[:min(len(text), 600)] }

// str returns a member of the body by path: "account.id".
func (a answer) str(path string) string {
	a.t.Helper()
	var v any = a.body
	for part := range strings.SplitSeq(path, ".") {
		m, _ := v.(map[string]any)
		v = m[part]
	}
	s, ok := v.(string)
	if !ok {
		a.t.Fatalf("%s: no string %s in %s", a.what, path, cut(a.text))
	}
	return s
}

func (a answer) items() []map[string]any {
	list, _ := a.body["items"].([]any)
	items := make([]map[string]any, len(list))
	for i, item := range list {
		items[i], _ = item.(map[string]any)
	}
	return items
}

func (a answer) cookie(name string) *http.Cookie {
	a.t.Helper()
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		if c.Name == name {
			return c
		}
	}
	a.t.Fatalf("%s: no cookie %s in %v", a.what, name, a.header["Set-Cookie"])
	return nil
}

var serial atomic.Int64

// key returns a new Idempotency-Key header.
func key() []string { return []string{"Idempotency-Key", fmt.Sprintf("key-%d", serial.Add(1))} }

// with joins headers.
func with(parts ...[]string) []string {
	var all []string
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// fan is an account with its Authorization header.
type fan struct {
	id   string
	auth []string
}

func (w *world) fans(n int) []fan {
	w.t.Helper()
	made := w.call("POST", "/v1/dev/accounts", map[string]any{"count": n, "prefix": fmt.Sprintf("t%d", serial.Add(1))}).is(201)
	fans := make([]fan, n)
	for i, item := range made.items() {
		fans[i] = fan{id: item["account_id"].(string), auth: []string{"Authorization", "Bearer " + item["access_token"].(string)}}
	}
	return fans
}

// sale makes a sale and returns its id and that of its showtime.
func (w *world) sale(settings map[string]any) (saleID, showtimeID string) {
	w.t.Helper()
	made := w.call("POST", "/v1/dev/sales", settings).is(201)
	return made.str("sale_id"), made.str("showtime_id")
}

// seats returns the numbers of the first n seats.
func (w *world) seats(showtimeID string, n int) []string {
	w.t.Helper()
	var seats []string
	list, _ := w.call("GET", "/v1/showtimes/"+showtimeID+"/seatmap", nil).is(200).body["seats"].([]any)
	for _, s := range list[:n] {
		seats = append(seats, s.(map[string]any)["no"].(string))
	}
	return seats
}

func (w *world) hold(f fan, showtimeID string, seats ...string) answer {
	w.t.Helper()
	return w.call("POST", "/v1/showtimes/"+showtimeID+"/holds", map[string]any{"seats": seats}, with(f.auth, key())...)
}

func (w *world) book(f fan, holdID string) answer {
	w.t.Helper()
	return w.call("POST", "/v1/bookings", map[string]any{"hold_id": holdID}, with(f.auth, key())...)
}

// session lets a fan through the sale's line.
func (w *world) session(saleID string, f fan) queue.Session {
	w.t.Helper()
	ctx := context.Background()
	policy := queue.DefaultPolicy(saleID)
	policy.State = queue.Open
	if _, err := w.lines.Ensure(ctx, policy); err != nil {
		w.t.Fatal(err)
	}
	place, _, err := w.lines.Join(ctx, saleID, f.id)
	if err != nil {
		w.t.Fatal(err)
	}
	var session queue.Session
	eventually(w.t, "the fan gets in", func() bool {
		if _, err := w.lines.Tick(ctx, saleID); err != nil {
			w.t.Fatal(err)
		}
		session, err = w.lines.Enter(ctx, place.PlaceRef)
		return err == nil
	})
	return session
}

func (w *world) pass(s *jwks.Signer, session queue.Session, subject string) string {
	w.t.Helper()
	return w.passBy(s, session, subject, queue.ByAccount)
}

func (w *world) passBy(s *jwks.Signer, session queue.Session, subject string, identity queue.Identity) string {
	w.t.Helper()
	token, err := queue.NewPassMinter(s, clock.System{}).Mint(session, subject, identity)
	if err != nil {
		w.t.Fatal(err)
	}
	return token
}
