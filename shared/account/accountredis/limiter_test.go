package accountredis

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fairgate/fairgate/shared/platform/backendtest"
	"github.com/fairgate/fairgate/shared/platform/redisx"
)

// TestTheLimitHoldsWhileRedisIsDown: guessing without end would begin with the outage.
func TestTheLimitHoldsWhileRedisIsDown(t *testing.T) {
	t.Parallel()
	proxy := backendtest.NewProxy(t, backendtest.RedisAddr(t))
	client, err := redisx.Open(redisx.Settings{Addrs: []string{proxy.Addr}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	_, prefix := backendtest.Redis(t)
	limiter := New(client, prefix)
	proxy.SetDown(true)
	now := time.Now()
	limiter.local.now = func() time.Time { return now }
	take := func() (bool, time.Duration) {
		t.Helper()
		ok, wait, err := limiter.Take(context.Background(), "login:a", 3, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		return ok, wait
	}
	for i := range 3 {
		if ok, _ := take(); !ok {
			t.Fatalf("try %d is refused", i+1)
		}
	}
	if ok, wait := take(); ok || wait != time.Minute {
		t.Errorf("try 4: %t, wait %s; want a refusal for a minute", ok, wait)
	}
	_ = limiter.Return(context.Background(), "login:a") // Redis cannot be told, this process can
	if ok, _ := take(); !ok {
		t.Error("a try that was taken back still counts")
	}
	now = now.Add(time.Minute)
	if ok, _ := take(); !ok {
		t.Error("the window has passed and the limit holds on")
	}
}

// tries counts how often Redis is asked to run scripts, whatever becomes of it.
type tries struct {
	redis.Hook

	n atomic.Int64
}

// count leaves out what a connection begins with.
func (h *tries) count(cmds ...redis.Cmder) {
	if strings.HasPrefix(cmds[0].Name(), "eval") {
		h.n.Add(1)
	}
}

func (h *tries) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h *tries) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		h.count(cmd)
		return next(ctx, cmd)
	}
}

func (h *tries) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		h.count(cmds...)
		return next(ctx, cmds)
	}
}

// frozen returns a client whose Redis takes connections and never answers, the number of
// its calls.
func frozen(t *testing.T) (redis.UniversalClient, *tries) {
	t.Helper()
	proxy := backendtest.NewProxy(t, backendtest.RedisAddr(t))
	client, err := redisx.Open(redisx.Settings{Addrs: []string{proxy.Addr}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	count := &tries{}
	client.AddHook(count)
	proxy.Freeze(true)
	return client, count
}

// TestOneCallWaitsForARedisThatHangs: the others of the log-in count here at once.
func TestOneCallWaitsForARedisThatHangs(t *testing.T) {
	t.Parallel()
	client, count := frozen(t)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	limiter := New(client, "hangs:")
	for _, key := range []string{"a", "b", "c"} {
		if ok, _, err := limiter.Take(ctx, key, 1, time.Minute); !ok || err != nil {
			t.Errorf("key %s: %t, %v; want it counted in this process", key, ok, err)
		}
	}
	_ = limiter.Return(ctx, "a", "b", "c")
	if ok, _, err := limiter.Take(ctx, "a", 1, time.Minute); !ok || err != nil {
		t.Errorf("after the return: %t, %v", ok, err)
	}
	if n := count.n.Load(); n > 2 { // 2 on a machine so busy that the pause was over
		t.Errorf("Redis was tried %d times, want 1", n)
	}
}

// TestACallerWhoGoesIsNoFaultOfRedis: a limit would otherwise hold for each instance by
// itself whenever somebody hangs up.
func TestACallerWhoGoesIsNoFaultOfRedis(t *testing.T) {
	t.Parallel()
	client, prefix := backendtest.Redis(t)
	limiter := New(client, prefix)
	limiter.timeout = time.Minute
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := limiter.Take(gone, "a", 1, time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("the caller who went: %v", err)
	}
	if ok, _, err := limiter.Take(context.Background(), "a", 1, time.Minute); !ok || err != nil {
		t.Errorf("the next caller: %t, %v", ok, err)
	}
	other := New(client, prefix)
	other.timeout = time.Minute
	if ok, _, _ := other.Take(context.Background(), "a", 1, time.Minute); ok {
		t.Error("another instance does not know of it: it was not counted in Redis")
	}
}

// TestReturnsAreOneCall also for several keys.
func TestReturnsAreOneCall(t *testing.T) {
	t.Parallel()
	client, prefix := backendtest.Redis(t)
	ctx := context.Background()
	limiter := New(client, prefix)
	limiter.timeout = time.Minute
	for _, key := range []string{"a", "b"} {
		if ok, _, err := limiter.Take(ctx, key, 1, time.Minute); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	count := &tries{}
	client.AddHook(count)
	if err := limiter.Return(ctx, "a", "b"); err != nil || count.n.Load() != 1 {
		t.Errorf("%v in %d calls, want one", err, count.n.Load())
	}
	for _, key := range []string{"a", "b"} {
		if ok, _, _ := limiter.Take(ctx, key, 1, time.Minute); !ok {
			t.Errorf("%s is not taken back", key)
		}
	}
}
