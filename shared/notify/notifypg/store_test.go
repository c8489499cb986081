package notifypg_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"

	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/notify"
	"github.com/fairgate/fairgate/shared/notify/notifypg"
	"github.com/fairgate/fairgate/shared/platform/backendtest/pgtest"
)

func note(account, entity string) notify.Notification {
	return notify.Notification{AccountID: account, Kind: notify.BookingConfirmed, Entity: entity, Title: "title", Body: "body", Link: "/me"}
}

func TestNotificationIsStoredOnce(t *testing.T) {
	t.Parallel()
	pool := pgtest.Pool(t)
	store, other := notifypg.NewStore(pool), notifypg.NewStore(pool)
	ctx := context.Background()
	var added sync.Map
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			ok, err := []*notifypg.Store{store, other}[i%2].Add(ctx, note("acc-1", "bkg-1"))
			if err != nil {
				t.Error(err)
			}
			if ok {
				added.Store(i, true)
			}
		})
	}
	all.Wait()
	count := 0
	added.Range(func(any, any) bool { count++; return true })
	list, err := store.After(ctx, "acc-1", 0, 10)
	if err != nil || len(list) != 1 || count != 1 {
		t.Fatalf("stored %d (%v), %d calls said so; want 1", len(list), err, count)
	}
	if n := list[0]; n.Kind != notify.BookingConfirmed || n.Entity != "bkg-1" || n.Title != "title" || n.Link != "/me" || n.CreatedAt.IsZero() {
		t.Errorf("notification = %+v", n)
	}
}

func TestInboxPagesNewestFirst(t *testing.T) {
	t.Parallel()
	store := notifypg.NewStore(pgtest.Pool(t))
	ctx := context.Background()
	for i := range 7 {
		if _, err := store.Add(ctx, note("acc-1", fmt.Sprint("bkg-", i))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := store.Add(ctx, note("acc-2", "bkg-other")); err != nil {
		t.Fatal(err)
	}
	inbox := notify.NewInbox(store, nil)
	var got []string
	cursor := ""
	for range 10 {
		page, err := inbox.List(ctx, "acc-1", cursor, 3)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range page.Items {
			got = append(got, n.Entity)
		}
		if cursor = page.NextCursor; cursor == "" {
			break
		}
	}
	if want := "[bkg-6 bkg-5 bkg-4 bkg-3 bkg-2 bkg-1 bkg-0]"; fmt.Sprint(got) != want {
		t.Errorf("pages = %v; want %s", got, want)
	}
	for _, bad := range []string{"x", "-3", "0", "1.5"} {
		if _, err := inbox.List(ctx, "acc-1", bad, 3); !errors.Is(err, errs.ErrBadCursor) {
			t.Errorf("cursor %q: %v; want %v", bad, err, errs.ErrBadCursor)
		}
	}
}

// readerMisses adds n notifications of one account at once while a reader asks
// for everything after the last it saw, and returns how many it never saw.
func readerMisses(t *testing.T, store *notifypg.Store, add func(i int) error) int {
	t.Helper()
	const n = 60
	ctx := context.Background()
	var writers sync.WaitGroup
	for i := range n {
		writers.Go(func() {
			if err := add(i); err != nil {
				t.Error(err)
			}
		})
	}
	finished := make(chan struct{})
	go func() { writers.Wait(); close(finished) }()
	var after int64
	seen := 0
	for last := false; ; {
		list, err := store.After(ctx, "acc-1", after, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range list {
			seen, after = seen+1, entry.Seq
		}
		if last {
			return n - seen
		}
		select {
		case <-finished:
			last = true
		default:
		}
	}
}

func TestAnyCursorIsTaken(t *testing.T) {
	t.Parallel()
	store := notifypg.NewStore(pgtest.Pool(t))
	if _, err := store.Before(context.Background(), "acc-1", math.MaxInt64, 1); err != nil {
		t.Error(err)
	}
}

func TestReaderMissesNothing(t *testing.T) {
	t.Parallel()
	pool := pgtest.Pool(t)
	var stores []*notifypg.Store // of several workers; calls of one share transactions
	for range 10 {
		stores = append(stores, notifypg.NewStore(pool))
	}
	missed := readerMisses(t, stores[0], func(i int) error {
		_, err := stores[i%len(stores)].Add(context.Background(), note("acc-1", fmt.Sprint("bkg-", i)))
		return err
	})
	if missed != 0 {
		t.Errorf("the reader missed %d notifications", missed)
	}
}

// The twin: without the account's lock a notification of a lower number may become
// visible after a higher one was read, and is never seen.
func TestReaderMissesWithoutTheLock(t *testing.T) {
	t.Parallel()
	ctx, pool := context.Background(), pgtest.Pool(t)
	store := notifypg.NewStore(pool)
	const insert = `INSERT INTO notification (account_id, kind, entity, title, body, link) VALUES ('acc-1', 'k', $1, '', '', '')`
	slow, err := pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = slow.Rollback(ctx) }()
	if _, err := slow.Exec(ctx, insert, "first"); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(ctx, insert, "second"); err != nil {
		t.Fatal(err)
	}
	seen, err := store.After(ctx, "acc-1", 0, 100)
	if err != nil || len(seen) != 1 || seen[0].Entity != "second" {
		t.Fatalf("the reader saw %+v, %v; want the second only", seen, err)
	}
	if err := slow.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if late, err := store.After(ctx, "acc-1", seen[0].Seq, 100); err != nil || len(late) != 0 {
		t.Errorf("the reader saw %+v, %v without the lock: the test above proves nothing", late, err)
	}
}
