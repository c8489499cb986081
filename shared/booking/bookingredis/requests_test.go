package bookingredis_test

import (
	"context"
	"testing"

	"github.com/fairgate/fairgate/shared/booking/bookingredis"
	"github.com/fairgate/fairgate/shared/platform/backendtest"
)

// Two processes: the API's request asks for a capture, the worker's relay hears it.
func TestRequestsCrossProcesses(t *testing.T) {
	t.Parallel()
	client, prefix := backendtest.Redis(t)
	worker := bookingredis.NewRequests(bookingredis.New(client, prefix))
	api := bookingredis.NewRequests(bookingredis.New(client, prefix))
	ctx, cancel := context.WithCancel(context.Background())
	heard, done := make(chan struct{}, 100), make(chan struct{})
	go func() { defer close(done); _ = worker.Run(ctx, func() { heard <- struct{}{} }) }()
	t.Cleanup(func() { cancel(); <-done })

	expectWake(t, heard) // the subscription itself: one may have been missed
	api.Ring(ctx)
	expectWake(t, heard)
}
