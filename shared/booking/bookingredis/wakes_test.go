package bookingredis_test

import (
	"context"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/booking/bookingredis"
	"github.com/fairgate/fairgate/shared/platform/backendtest"
)

// Two processes: the worker settles a payment, the API's request waits for it.
func TestWakesCrossProcesses(t *testing.T) {
	t.Parallel()
	client, prefix := backendtest.Redis(t)
	worker := bookingredis.NewWakes(bookingredis.New(client, prefix))
	api := bookingredis.NewWakes(bookingredis.New(client, prefix))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = api.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })

	mine, stop := api.Wait("pay-1")
	defer stop()
	other, stopOther := api.Wait("pay-2")
	defer stopOther()
	for _, waiting := range []<-chan struct{}{mine, other} { // the subscription itself wakes everybody
		expectWake(t, waiting)
	}
	worker.Wake(ctx, "pay-1")
	expectWake(t, mine)
	select {
	case <-other:
		t.Error("woken for another payment")
	default:
	}
}

func expectWake(t *testing.T, woken <-chan struct{}) {
	t.Helper()
	select {
	case <-woken:
	case <-time.After(20 * time.Second):
		t.Fatal("not woken")
	}
}
