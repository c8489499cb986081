package queuegateway

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fairgate/fairgate/shared/platform/backendtest"
)

// ownRedis starts a Redis server of the test's own and makes it the world's.
func (w *world) ownRedis() (addr string) {
	w.t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		w.t.Fatal(err)
	}
	addr = backendtest.FreeAddr(w.t)
	_, port, _ := net.SplitHostPort(addr)
	command := exec.Command(binary, "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", w.t.TempDir())
	command.Stderr = os.Stderr
	if err := command.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	client := redis.NewClient(&redis.Options{Addr: addr, DisableIdentity: true})
	w.t.Cleanup(func() { _ = client.Close() })
	eventually(w.t, "Redis answers", func() bool { return client.Ping(context.Background()).Err() == nil })
	w.redis = client
	w.store = storeOn(client, w)
	return addr
}

// calls returns how often Redis has executed a command, from scripts or directly.
func calls(t *testing.T, client redis.UniversalClient, command string) int {
	t.Helper()
	info, err := client.InfoMap(context.Background(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	var n int
	_, _ = fmt.Sscanf(info["Commandstats"]["cmdstat_"+command], "calls=%d,", &n) // absent: never executed
	return n
}

func TestTenThousandPollsOfWaitingFansCostNoRedisCommand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	addr := w.ownRedis()
	w.line(sale, paused)
	g := w.gateway("REDIS_ADDRS=" + addr)
	tokens := make([]string, 50)
	for i := range tokens {
		tokens[i], _ = g.join(w, "acc-"+string(rune('a'+i%26))+string(rune('a'+i/26)))
	}
	eventually(t, "the copy has all", func() bool {
		return g.call("GET", linePath, "").json["waiting"] == float64(len(tokens))
	})
	// The beats of the line run scripts all the time, but only a question about one
	// waiting fan ever asks for a rank.
	ranks, scripts, started := calls(t, w.redis, "zrank"), calls(t, w.redis, "evalsha"), time.Now()
	pollAll(t, g, tokens, 10_000)
	took := time.Since(started)
	scripts = calls(t, w.redis, "evalsha") - scripts
	if asked := calls(t, w.redis, "zrank") - ranks; asked != 0 {
		t.Errorf("the polls asked for %d places", asked)
	}
	beats := 6*took.Seconds() + 10 // four beats, one copy, and reports of who is there a second
	t.Logf("10000 polls took %v, in which %d scripts ran", took, scripts)
	if float64(scripts) > beats {
		t.Errorf("%d scripts ran, more than the %.0f of the beats", scripts, beats)
	}
	g.call("POST", placePath+"/entry", "", "Place-Token", tokens[0])
	if calls(t, w.redis, "zrank") == ranks {
		t.Error("a question about a place goes unseen: the count above shows nothing")
	}
}

// pollAll polls status, places/me and presence in turn, count times in all.
func pollAll(t *testing.T, g *gateway, tokens []string, count int) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}, Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	var group sync.WaitGroup
	for worker := range 16 {
		group.Go(func() {
			for i := worker; i < count; i += 16 {
				method, path := "GET", placePath
				switch i % 3 {
				case 1:
					path = linePath
				case 2:
					method, path = "POST", placePath+"/presence"
				}
				request, _ := http.NewRequest(method, g.base+path, nil)
				request.Header.Set("Place-Token", tokens[i%len(tokens)])
				response, err := client.Do(request)
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, response.Body)
				_ = response.Body.Close()
				if response.StatusCode >= 300 {
					t.Errorf("%s %s: %d", method, path, response.StatusCode)
					return
				}
			}
		})
	}
	group.Wait()
}

// wire is a TCP connection between a gateway and Redis that can be cut.
type wire struct {
	listener net.Listener
	target   string

	mu    sync.Mutex
	cut   bool
	conns []net.Conn
}

func newWire(t *testing.T, target string) *wire {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener: listener, target: target}
	go w.serve()
	t.Cleanup(func() {
		_ = listener.Close()
		w.set(true)
	})
	return w
}

func (w *wire) serve() {
	for {
		from, err := w.listener.Accept()
		if err != nil {
			return
		}
		to, err := net.Dial("tcp", w.target)
		w.mu.Lock()
		if err != nil || w.cut {
			_ = from.Close()
			if to != nil {
				_ = to.Close()
			}
		} else {
			w.conns = append(w.conns, from, to)
			go func() { _, _ = io.Copy(to, from); _ = to.Close() }()
			go func() { _, _ = io.Copy(from, to); _ = from.Close() }()
		}
		w.mu.Unlock()
	}
}

