// Package guard starts goroutines that cannot take the process with them. A panic that
// nobody recovers ends every request, stream and message that the process has in hand,
// whatever it was about; and a loop that ends unseen is worse, because nothing is
// restarted and nobody is told.
//
// So every goroutine of ours begins here: what panics is recovered, counted by its part
// (fairgate_process_panics_total) and logged with its stack; and a loop of the service
// that ends before its time is begun again. The part is a short fixed name, as it is
// the label of the count.
package guard

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"sync"
	"time"
)

// panics counts for the whole process, as a panic is an event of a process: there is
// no one to hand a counter through to each goroutine. Log lines go to slog.Default, for
// the same reason.
var panics counter

type counter struct {
	mu     sync.Mutex
	byPart map[string]uint64
}

// count counts one more for a part, or shows it with 0 so far.
func (c *counter) count(part string, n uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byPart == nil {
		c.byPart = map[string]uint64{}
	}
	c.byPart[part] += n
}

// Counts returns how many panics each part has had in this process. A part is there
// from the first time it ran.
func Counts() map[string]uint64 {
	panics.mu.Lock()
	defer panics.mu.Unlock()
	return maps.Clone(panics.byPart)
}

// PanicError is a panic that was recovered.
type PanicError struct {
	Part  string
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v\n%s", e.Value, e.Stack) }

// Caught counts a panic and returns it as an error: for those who must call recover
// themselves, with what it returned, in the function that they deferred.
func Caught(part string, value any) error {
	panics.count(part, 1)
	return &PanicError{Part: part, Value: value, Stack: debug.Stack()}
}

// Recover is deferred by what others run on goroutines of theirs. It recovers a panic,
// counts and logs it.
func Recover(part string) {
	if value := recover(); value != nil {
		report(part, Caught(part, value))
	}
}

func report(part string, err error) {
	slog.Default().Error("a panic was recovered", "part", part, "error", err)
}

// Call calls f and returns its error, or its panic, counted and logged, as a *PanicError:
// for those who wait for f and know what to do when it fails.
func Call(part string, f func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = Caught(part, value)
			report(part, err)
		}
	}()
	return f()
}

// Go runs f on a goroutine of its own. Who waits for f must be told by what f defers.
func Go(part string, f func()) { go Func(part, f)() }

// Func returns f with its panics recovered, for those who start goroutines themselves,
// as timers and contexts do.
func Func(part string, f func()) func() {
	return func() {
		defer Recover(part)
		f()
	}
}

// Group is a sync.WaitGroup of guarded goroutines.
type Group struct{ running sync.WaitGroup }

// Go runs f on a goroutine of the group.
func (g *Group) Go(part string, f func()) { g.running.Go(Func(part, f)) }

// Keep keeps a loop running on a goroutine of the group.
func (g *Group) Keep(ctx context.Context, part string, loop func(ctx context.Context) error) {
	g.Go(part, func() { Keep(ctx, part, loop) })
}

// Wait returns when all goroutines of the group have ended.
func (g *Group) Wait() { g.running.Wait() }

// The pauses before a loop is begun again.
const (
	firstPause = 100 * time.Millisecond
	mostPause  = 5 * time.Second
	calm       = time.Minute // a loop that ran for so long has recovered
)

// Keep runs loop until ctx ends: should it panic or return before, it is begun again,
// at first after 100 ms, then twice as late each time, up to 5 s. It returns when ctx
// has ended and loop has returned.
func Keep(ctx context.Context, part string, loop func(ctx context.Context) error) {
	panics.count(part, 0)
	for pause := firstPause; ; {
		begun := time.Now()
		err := Call(part, func() error { return loop(ctx) })
		if ctx.Err() != nil {
			if err != nil {
				slog.Default().Warn("a loop of the service ended badly", "part", part, "error", err)
			}
			return
		}
		if time.Since(begun) >= calm {
			pause = firstPause
		}
		slog.Default().Error("a loop of the service ended before its time and is begun again", "part", part, "pause", pause.String(), "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, mostPause)
	}
}
