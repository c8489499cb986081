package accountredis

import (
	"context"
	"testing"
	"time"

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
