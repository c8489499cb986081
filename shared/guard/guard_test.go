package guard_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairgate/fairgate/shared/guard"
)

// broken panics with a nil pointer, as a typed nil does.
func broken() { _ = *(*int)(nil) }

func TestAPanicEndsItsGoroutineAndNothingElse(t *testing.T) {
	t.Parallel()
	var group guard.Group
	for range 3 {
		group.Go("test_group", broken)
	}
	group.Wait()
	done := make(chan struct{})
	guard.Go("test_go", func() { defer close(done); broken() })
	<-done
	timer := time.AfterFunc(0, guard.Func("test_timer", func() { panic("late") }))
	defer timer.Stop()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		counts := guard.Counts()
		if counts["test_group"] == 3 && counts["test_go"] == 1 && counts["test_timer"] == 1 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("counted %v", counts)
		}
	}
}

func TestCallTellsWhoWaits(t *testing.T) {
	t.Parallel()
	failed := errors.New("failed")
	if err := guard.Call("test_call", func() error { return failed }); err != failed {
		t.Errorf("an error came back as %v", err)
	}
	if err := guard.Call("test_call", func() error { return nil }); err != nil {
		t.Errorf("no error came back as %v", err)
	}
	err := guard.Call("test_call", func() error { broken(); return nil })
	var caught *guard.PanicError
	if !errors.As(err, &caught) || caught.Part != "test_call" || !strings.Contains(err.Error(), "nil pointer") || !strings.Contains(err.Error(), "guard_test.broken") {
		t.Errorf("a panic came back as %v; want the part, the reason and the stack", err)
	}
}

func TestALoopThatEndsBeforeItsTimeIsBegunAgainEverLater(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func() error{
		"panic":  func() error { broken(); return nil },
		"error":  func() error { return errors.New("lost") },
		"return": func() error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				var begun []time.Time
				kept := make(chan struct{})
				guard.Go("test_keep", func() {
					defer close(kept)
					guard.Keep(ctx, "test_keep", func(ctx context.Context) error {
						begun = append(begun, time.Now())
						if len(begun) < 9 {
							return end()
						}
						<-ctx.Done() // it has recovered
						return nil
					})
				})
				time.Sleep(time.Hour)
				cancel()
				<-kept
				if len(begun) != 9 {
					t.Fatalf("begun %d times; want 9", len(begun))
				}
				want := 100 * time.Millisecond
				for i := range begun[1:] {
					if got := begun[i+1].Sub(begun[i]); got != want {
						t.Errorf("pause %d is %s; want %s", i+1, got, want)
					}
					want = min(2*want, 5*time.Second)
				}
			})
		})
	}
}

// A goroutine that the guard does not know would end this process: see the rule in
// deploy/arch, which refuses those.
func ExampleCall() {
	err := guard.Call("example", func() error { panic("no") })
	fmt.Println(strings.SplitN(err.Error(), "\n", 2)[0])
	// Output: panic: no
}