func (w *wire) set(cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = cut
	if cut {
		for _, conn := range w.conns {
			_ = conn.Close()
		}
		w.conns = nil
	}
}

func TestWithoutRedisWaitingGoesOnAndJoiningIsCalmlyRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.line(sale, paused)
	wire := newWire(t, backendtest.RedisAddr(t))
	g := w.gateway("REDIS_ADDRS=" + wire.listener.Addr().String())
	token, _ := g.join(w, "acc-1")
	eventually(t, "the copy has the fan", func() bool { return g.call("GET", linePath, "").json["waiting"] == 1.0 })
	before := g.call("GET", linePath, "")
	e := g.stream(placePath+"/events", "Place-Token", token)
	e.next("place")

	wire.set(true)
	eventually(t, "the gateway is not ready", func() bool { return g.call("GET", "/readyz", "").StatusCode == 503 })
	if a := g.call("GET", placePath, "", "Place-Token", token); a.StatusCode != 200 || a.json["state"] != "waiting" || a.json["ahead"] != 0.0 {
		t.Errorf("a poll: %d %s", a.StatusCode, a.text)
	}
	if a := g.call("GET", linePath, ""); a.StatusCode != 200 || a.text != before.text {
		t.Errorf("the status: %d %s", a.StatusCode, a.text)
	}
	if a := g.call("GET", "/q/"+sale, ""); a.StatusCode != 200 {
		t.Errorf("the page: %d", a.StatusCode)
	}
	refused := g.call("POST", linePath+"/places", "", "Authorization", w.bearer("acc-2", "fan"))
	if refused.StatusCode != 503 || refused.code() != "upstream_unavailable" || refused.Header.Get("Retry-After") == "" || refused.json["retry_after_ms"] == nil {
		t.Errorf("a join: %d %s", refused.StatusCode, refused.text)
	}
	if a := g.call("GET", "/healthz", ""); a.StatusCode != 200 {
		t.Errorf("health: %d", a.StatusCode)
	}
	select {
	case err := <-e.end:
		t.Errorf("the stream ended: %v", err)
	default:
	}

	wire.set(false)
	eventually(t, "joining works again by itself", func() bool {
		return g.call("POST", linePath+"/places", "", "Authorization", w.bearer("acc-2", "fan")).StatusCode < 300
	})
	if a := g.call("GET", placePath, "", "Place-Token", token); a.json["state"] != "waiting" {
		t.Errorf("the place afterwards: %s", a.text)
	}
}

func TestAdmissionPausesWhileTheBookingAPIIsAwayAndSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.line(sale, nil)
	w.mu.Lock()
	w.handler = http.NotFound
	w.mu.Unlock()
	g := w.gateway()
	fan := w.bearer("acc-1", "fan")
	g.join(w, "acc-0") // the keys of access tokens are known now
	address := strings.TrimPrefix(w.api.URL, "http://")
	w.api.Close()
	eventually(t, "the line shows as paused", func() bool {
		a := g.call("GET", linePath, "")
		return a.json["state"] == "paused" && strings.HasSuffix(a.Header.Get("ETag"), `-held"`) && a.json["message"].(map[string]any)["ko"] != nil
	})
	if a := g.call("GET", "/v1/sales/x", ""); a.StatusCode != 503 || a.code() != "upstream_unavailable" {
		t.Errorf("proxied: %d %s", a.StatusCode, a.text)
	}
	entered := func() uint64 {
		figures, err := operator{w.store, g.front}.Figures(context.Background(), sale)
		if err != nil {
			t.Fatal(err)
		}
		return figures.Entered + figures.Offers
	}
	before := entered()
	joined := g.call("POST", linePath+"/places", "", "Authorization", fan)
	if joined.StatusCode != 201 {
		t.Fatalf("joining while it is away: %d %s", joined.StatusCode, joined.text)
	}
	time.Sleep(1500 * time.Millisecond) // six beats, had they not stopped
	if now := entered(); now != before {
		t.Errorf("%d offers and entries became %d while the API was away", before, now)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	api := &http.Server{Handler: w.api.Config.Handler, ReadHeaderTimeout: time.Second}
	go func() { _ = api.Serve(listener) }()
	defer func() { _ = api.Close() }()
	eventually(t, "the line is open again", func() bool { return g.call("GET", linePath, "").json["state"] == "open" })
	token := joined.json["place_token"].(string)
	eventually(t, "the fan gets a turn", func() bool {
		return g.call("POST", placePath+"/entry", "", "Place-Token", token).StatusCode == 200
	})
}
