package redisx

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fairgate/fairgate/shared/platform/backendtest"
)

var (
	echo    = redis.NewScript(`return ARGV[1]`)
	failing = redis.NewScript(`return redis.error_reply('no: ' .. ARGV[1])`)
)

// gatekeeper holds pipelines back and writes down how many commands each had.
type gatekeeper struct {
	arrived chan struct{} // one for each pipeline
	let     chan struct{} // closed: they go on
	mu      sync.Mutex
	sizes   []int
}

func newGatekeeper() *gatekeeper {
	return &gatekeeper{arrived: make(chan struct{}, 100), let: make(chan struct{})}
}

func (g *gatekeeper) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (g *gatekeeper) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (g *gatekeeper) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, commands []redis.Cmder) error {
		g.mu.Lock()
		g.sizes = append(g.sizes, len(commands))
		g.mu.Unlock()
		g.arrived <- struct{}{}
		<-g.let
		return next(ctx, commands)
	}
}

// coalescer returns one whose scripts Redis knows, so that none goes by Eval.
func coalescer(t *testing.T) *Coalescer {
	t.Helper()
	client, _ := backendtest.Redis(t)
	for _, script := range []*redis.Script{echo, failing} {
		if err := script.Load(context.Background(), client).Err(); err != nil {
			t.Fatal(err)
		}
	}
	return NewCoalescer(client)
}

func waitingIn(c *Coalescer) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.waiting)
}

func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// crowd fills the lanes with one call each, then lets n more wait behind them. The
// answers are checked when the lanes are let go.
func crowd(t *testing.T, c *Coalescer, g *gatekeeper, n int) (finish func()) {
	t.Helper()
	ctx := context.Background()
	var calls sync.WaitGroup
	call := func(i int) {
		calls.Go(func() {
			word := fmt.Sprintf("word-%d", i)
			if got, err := echo.Run(ctx, c, nil, word).Text(); got != word || err != nil {
				t.Errorf("call %d: %q, %v", i, got, err)
			}
		})
	}
	for i := range lanes {
		call(-1 - i)
		<-g.arrived // nobody waits for company while a lane is free
	}
	for i := range n {
		call(i)
	}
	until(t, "all wait", func() bool { return waitingIn(c) == n })
	return func() {
		close(g.let)
		calls.Wait()
	}
}

func TestCallsThatWaitTravelTogether(t *testing.T) {
	t.Parallel()
	c, g := coalescer(t), newGatekeeper()
	c.AddHook(g)
	crowd(t, c, g, 2*laneCommands+50)()
	if want := lanes + 3; len(g.sizes) != want {
		t.Errorf("%d pipelines of %v commands, want %d", len(g.sizes), g.sizes, want)
	}
	for _, size := range g.sizes {
		if size > laneCommands {
			t.Errorf("a pipeline of %d commands", size)
		}
	}
	until(t, "the lanes are free again", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.busy == 0
	})
}

func TestACallerWhoGoesLeavesTheOthersAlone(t *testing.T) {
	t.Parallel()
	c, g := coalescer(t), newGatekeeper()
	c.AddHook(g)
	finish := crowd(t, c, g, 10)
	ctx, cancel := context.WithCancel(context.Background())
	left := make(chan error)
	go func() { left <- echo.Run(ctx, c, nil, "gone").Err() }()
	until(t, "it waits", func() bool { return waitingIn(c) == 11 })
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("the caller who went: %v", err)
	}
	finish()
	if want := []int{1, 1, 10}; !slices.Equal(g.sizes, want) {
		t.Errorf("pipelines of %v commands, want %v: the script of a caller who has gone is not sent", g.sizes, want)
	}
}

func TestAFailingCallFailsAlone(t *testing.T) {
	t.Parallel()
	c, g := coalescer(t), newGatekeeper()
	c.AddHook(g)
	finish := crowd(t, c, g, 10)
	refused := make(chan error)
	go func() { refused <- failing.Run(context.Background(), c, nil, "this one").Err() }()
	until(t, "it waits", func() bool { return waitingIn(c) == 11 })
	finish()
	if err := <-refused; err == nil || err.Error() != "no: this one" {
		t.Errorf("the failing call: %v", err)
	}
}

func TestPublishedMessagesTravelWithScripts(t *testing.T) {
	t.Parallel()
	c, g := coalescer(t), newGatekeeper()
	ctx := context.Background()
	channel := "channel-" + rand(t)
	heard := c.Subscribe(ctx, channel)
	t.Cleanup(func() { _ = heard.Close() })
	if _, err := heard.Receive(ctx); err != nil {
		t.Fatal(err)
	}
	c.AddHook(g)
	finish := crowd(t, c, g, 10)
	listeners := make(chan int64)
	go func() { listeners <- c.Publish(ctx, channel, "hello").Val() }()
	until(t, "it waits", func() bool { return waitingIn(c) == 11 })
	finish()
	if n := <-listeners; n != 1 {
		t.Errorf("%d heard it; want 1", n)
	}
	if message, err := heard.ReceiveMessage(ctx); err != nil || message.Payload != "hello" {
		t.Errorf("heard %v, %v", message, err)
	}
	if want := []int{1, 1, 11}; !slices.Equal(g.sizes, want) {
		t.Errorf("pipelines of %v commands, want %v", g.sizes, want)
	}
}

func TestAScriptThatRedisDoesNotKnowIsSent(t *testing.T) {
	t.Parallel()
	c := coalescer(t)
	script := redis.NewScript(`return '` + rand(t) + `' .. ARGV[1]`)
	for range 2 {
		got, err := script.Run(context.Background(), c, []string{"k"}, "!").Text()
		if err != nil || len(got) != 11 {
			t.Fatalf("%q, %v", got, err)
		}
	}
	if known, err := script.Exists(context.Background(), c).Result(); err != nil || !known[0] {
		t.Errorf("known %v, %v", known, err)
	}
}

// rand returns ten characters that no other run has used.
func rand(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("%010d", time.Now().UnixNano()%1e10)
}

func TestABrokenConnectionIsOvercome(t *testing.T) {
	t.Parallel()
	proxy := backendtest.NewProxy(t, backendtest.RedisAddr(t))
	client, err := Open(Settings{Addrs: []string{proxy.Addr}})
	if err != nil {
		t.Fatal(err)
	}
	c := NewCoalescer(client)
	t.Cleanup(func() { _ = c.Close() })
	ask := func() error { return echo.Run(context.Background(), c, nil, "x").Err() }
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	proxy.SetDown(true)
	var fault net.Error
	if err := ask(); err == nil || errors.As(err, &fault) && fault.Timeout() {
		t.Errorf("without Redis: %v", err)
	}
	proxy.SetDown(false)
	until(t, "calls go through again", func() bool { return ask() == nil })
}

// BenchmarkEvalSha compares lone calls with coalesced ones, 64 at once.
func BenchmarkEvalSha(b *testing.B) {
	client, err := Open(Settings{Addrs: []string{backendtest.RedisAddr(b)}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = client.Close() })
	for name, scripter := range map[string]redis.Scripter{"alone": client, "coalesced": NewCoalescer(client)} {
		b.Run(name, func(b *testing.B) {
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := echo.Run(context.Background(), scripter, nil, "x").Err(); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
