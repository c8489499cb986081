//go:build long

package bookingredis

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/platform/backendtest"
	"github.com/fairgate/fairgate/shared/platform/redisx"
)

// TestLongHoldsInACluster holds, reads and releases seats of performances that lie
// on different nodes of a Redis Cluster.
func TestLongHoldsInACluster(t *testing.T) {
	t.Parallel()
	client, err := redisx.Open(redisx.Settings{Addrs: backendtest.RedisCluster(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	s := New(redisx.NewCoalescer(client), "c:")
	s.timeout = 10 * time.Second
	positions := map[string]string{}
	var calls sync.WaitGroup
	for i := range 8 {
		pf := fmt.Sprintf("PF%d", i)
		if positions[pf], err = s.Position(context.Background(), pf); err != nil {
			t.Fatal(err)
		}
		calls.Go(func() { holdInCluster(t, s, pf) }) // so that pipelines have commands of several nodes
	}
	calls.Wait()
	pages, err := s.Read(context.Background(), positions)
	if err != nil {
		t.Fatal(err)
	}
	for pf := range positions {
		if len(pages[pf].Events) == 0 {
			t.Errorf("no changes of %s", pf)
		}
	}
}

func holdInCluster(t *testing.T, s *Store, pf string) {
	t.Helper()
	ctx := context.Background()
	mine, theirs := order("acc-1", tonight, "k1", "A", "B"), order("acc-2", tonight, "k2", "B")
	mine.Hold.PerformanceID, theirs.Hold.PerformanceID = pf, pf
	if _, err := s.Place(ctx, mine); err != nil {
		t.Error(err)
		return
	}
	if _, err := s.Place(ctx, theirs); !errors.Is(err, booking.ErrSeatTaken) {
		t.Errorf("%s: a held seat: %v", pf, err)
	}
	if live, err := s.Live(ctx, mine.Hold); err != nil || !live {
		t.Errorf("%s: live %v, %v", pf, live, err)
	}
	if holds, err := s.Holds(ctx, pf, tonight, []string{"A", "B", "C"}); err != nil || len(holds) != 2 {
		t.Errorf("%s: holds %v, %v", pf, holds, err)
	}
	if known, err := s.Release(ctx, mine.Hold); err != nil || !known {
		t.Errorf("%s: release %v, %v", pf, known, err)
	}
	if _, err := s.Place(ctx, theirs); err != nil {
		t.Errorf("%s: a released seat: %v", pf, err)
	}
	if err := s.Publish(ctx, pf, tonight, []booking.SeatChange{{Seat: "C", State: booking.Sold}}); err != nil {
		t.Error(err)
	}
}
