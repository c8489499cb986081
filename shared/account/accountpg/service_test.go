package accountpg_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairgate/fairgate/shared/account"
	"github.com/fairgate/fairgate/shared/account/accountpg"
	"github.com/fairgate/fairgate/shared/account/accountredis"
	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/platform/backendtest"
	"github.com/fairgate/fairgate/shared/platform/backendtest/pgtest"
	"github.com/fairgate/fairgate/shared/platform/password"
	"github.com/fairgate/fairgate/shared/platform/redisx"
)

const goodPassword = "Secret-12345"

func testMark(email string) account.EmailMark { return account.MarkOf([]byte("of a test"), email) }

func newService(t *testing.T) (*account.Service, *pgxpool.Pool) {
	t.Helper()
	return newServiceWith(t, password.NewHasher())
}

func newServiceWith(t *testing.T, hasher account.Hasher) (*account.Service, *pgxpool.Pool) {
	t.Helper()
	pool := pgtest.Pool(t)
	client, prefix := backendtest.Redis(t)
	return account.New(accountpg.New(pool), hasher, accountredis.New(client, prefix), accountredis.NewRevoked(client, prefix, account.AccessLifetime),
		account.Settings{FailedLogins: 10, FailedByAccount: 40, FailedByAddress: 600, SignUps: 1_000_000, RefreshLifetime: time.Hour, EmailKey: []byte("of a test")}), pool
}

