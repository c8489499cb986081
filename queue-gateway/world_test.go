package queuegateway

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
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/redis/go-redis/v9"

	"github.com/fairgate/fairgate/shared/clock"
	"github.com/fairgate/fairgate/shared/platform/backendtest"
	"github.com/fairgate/fairgate/shared/platform/config"
	"github.com/fairgate/fairgate/shared/platform/jwks"
	"github.com/fairgate/fairgate/shared/queue"
	"github.com/fairgate/fairgate/shared/queue/queueredis"
)

const sale = "concert-1"

// world is what lies around a gateway: Redis, and a booking API of which only the
// keys and what a test adds are real.
type world struct {
	t      *testing.T
	redis  redis.UniversalClient
	prefix string
	store  *queueredis.Store
	tokens *queue.PlaceTokens
	signer *jwks.Signer
	api    *httptest.Server

	mu      sync.Mutex
	handler http.HandlerFunc // of everything but the keys
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, handler: http.NotFound}
	w.redis, w.prefix = backendtest.Redis(t)
	var err error
	if w.signer, err = jwks.NewSigner(make([]byte, 32)); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load[Config]([]string{"ENV=development"})
	if err != nil {
		t.Fatal(err)
	}
	if w.tokens, err = queue.NewPlaceTokens(decode(t, cfg.PlaceKey.Reveal()), clock.System{}); err != nil {
		t.Fatal(err)
	}
	w.store = storeOn(w.redis, w)
	w.api = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == keysPath {
			_ = json.NewEncoder(rw).Encode(w.signer.Public())
			return
		}
		w.mu.Lock()
		handler := w.handler
		w.mu.Unlock()
		handler(rw, r)
	}))
	t.Cleanup(w.api.Close)
	return w
}

func storeOn(client redis.UniversalClient, w *world) *queueredis.Store {
	return queueredis.New(client, w.prefix, w.tokens)
}

// line makes an open line.
func (w *world) line(sale string, change func(*queue.Policy)) {
	w.t.Helper()
	policy := queue.DefaultPolicy(sale)
	policy.State = queue.Open
	if change != nil {
		change(&policy)
	}
	if _, err := w.store.Ensure(context.Background(), policy); err != nil {
		w.t.Fatal(err)
	}
}

// bearer returns an Authorization header of an account.
func (w *world) bearer(account, role string) string {
	w.t.Helper()
	token, err := w.signer.Sign(jwt.MapClaims{
		"iss": "fairgate", "aud": "fairgate", "sub": account, "role": role, "name": account, "exp": time.Now().Add(15 * time.Minute).Unix(),
	}, "at+jwt")
	if err != nil {
		w.t.Fatal(err)
	}
	return "Bearer " + token
}

// gateway is one running gateway.
type gateway struct {
	t    *testing.T
	base string
	stop context.CancelFunc
	done chan error
	*Service
}

// environment returns the settings of a gateway in this world.
func (w *world) environment() (base string, environ []string) {
	addr, admin := backendtest.FreeAddr(w.t), backendtest.FreeAddr(w.t)
	return "http://" + addr, []string{
		"ENV=test", "ADDR=" + addr, "ADMIN_ADDR=" + admin, "PUBLIC_URL=http://" + addr, "SHUTDOWN_GRACE=5s",
		"REDIS_ADDRS=" + backendtest.RedisAddr(w.t), "REDIS_PREFIX=" + w.prefix, "BOOKING_API_URL=" + w.api.URL,
	}
}

// gateway starts one inside the test and waits until it knows the lines.
func (w *world) gateway(extra ...string) *gateway {
	w.t.Helper()
	base, environ := w.environment()
	cfg, err := config.Load[Config](append(environ, extra...))
	if err != nil {
		w.t.Fatal(err)
	}
	service, err := New(context.Background(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	g := &gateway{t: w.t, base: base, stop: stop, done: make(chan error, 1), Service: service}
	go func() { g.done <- service.Run(ctx) }()
	w.t.Cleanup(func() {
		stop()
		g.done <- <-g.done
	})
	eventually(w.t, "the gateway listens and knows its lines", func() bool {
		lines, err := w.store.Lines(context.Background())
		return err == nil && len(service.front.Lines()) == len(lines) && listening(base)
	})
	return g
}

func listening(base string) bool {
	conn, err := net.DialTimeout("tcp", strings.TrimPrefix(base, "http://"), time.Second)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// answer is one HTTP answer.
type answer struct {
	*http.Response
	text string
	json map[string]any
}

func (a answer) code() string { return fmt.Sprint(a.json["code"]) }

func (a answer) cookie(name string) *http.Cookie {
	for _, cookie := range a.Cookies() {
		if cookie.Name == name {
			return cookie
		}
	}
	return nil
}

// call sends one request; header is name, value, …
func (g *gateway) call(method, path, body string, header ...string) answer {
	g.t.Helper()
	return call(g.t, method, g.base+path, body, header...)
}

func call(t *testing.T, method, url, body string, header ...string) answer {
	t.Helper()
	request, err := http.NewRequest(method, url, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Add(header[i], header[i+1])
	}
	client := http.Client{Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{Response: response, text: string(text)}
	_ = json.Unmarshal(text, &a.json)
	return a
}

// join gives an account a place and returns its token and number.
func (g *gateway) join(w *world, account string) (token string, n uint64) {
	g.t.Helper()
	a := g.call("POST", "/v1/queues/"+sale+"/places", "", "Authorization", w.bearer(account, "fan"))
	if a.StatusCode != http.StatusCreated {
		g.t.Fatalf("join: %d %s", a.StatusCode, a.text)
	}
	return a.json["place_token"].(string), uint64(a.json["n"].(float64))
}
