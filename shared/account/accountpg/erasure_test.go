package accountpg_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/account"
	"github.com/fairgate/fairgate/shared/account/accountpg"
)

// TestNoLogInOfADeletedAccountStarts: the password was checked before the account went.
func TestNoLogInOfADeletedAccountStarts(t *testing.T) {
	t.Parallel()
	s, pool := newServiceWith(t, plainHasher{})
	ctx := context.Background()
	a := signUp(t, s, "a@b.test")
	if err := s.Delete(ctx, a.ID, goodPassword, account.From{Network: "127.0.0.1"}); err != nil {
		t.Fatal(err)
	}
	err := accountpg.New(pool).StartLogin(ctx, a.ID, account.Digest{1}, time.Hour)
	if !errors.Is(err, account.ErrInvalidCredentials) {
		t.Errorf("a log-in of an account that is gone: %v", err)
	}
	var logins int
	if err := pool.QueryRow(ctx, `SELECT count(*) FROM login`).Scan(&logins); err != nil || logins != 0 {
		t.Errorf("%d log-ins, %v", logins, err)
	}
}