func signUp(t *testing.T, s *account.Service, email string) account.Account {
	t.Helper()
	a, err := s.SignUp(context.Background(), account.NewAccount{Email: email, Password: goodPassword, Name: "하늘"}, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestSignUpRules(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	ctx := context.Background()
	signUp(t, s, "Taken@Example.test")
	for name, c := range map[string]struct {
		n    account.NewAccount
		want error
	}{
		"taken, in other letters": {account.NewAccount{Email: "taken@EXAMPLE.test", Password: goodPassword, Name: "a"}, account.ErrEmailTaken},
		"no e-mail":               {account.NewAccount{Email: "nobody", Password: goodPassword, Name: "a"}, errs.ErrValidationFailed},
		"e-mail with a name":      {account.NewAccount{Email: "A <a@b.test>", Password: goodPassword, Name: "a"}, errs.ErrValidationFailed},
		"7 characters":            {account.NewAccount{Email: "a@b.test", Password: "Aa1-aaa", Name: "a"}, errs.ErrValidationFailed},
		"8 characters":            {account.NewAccount{Email: "a8@b.test", Password: "Aa1-aaaa", Name: "a"}, nil},
		"72 characters":           {account.NewAccount{Email: "a72@b.test", Password: "1-" + strings.Repeat("가", 70), Name: "a"}, nil},
		"73 characters":           {account.NewAccount{Email: "a@b.test", Password: "1-" + strings.Repeat("a", 71), Name: "a"}, errs.ErrValidationFailed},
		"no digit":                {account.NewAccount{Email: "a@b.test", Password: "Secret-secret", Name: "a"}, errs.ErrValidationFailed},
		"no letter":               {account.NewAccount{Email: "a@b.test", Password: "12345-12345", Name: "a"}, errs.ErrValidationFailed},
		"no symbol":               {account.NewAccount{Email: "a@b.test", Password: "Secret12345", Name: "a"}, errs.ErrValidationFailed},
		"no name":                 {account.NewAccount{Email: "a@b.test", Password: goodPassword, Name: "  "}, errs.ErrValidationFailed},
		"zero width in the name":  {account.NewAccount{Email: "a@b.test", Password: goodPassword, Name: "a\u200bb"}, errs.ErrValidationFailed},
		"name of a filler":        {account.NewAccount{Email: "a@b.test", Password: goodPassword, Name: "\u3164"}, errs.ErrValidationFailed},
		"NUL in the e-mail":       {account.NewAccount{Email: "a\x00@b.test", Password: goodPassword, Name: "a"}, errs.ErrValidationFailed},
		"local part of 65 bytes":  {account.NewAccount{Email: strings.Repeat("a", 65) + "@b.test", Password: goodPassword, Name: "a"}, errs.ErrValidationFailed},
		"control in the password": {account.NewAccount{Email: "a@b.test", Password: goodPassword + "\x00", Name: "a"}, errs.ErrValidationFailed},
		"strange language":        {account.NewAccount{Email: "a@b.test", Password: goodPassword, Name: "a", Locale: "xx"}, errs.ErrValidationFailed},
	} {
		a, err := s.SignUp(ctx, c.n, "127.0.0.1")
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if err == nil && a.Role != account.Fan {
			t.Errorf("%s: role %s", name, a.Role)
		}
	}
}

func TestOneEmailHasOneAccountHoweverManySignUpAtOnce(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	var wg sync.WaitGroup
	results := make(chan error, 16)
	for range cap(results) {
		wg.Go(func() {
			_, err := s.SignUp(context.Background(), account.NewAccount{Email: "race@b.test", Password: goodPassword, Name: "a"}, "127.0.0.1")
			results <- err
		})
	}
	wg.Wait()
	close(results)
	made := 0
	for err := range results {
		if err == nil {
			made++
		} else if !errors.Is(err, account.ErrEmailTaken) {
			t.Error(err)
		}
	}
	if made != 1 {
		t.Errorf("%d accounts", made)
	}
}

func TestLogInDoesNotTellWhetherTheEmailExists(t *testing.T) {
	t.Parallel()
	hasher := &countingHasher{Hasher: password.NewHasher()}
	s, _ := newServiceWith(t, hasher)
	ctx := context.Background()
	a := signUp(t, s, "a@b.test")
	got, token, err := s.LogIn(ctx, "A@b.test", goodPassword, account.From{Network: "127.0.0.1"})
	if err != nil || got.ID != a.ID || token == "" {
		t.Fatalf("%+v, %q, %v", got, token, err)
	}
	hasher.verified.Store(0)
	var answers []string
	for _, email := range []string{"a@b.test", "nobody@b.test"} {
		_, _, err := s.LogIn(ctx, email, "wrong-Pass1", account.From{Network: "127.0.0.1"})
		answers = append(answers, fmt.Sprint(err))
		if n := hasher.verified.Swap(0); n != 1 {
			t.Errorf("%s: %d passwords were verified, which takes nearly all the time; want 1", email, n)
		}
	}
	if answers[0] != answers[1] || !strings.Contains(answers[0], account.ErrInvalidCredentials.Code) {
		t.Errorf("answers differ: %q", answers)
	}
}

// countingHasher counts what takes the time of a log-in; that one verification costs
// the same for any hash is a test of package password.
type countingHasher struct {
	*password.Hasher
	verified atomic.Int64
}

func (h *countingHasher) Verify(hash, text string) bool {
	h.verified.Add(1)
	return h.Hasher.Verify(hash, text)
}

func TestFailedLogInsAreLimitedEvenInParallel(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	signUp(t, s, "a@b.test")
	for range 12 { // successes do not count
		if _, _, err := s.LogIn(context.Background(), "a@b.test", goodPassword, account.From{Network: "127.0.0.1"}); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	results := make(chan error, 30)
	for range cap(results) {
		wg.Go(func() {
			_, _, err := s.LogIn(context.Background(), "a@b.test", "wrong-Pass1", account.From{Network: "127.0.0.1"})
			results <- err
		})
	}
	wg.Wait()
	close(results)
	wrong, limited := 0, 0
	for err := range results {
		switch {
		case errors.Is(err, account.ErrInvalidCredentials):
			wrong++
		case errors.Is(err, errs.ErrRateLimited) && errs.From(err).RetryAfter > 0:
			limited++
		default:
			t.Errorf("unexpected: %v", err)
		}
	}
	if wrong != 10 || limited != 20 {
		t.Errorf("%d tried, %d limited; want 10, 20", wrong, limited)
	}
	if _, _, err := s.LogIn(context.Background(), "a@b.test", goodPassword, account.From{Network: "127.0.0.1"}); !errors.Is(err, errs.ErrRateLimited) {
		t.Errorf("the right password after the limit: %v", err)
	}
}

func TestSignUpsAreLimitedByAddress(t *testing.T) {
	t.Parallel()
	client, prefix := backendtest.Redis(t)
	s := account.New(accountpg.New(pgtest.Pool(t)), password.NewHasher(), accountredis.New(client, prefix), accountredis.NewRevoked(client, prefix, account.AccessLifetime),
		account.Settings{FailedLogins: 10, FailedByAccount: 40, FailedByAddress: 3, SignUps: 2, RefreshLifetime: time.Hour, EmailKey: []byte("of a test")})
	for i, address := range []string{"10.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.1"} {
		n := account.NewAccount{Email: fmt.Sprintf("a%d@b.test", i), Password: goodPassword, Name: "a"}
		if _, err := s.SignUp(context.Background(), n, address); errors.Is(err, errs.ErrRateLimited) != (i == 3) {
			t.Errorf("sign-up %d: %v", i, err)
		}
	}
}

// TestALogInDoesNotWaitForARedisThatHangs: the gateway would give up before it.
func TestALogInDoesNotWaitForARedisThatHangs(t *testing.T) {
	t.Parallel()
	proxy := backendtest.NewProxy(t, backendtest.RedisAddr(t))
	client, err := redisx.Open(redisx.Settings{Addrs: []string{proxy.Addr}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	s := account.New(accountpg.New(pgtest.Pool(t)), password.NewHasher(), accountredis.New(client, "hangs:"), accountredis.NewRevoked(client, "hangs:", account.AccessLifetime),
		account.Settings{FailedLogins: 10, FailedByAccount: 40, FailedByAddress: 600, SignUps: 600, RefreshLifetime: time.Hour, EmailKey: []byte("of a test")})
	signUp(t, s, "a@b.test")
	proxy.Freeze(true)
	ctx, cancel := context.WithTimeout(context.Background(), 6*time.Second) // a client without a deadline waits 4 s, each time
	defer cancel()
	if _, _, err := s.LogIn(ctx, "a@b.test", goodPassword, account.From{Network: "127.0.0.1"}); err != nil {
		t.Errorf("the log-in: %v", err)
	}
}

func TestFailedLogInsAreLimitedByAddress(t *testing.T) {
	t.Parallel()
	client, prefix := backendtest.Redis(t)
	s := account.New(accountpg.New(pgtest.Pool(t)), password.NewHasher(), accountredis.New(client, prefix), accountredis.NewRevoked(client, prefix, account.AccessLifetime),
		account.Settings{FailedLogins: 10, FailedByAccount: 40, FailedByAddress: 3, SignUps: 600, RefreshLifetime: time.Hour, EmailKey: []byte("of a test")})
	signUp(t, s, "a@b.test")
	logIn := func(email, password, address string) error {
		_, _, err := s.LogIn(context.Background(), email, password, account.From{Network: address})
		return err
	}
	for range 5 { // successes do not count
		if err := logIn("a@b.test", goodPassword, "10.0.0.1"); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 { // each at another account
		if err := logIn(fmt.Sprintf("b%d@b.test", i), goodPassword, "10.0.0.1"); !errors.Is(err, account.ErrInvalidCredentials) {
			t.Errorf("guess %d: %v", i, err)
		}
	}
	if err := logIn("a@b.test", goodPassword, "10.0.0.1"); !errors.Is(err, errs.ErrRateLimited) || errs.From(err).Extra["limit"] != account.LimitLogInAddress {
		t.Errorf("after the last guess: %v", err)
	}
	if err := logIn("a@b.test", goodPassword, "10.0.0.2"); err != nil {
		t.Errorf("from another address: %v", err)
	}
}

func TestRefreshRotatesAndReuseRevokesTheFamily(t *testing.T) {
	t.Parallel()
	s, pool := newService(t)
	ctx := context.Background()
	a := signUp(t, s, "a@b.test")
	_, first, err := s.LogIn(ctx, "a@b.test", goodPassword, account.From{Network: "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	got, second, err := s.Refresh(ctx, first)
	if err != nil || got.ID != a.ID || second == first {
		t.Fatalf("%+v, %v", got, err)
	}
	pass(t, pool, 11*time.Second) // more than the grace
	if _, _, err := s.Refresh(ctx, first); !errors.Is(err, account.ErrRefreshInvalid) {
		t.Errorf("reuse: %v", err)
	}
	if _, _, err := s.Refresh(ctx, second); !errors.Is(err, account.ErrRefreshInvalid) {
		t.Errorf("the family lives on after a reuse: %v", err)
	}
	_, fresh, err := s.LogIn(ctx, "a@b.test", goodPassword, account.From{Network: "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Refresh(ctx, fresh); err != nil {
		t.Errorf("a new log-in: %v", err)
	}
}

func TestLogOutDeletionAndExpiryEndRefreshing(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(s *account.Service, pool *pgxpool.Pool, id, token string) error{
		"log-out": func(s *account.Service, _ *pgxpool.Pool, _, token string) error {
			return s.LogOut(context.Background(), token)
		},
		"deletion": func(s *account.Service, _ *pgxpool.Pool, id, _ string) error {
			return s.Delete(context.Background(), id, goodPassword, account.From{Network: "127.0.0.1"})
		},
		"expiry": func(_ *account.Service, pool *pgxpool.Pool, _, _ string) error {
			_, err := pool.Exec(context.Background(), `UPDATE refresh_token SET expires_at = now()`)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, pool := newService(t)
			a := signUp(t, s, "a@b.test")
			_, token, err := s.LogIn(context.Background(), "a@b.test", goodPassword, account.From{Network: "127.0.0.1"})
			if err != nil {
				t.Fatal(err)
			}
			if err := end(s, pool, a.ID, token); err != nil {
				t.Fatal(err)
			}
			if _, _, err := s.Refresh(context.Background(), token); !errors.Is(err, account.ErrRefreshInvalid) {
				t.Errorf("refresh: %v", err)
			}
		})
	}
}

func TestDeletedAccountIsAnonymousAndItsEmailIsNotUsedAgain(t *testing.T) {
	t.Parallel()
	s, pool := newService(t)
	ctx := context.Background()
	a := signUp(t, s, "a@b.test")
	logIn(t, s, "a@b.test")
	if err := s.Delete(ctx, a.ID, "wrong-Pass1", account.From{Network: "127.0.0.1"}); !errors.Is(err, account.ErrWrongPassword) {
		t.Fatalf("with a wrong password: %v", err)
	}
	if err := s.Delete(ctx, a.ID, goodPassword, account.From{Network: "127.0.0.1"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(ctx, a.ID); !errors.Is(err, account.ErrNotFound) {
		t.Errorf("still there: %v", err)
	}
	var left, logins, told int
	const q = `SELECT (SELECT count(*) FROM account WHERE id = $1 AND email IS NULL AND password_hash IS NULL AND name = ''),
		(SELECT count(*) FROM login WHERE account_id = $1), (SELECT count(*) FROM outbox WHERE type = 'account.deleted' AND payload::text LIKE '%' || $1 || '%')`
	if err := pool.QueryRow(ctx, q, a.ID).Scan(&left, &logins, &told); err != nil || left != 1 || logins != 0 || told != 1 {
		t.Errorf("%d anonymous rows, %d log-ins, %d events, %v; want 1, 0, 1", left, logins, told, err)
	}
	signUp(t, s, "other@b.test")
	_, taken := s.SignUp(ctx, account.NewAccount{Email: "other@b.test", Password: goodPassword, Name: "a"}, "127.0.0.1")
	for _, email := range []string{"a@b.test", " A@B.Test "} {
		_, err := s.SignUp(ctx, account.NewAccount{Email: email, Password: goodPassword, Name: "a"}, "127.0.0.1")
		if !errors.Is(err, account.ErrEmailTaken) || err.Error() != taken.Error() {
			t.Errorf("%q again: %v, want the same as for an address in use, %v", email, err, taken)
		}
	}
	if _, _, err := s.LogIn(ctx, "a@b.test", goodPassword, account.From{Network: "127.0.0.1"}); !errors.Is(err, account.ErrInvalidCredentials) {
		t.Errorf("log-in after all: %v", err)
	}
}

// plainHasher takes no time.
type plainHasher struct{}

func (plainHasher) Hash(password string) (string, error) { return password, nil }
func (plainHasher) Verify(hash, password string) bool    { return hash == password }

func TestSeedIsIdempotent(t *testing.T) {
	t.Parallel()
	s, pool := newService(t)
	ctx, hasher := context.Background(), password.NewHasher()
	for i, want := range []int{3, 0} {
		if n, err := accountpg.Seed(ctx, pool, hasher.Hash, testMark); n != want || err != nil {
			t.Errorf("seeding %d: %d, %v", i+1, n, err)
		}
	}
	// One that a developer has erased is there again, and can be erased again.
	for range 2 {
		_, _, err := s.LogIn(ctx, "fan@fairgate.test", accountpg.DevelopmentPassword, from())
		if err != nil {
			t.Fatal(err)
		}
		fan, _, err := accountpg.New(pool).ByEmail(ctx, "fan@fairgate.test")
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Delete(ctx, fan.ID, accountpg.DevelopmentPassword, from()); err != nil {
			t.Fatal(err)
		}
		if n, err := accountpg.Seed(ctx, pool, hasher.Hash, testMark); n != 1 || err != nil {
			t.Errorf("seeding after an erasure: %d, %v", n, err)
		}
		var marks int
		if err := pool.QueryRow(ctx, `SELECT count(*) FROM erased_email`).Scan(&marks); err != nil || marks != 0 {
			t.Errorf("%d addresses are in use and said to be erased, %v", marks, err)
		}
	}
	a, _, err := s.LogIn(ctx, "admin@fairgate.test", accountpg.DevelopmentPassword, account.From{Network: "127.0.0.1"})
	if err != nil || a.Role != account.Admin {
		t.Errorf("%+v, %v", a, err)
	}
}
