package coalesce_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/platform/coalesce"
)

const limit = 20 * time.Second

// gate is a do that tells of each joined call and lets it pass when told to.
type gate struct {
	arrived chan []int
	pass    chan struct{}
}

func newGate() gate { return gate{arrived: make(chan []int, 10), pass: make(chan struct{})} }

func (g gate) do(_ context.Context, in []int) ([]int, error) {
	g.arrived <- slices.Clone(in)
	<-g.pass
	if slices.Contains(in, 13) {
		return nil, errors.New("unlucky")
	}
	out := make([]int, len(in))
	for i, n := range in {
		out[i] = 10 * n
	}
	return out, nil
}

func next(t *testing.T, g gate) []int {
	t.Helper()
	select {
	case in := <-g.arrived:
		return in
	case <-time.After(limit):
		t.Fatal("no call arrived")
		return nil
	}
}

// sent calls with n while the group is busy and returns once the call waits.
func sent(t *testing.T, group *coalesce.Group[int, int], n int, done func(out int, err error)) {
	t.Helper()
	before := group.Waiting()
	go func() { done(group.Call(context.Background(), n)) }()
	for deadline := time.Now().Add(limit); group.Waiting() == before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the call does not wait")
		}
	}
}

func TestCallsThatComeMeanwhileTravelTogether(t *testing.T) {
	t.Parallel()
	g := newGate()
	group := coalesce.NewGroup(3, limit, g.do)
	var all sync.WaitGroup
	check := func(n int) func(int, error) {
		all.Add(1)
		return func(out int, err error) {
			defer all.Done()
			if wrong := n == 13; (err != nil) != wrong || !wrong && out != 10*n {
				t.Errorf("%d became %d, %v", n, out, err)
			}
		}
	}
	first := check(1)
	go func() { first(group.Call(context.Background(), 1)) }()
	if got := next(t, g); !slices.Equal(got, []int{1}) {
		t.Errorf("first: %v; want it alone, at once", got)
	}
	for _, n := range []int{2, 3, 4, 13, 5} {
		sent(t, group, n, check(n))
	}
	for _, want := range [][]int{{2, 3, 4}, {13, 5}, {13}, {5}} { // the unlucky call fails alone
		g.pass <- struct{}{}
		if got := next(t, g); !slices.Equal(got, want) {
			t.Errorf("then: %v; want %v", got, want)
		}
	}
	g.pass <- struct{}{}
	all.Wait()
}

func TestACallerMayStopWaiting(t *testing.T) {
	t.Parallel()
	g := newGate()
	group := coalesce.NewGroup(3, limit, g.do)
	ctx, cancel := context.WithCancel(context.Background())
	gone := make(chan error, 1)
	go func() { _, err := group.Call(ctx, 1); gone <- err }()
	next(t, g)
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v; want %v", err, context.Canceled)
	}
	g.pass <- struct{}{}
	go func() { g.pass <- struct{}{} }()
	if out, err := group.Call(context.Background(), 2); out != 20 || err != nil {
		t.Errorf("the next call: %d, %v", out, err)
	}
}

func TestAPanicFailsTheCall(t *testing.T) {
	t.Parallel()
	group := coalesce.NewGroup(3, limit, func(context.Context, []int) ([]int, error) { panic("a bug") })
	for range 2 {
		if _, err := group.Call(context.Background(), 1); err == nil {
			t.Error("a panic is no failure")
		}
	}
}
