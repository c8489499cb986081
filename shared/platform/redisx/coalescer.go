package redisx

import (
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fairgate/fairgate/shared/guard"
)

const (
	lanes        = 2   // pipelines on their way at once
	laneCommands = 100 // in one pipeline
	laneTimeout  = 2 * time.Second
)

// Coalescer is a client whose EvalSha and Publish calls of concurrent callers share
// pipelines: a script that costs Redis microseconds costs much more in system calls
// when it travels alone. A call that finds a lane free leaves at once; one that does not,
// leaves with all others as soon as a pipeline comes back. All other commands, and
// the Eval to which redis.Script falls back, go as they always do.
//
// A call fails alone: by Redis's own answer to it, or when its context ends; then
// the script runs only if it is on its way already. Only a broken connection fails a
// whole pipeline.
type Coalescer struct {
	redis.UniversalClient

	mu      sync.Mutex
	waiting []*flight
	busy    int // lanes
}

// flight is one call: command and done are the lane's until done is closed.
type flight struct {
	ctx     context.Context // the caller's
	command redis.Cmder
	done    chan struct{}
}

// NewCoalescer returns a Coalescer over client; closing either closes both.
func NewCoalescer(client redis.UniversalClient) *Coalescer {
	return &Coalescer{UniversalClient: client}
}

// EvalSha implements redis.Scripter.
func (c *Coalescer) EvalSha(ctx context.Context, sha1 string, keys []string, args ...any) *redis.Cmd {
	return fly(ctx, c, redis.NewCmd, evalSha(sha1, keys, args))
}

// Publish implements redis.UniversalClient.
func (c *Coalescer) Publish(ctx context.Context, channel string, message any) *redis.IntCmd {
	return fly(ctx, c, redis.NewIntCmd, []any{"publish", channel, message})
}

// fly sends a command made of words, and returns it once it is answered; when ctx ends
// before, another one that says so.
func fly[C redis.Cmder](ctx context.Context, c *Coalescer, command func(ctx context.Context, args ...any) C, words []any) C {
	sent := command(context.Background(), words...)
	f := &flight{ctx: ctx, command: sent, done: make(chan struct{})}
	c.enter(f)
	select {
	case <-f.done:
		return sent
	case <-ctx.Done():
		gone := command(ctx)
		gone.SetErr(ctx.Err())
		return gone
	}
}

func evalSha(sha1 string, keys []string, args []any) []any {
	words := make([]any, 0, 3+len(keys)+len(args))
	words = append(words, "evalsha", sha1, len(keys))
	for _, key := range keys {
		words = append(words, key)
	}
	return append(words, args...)
}

func (c *Coalescer) enter(f *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = append(c.waiting, f)
	if c.busy < lanes {
		c.busy++
		guard.Go("redis_pipelines", c.drive)
	}
}

// drive is one lane, for as long as somebody waits.
func (c *Coalescer) drive() {
	for {
		batch := c.next()
		if len(batch) == 0 {
			return
		}
		c.send(batch)
	}
}

// next takes the calls that leave now; with none, the lane is free.
func (c *Coalescer) next() []*flight {
	c.mu.Lock()
	defer c.mu.Unlock()
	batch := c.waiting
	if len(batch) > laneCommands {
		batch, c.waiting = batch[:laneCommands:laneCommands], batch[laneCommands:]
		return batch
	}
	c.waiting = nil
	if len(batch) == 0 {
		c.busy--
	}
	return batch
}

// send sends a batch and answers all of it, whatever happens: the callers wait, and the
// lane goes on.
func (c *Coalescer) send(batch []*flight) {
	err := guard.Call("redis_pipelines", func() error { c.exchange(batch); return nil })
	for _, f := range batch {
		if err != nil && f.command.Err() == nil {
			f.command.SetErr(err)
		}
		close(f.done)
	}
}

func (c *Coalescer) exchange(batch []*flight) {
	ctx, cancel := context.WithTimeout(context.Background(), laneTimeout)
	defer cancel()
	pipeline := c.Pipeline()
	for _, f := range batch {
		if f.ctx.Err() == nil { // nobody would know of a hold that is taken now
			_ = pipeline.Process(ctx, f.command)
		}
	}
	_, _ = pipeline.Exec(ctx) // each command has its own error
}
