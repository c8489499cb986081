package accountredis_test

import (
	"context"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/account/accountredis"
	"github.com/fairgate/fairgate/shared/platform/backendtest"
)

// has is whether a token is known to be revoked.
func has(r *accountredis.Revoked, account string, issued time.Time) bool {
	revoked, known := r.Has(account, issued)
	return revoked && known
}

// A process that was started while Redis is away knows nothing of anybody, and says so.
func TestWhoIsRevokedIsNotKnownBeforeTheFirstLook(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	client, prefix := backendtest.Redis(t)
	if err := accountredis.NewRevoked(client, prefix, time.Minute).Gone(ctx, "acc-1"); err != nil {
		t.Fatal(err)
	}
	r, issued := accountredis.NewRevoked(client, prefix, time.Minute), time.Now().Add(-time.Minute)
	away, cancel := context.WithCancel(ctx)
	cancel()
	r.Begin(away) // comes to nothing
	for _, account := range []string{"acc-1", "acc-2"} {
		if _, known := r.Has(account, issued); known {
			t.Errorf("%s: it is said to be known whether the token is revoked", account)
		}
		if _, known := r.IsGone(account); known {
			t.Errorf("%s: it is said to be known whether the account is gone", account)
		}
	}
	if r.Ready(ctx) == nil {
		t.Error("it is ready")
	}
	changed := r.Changed()
	r.Begin(ctx)
	<-changed
	if err := r.Ready(ctx); err != nil {
		t.Error(err)
	}
	for account, want := range map[string]bool{"acc-1": true, "acc-2": false} {
		revoked, known := r.Has(account, issued)
		gone, knownGone := r.IsGone(account)
		if revoked != want || gone != want || !known || !knownGone {
			t.Errorf("%s: revoked %v, gone %v, known %v, %v", account, revoked, gone, known, knownGone)
		}
	}
}

func TestRevokedTokensAreKnownEverywhere(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	client, prefix := backendtest.Redis(t)
	here, there := accountredis.NewRevoked(client, prefix, time.Minute), accountredis.NewRevoked(client, prefix, time.Minute)
	before := time.Now().Truncate(time.Second)
	if err := here.Revoke(ctx, "acc-1"); err != nil {
		t.Fatal(err)
	}
	if err := here.Look(ctx); err != nil {
		t.Fatal(err)
	}
	if !has(here, "acc-1", before) {
		t.Error("the process that revoked takes the token")
	}
	if has(there, "acc-1", before) {
		t.Error("another process knows without having looked: this test shows nothing")
	}
	if err := there.Look(ctx); err != nil || !has(there, "acc-1", before) {
		t.Errorf("another process takes the token after it looked (%v)", err)
	}
	if has(here, "acc-2", before) || has(here, "acc-1", time.Now().Add(time.Second)) {
		t.Error("another account's token, or a later one, is refused")
	}
}

// A Redis that comes back empty gives no token back.
func TestRevokedTokensOutliveALossOfRedis(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	client, prefix := backendtest.Redis(t)
	r := accountredis.NewRevoked(client, prefix, time.Minute)
	issued := time.Now().Truncate(time.Second)
	if err := r.Revoke(ctx, "acc-1"); err != nil {
		t.Fatal(err)
	}
	if err := client.Del(ctx, prefix+"revoked").Err(); err != nil {
		t.Fatal(err)
	}
	if err := r.Look(ctx); err != nil || !has(r, "acc-1", issued) {
		t.Errorf("the copy forgot with Redis (%v)", err)
	}
	later := accountredis.NewRevoked(client, prefix, time.Minute)
	if err := later.Look(ctx); err != nil || !has(later, "acc-1", issued) {
		t.Errorf("a process that starts now takes the token (%v)", err)
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if err := r.Revoke(gone, "acc-2"); err == nil {
		t.Error("revoking without Redis says it worked")
	}
}

// Of two processes that give back what Redis has lost, the one that knows of the later
// revocation is right, whichever comes first.
func TestALaterRevocationIsNotTurnedBack(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	client, prefix := backendtest.Redis(t)
	early, late := accountredis.NewRevoked(client, prefix, time.Minute), accountredis.NewRevoked(client, prefix, time.Minute)
	if err := early.Revoke(ctx, "acc-1"); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1100 * time.Millisecond) // tokens say when they were issued in whole seconds
	between := time.Now().Truncate(time.Second)
	if err := late.Revoke(ctx, "acc-1"); err != nil {
		t.Fatal(err)
	}
	if err := client.Del(ctx, prefix+"revoked").Err(); err != nil {
		t.Fatal(err)
	}
	for _, r := range []*accountredis.Revoked{early, late, early} {
		if err := r.Look(ctx); err != nil {
			t.Fatal(err)
		}
	}
	for name, r := range map[string]*accountredis.Revoked{"who knew the earlier": early, "who knew the later": late} {
		if !has(r, "acc-1", between) {
			t.Errorf("%s takes a token from between the two", name)
		}
	}
}

// What has to be done about a deleted account is done until nobody takes its tokens any
// more: again after an error, and by a process that starts later.
func TestRevokedAccountsAreFollowed(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	client, prefix := backendtest.Redis(t)
	if err := accountredis.NewRevoked(client, prefix, time.Minute).Gone(ctx, "acc-1"); err != nil {
		t.Fatal(err)
	}
	if err := accountredis.NewRevoked(client, prefix, time.Minute).Revoke(ctx, "acc-stays"); err != nil { // its erasure failed
		t.Fatal(err)
	}
	later := accountredis.NewRevoked(client, prefix, time.Minute)
	changed := later.Changed()
	acted := make(chan string)
	failures := 2
	go func() { _ = later.Run(ctx) }()
	go func() {
		_ = later.Follow(ctx, func(ctx context.Context, account string) error {
			select {
			case acted <- account:
			case <-ctx.Done():
			}
			if failures--; failures >= 0 {
				return context.DeadlineExceeded
			}
			return nil
		})
	}()
	<-changed
	for range 4 { // two failures, and what a request did in the last moment
		if account := <-acted; account != "acc-1" {
			t.Errorf("acted on %q", account)
		}
	}
	stays, known := later.IsGone("acc-stays")
	gone, _ := later.IsGone("acc-1")
	issued := time.Now().Add(-time.Minute)
	if stays || !known || !gone || !has(later, "acc-stays", issued) || !has(later, "acc-1", issued) {
		t.Error("deleted are not those that were said to be gone, or a token of either is taken")
	}
}
