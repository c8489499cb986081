package queueredis

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/fairgate/fairgate/shared/clock"
	"github.com/fairgate/fairgate/shared/platform/backendtest"
	"github.com/fairgate/fairgate/shared/queue"
)

// A gateway that has just started knows that a line exists before it can tell of it.
func TestALineThatWasNotCopiedYetIsNotMissing(t *testing.T) {
	t.Parallel()
	client, prefix := backendtest.Redis(t)
	store := New(client, prefix, nil)
	policy := queue.DefaultPolicy(testSale)
	policy.State = queue.Open
	if _, err := store.Ensure(t.Context(), policy); err != nil {
		t.Fatal(err)
	}
	front := NewFront(store, slog.New(slog.DiscardHandler), clock.System{})
	if err := front.Ready(t.Context()); !errors.Is(err, queue.ErrUnavailable) {
		t.Errorf("ready before anything is known: %v", err)
	}

	front.learn([]string{testSale})
	if _, err := front.Status(testSale); !errors.Is(err, queue.ErrUnavailable) {
		t.Errorf("a line that exists: %v, want that it cannot be told yet", err)
	}
	if _, err := front.Status("another"); !errors.Is(err, queue.ErrLineNotFound) {
		t.Errorf("a line that does not exist: %v", err)
	}
	if err := front.Ready(t.Context()); !errors.Is(err, queue.ErrUnavailable) {
		t.Errorf("ready before the line is copied: %v", err)
	}

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- front.Run(ctx) }()
	eventually(t, "ready", func() bool { return front.Ready(ctx) == nil })
	if _, err := front.Status(testSale); err != nil {
		t.Errorf("ready, but: %v", err)
	}
	front.learn([]string{testSale, "new"})
	if err := front.Ready(t.Context()); err != nil {
		t.Errorf("a line that came later: %v", err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
