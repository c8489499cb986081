package accountredis_test

import (
	"context"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/account/accountredis"
	"github.com/fairgate/fairgate/shared/platform/backendtest"
)

func TestRevokedTokensAreKnownEverywhere(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	client, prefix := backendtest.Redis(t)
	here, there := accountredis.NewRevoked(client, prefix, time.Minute), accountredis.NewRevoked(client, prefix, time.Minute)
	before := time.Now().Truncate(time.Second)
	if err := here.Revoke(ctx, "acc-1"); err != nil {
		t.Fatal(err)
	}
	if !here.Has("acc-1", before) {
		t.Error("the process that revoked takes the token")
	}
	if there.Has("acc-1", before) {
		t.Error("another process knows without having looked: this test shows nothing")
	}
	if err := there.Look(ctx); err != nil || !there.Has("acc-1", before) {
		t.Errorf("another process takes the token after it looked (%v)", err)
	}
	if here.Has("acc-2", before) || here.Has("acc-1", time.Now().Add(time.Second)) {
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
	if err := r.Look(ctx); err != nil || !r.Has("acc-1", issued) {
		t.Errorf("the copy forgot with Redis (%v)", err)
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if err := r.Revoke(gone, "acc-2"); err == nil {
		t.Error("revoking without Redis says it worked")
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
	if later.IsGone("acc-stays") || !later.IsGone("acc-1") || !later.Has("acc-stays", time.Now().Add(-time.Minute)) || !later.Has("acc-1", time.Now().Add(-time.Minute)) {
		t.Error("deleted are not those that were said to be gone, or a token of either is taken")
	}
}
