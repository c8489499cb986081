package notifyredis_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fairgate/fairgate/shared/notify"
	"github.com/fairgate/fairgate/shared/notify/notifypg"
	"github.com/fairgate/fairgate/shared/notify/notifyredis"
	"github.com/fairgate/fairgate/shared/platform/backendtest"
	"github.com/fairgate/fairgate/shared/platform/backendtest/pgtest"
)

const limit = 20 * time.Second

func tell(t *testing.T, inbox *notify.Inbox, account, entity string) {
	t.Helper()
	n := notify.Notification{AccountID: account, Kind: notify.BookingConfirmed, Entity: entity}
	if err := inbox.Tell(context.Background(), n); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, feed <-chan notify.Notification, entities ...string) {
	t.Helper()
	for _, want := range entities {
		select {
		case n, open := <-feed:
			if !open || n.Entity != want {
				t.Fatalf("received %q (open %t); want %q", n.Entity, open, want)
			}
		case <-time.After(limit):
			t.Fatalf("%q did not come within %s", want, limit)
		}
	}
}

func ring(t *testing.T, bell *notifyredis.Bell) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = bell.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
}

// Two processes: the worker tells, the API's streams hear it.
func TestSubscribersHearWhatAnotherProcessTells(t *testing.T) {
	t.Parallel()
	store := notifypg.NewStore(pgtest.Pool(t))
	client, prefix := backendtest.Redis(t)
	worker := notify.NewInbox(store, notifyredis.NewBell(client, prefix))
	bell := notifyredis.NewBell(client, prefix)
	ring(t, bell)
	api := notify.NewInbox(store, bell)

	tell(t, worker, "acc-1", "bkg-1")
	tell(t, worker, "acc-1", "bkg-2")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	all, err := api.Subscribe(ctx, "acc-1", 0)
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := api.Subscribe(ctx, "acc-1", notify.FromNow)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, all, "bkg-1", "bkg-2")
	tell(t, worker, "acc-2", "bkg-other")
	tell(t, worker, "acc-1", "bkg-3")
	tell(t, worker, "acc-1", "bkg-3") // a redelivered event
	tell(t, worker, "acc-1", "bkg-4")
	expect(t, all, "bkg-3", "bkg-4")
	expect(t, fresh, "bkg-3", "bkg-4")
	cancel()
	select {
	case n, open := <-all:
		if open {
			t.Errorf("received %+v after the end", n)
		}
	case <-time.After(limit):
		t.Error("the channel stays open after its context ended")
	}
}

func TestNothingIsMissedWhileTheSubscriptionIsBroken(t *testing.T) {
	t.Parallel()
	store := notifypg.NewStore(pgtest.Pool(t))
	direct, prefix := backendtest.Redis(t)
	proxy := backendtest.NewProxy(t, backendtest.RedisAddr(t))
	broken := redis.NewClient(&redis.Options{Addr: proxy.Addr, DisableIdentity: true})
	t.Cleanup(func() { _ = broken.Close() })
	worker := notify.NewInbox(store, notifyredis.NewBell(direct, prefix))
	bell := notifyredis.NewBell(broken, prefix)
	ring(t, bell)
	feed, err := notify.NewInbox(store, bell).Subscribe(t.Context(), "acc-1", 0)
	if err != nil {
		t.Fatal(err)
	}
	tell(t, worker, "acc-1", "bkg-0")
	expect(t, feed, "bkg-0")
	for i := 1; i <= 3; i++ {
		proxy.SetDown(true)
		entity := fmt.Sprint("bkg-", i)
		tell(t, worker, "acc-1", entity) // nobody hears this ring
		proxy.SetDown(false)
		expect(t, feed, entity)
	}
}
