package accountpg_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/account"
	"github.com/fairgate/fairgate/shared/account/accountpg"
	"github.com/fairgate/fairgate/shared/account/accountredis"
	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/platform/backendtest"
	"github.com/fairgate/fairgate/shared/platform/backendtest/pgtest"
	"github.com/fairgate/fairgate/shared/platform/password"
)

// Behind a carrier's address are thousands: one who tries one e-mail again and again, and
// is refused for that, must not use up what all of them have together.
func TestRefusedTriesDoNotCountAgainstTheNetwork(t *testing.T) {
	t.Parallel()
	client, prefix := backendtest.Redis(t)
	s := account.New(accountpg.New(pgtest.Pool(t)), password.NewHasher(), accountredis.New(client, prefix), accountredis.NewRevoked(client, prefix, account.AccessLifetime),
		account.Settings{FailedLogins: 2, FailedByAccount: 40, FailedByAddress: 5, SignUps: 600, RefreshLifetime: time.Hour, EmailKey: []byte("of a test")})
	signUp(t, s, "fan@b.test")
	from := account.From{Network: "10.0.0.1"}
	var tried int
	for range 30 {
		_, _, err := s.LogIn(context.Background(), "nobody@b.test", "wrong-Pass1", from)
		if errors.Is(err, account.ErrInvalidCredentials) {
			tried++
		} else if !errors.Is(err, errs.ErrRateLimited) {
			t.Fatal(err)
		}
	}
	if tried != 2 {
		t.Errorf("%d guesses were tried, want 2", tried)
	}
	if _, _, err := s.LogIn(context.Background(), "fan@b.test", goodPassword, from); err != nil {
		t.Errorf("another fan of the network: %v", err)
	}
}
