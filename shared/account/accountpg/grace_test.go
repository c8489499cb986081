package accountpg_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairgate/fairgate/shared/account"
	"github.com/fairgate/fairgate/shared/errs"
)

// pass lets time go by for the refresh tokens.
func pass(t *testing.T, pool *pgxpool.Pool, d time.Duration) {
	t.Helper()
	if _, err := pool.Exec(context.Background(), `UPDATE refresh_token SET used_at = used_at - make_interval(secs => $1)`, d.Seconds()); err != nil {
		t.Fatal(err)
	}
}

func logIn(t *testing.T, s *account.Service, email string) string {
	t.Helper()
	_, token, err := s.LogIn(context.Background(), email, goodPassword, account.From{Network: "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func refresh(s *account.Service, token string) (string, error) {
	_, next, err := s.Refresh(context.Background(), token)
	return next, err
}

func mustRefresh(t *testing.T, s *account.Service, token string) string {
	t.Helper()
	next, err := refresh(s, token)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

func TestALostAnswerDoesNotLogOut(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	signUp(t, s, "a@b.test")
	token := logIn(t, s, "a@b.test")
	_ = mustRefresh(t, s, token) // its answer is lost
	again := mustRefresh(t, s, token)
	mustRefresh(t, s, again)
}

func TestTabsThatRefreshAtOnceStayLoggedIn(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	signUp(t, s, "a@b.test")
	token := logIn(t, s, "a@b.test")
	for range 3 { // each round, the browser keeps one of the answers
		answers := make(chan string, 16)
		var tabs sync.WaitGroup
		for range cap(answers) {
			tabs.Go(func() {
				next, err := refresh(s, token)
				if err != nil {
					t.Errorf("a tab was logged out: %v", err)
				}
				answers <- next
			})
		}
		tabs.Wait()
		token = <-answers
	}
	mustRefresh(t, s, token)
}

func TestAnOldTokenRevokesTheFamily(t *testing.T) {
	t.Parallel()
	for name, theft := range map[string]func(t *testing.T, s *account.Service, pool *pgxpool.Pool, first string) (live, stolen string){
		"after the grace": func(t *testing.T, s *account.Service, pool *pgxpool.Pool, first string) (string, string) {
			live := mustRefresh(t, s, first)
			pass(t, pool, 11*time.Second)
			return live, first
		},
		"two generations old": func(t *testing.T, s *account.Service, _ *pgxpool.Pool, first string) (string, string) {
			return mustRefresh(t, s, mustRefresh(t, s, first)), first
		},
		"the other of two successors": func(t *testing.T, s *account.Service, _ *pgxpool.Pool, first string) (string, string) {
			mine, other := mustRefresh(t, s, first), mustRefresh(t, s, first)
			return mustRefresh(t, s, mine), other
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, pool := newService(t)
			signUp(t, s, "a@b.test")
			live, stolen := theft(t, s, pool, logIn(t, s, "a@b.test"))
			for _, token := range []string{stolen, live} {
				if _, err := refresh(s, token); !errors.Is(err, account.ErrRefreshInvalid) {
					t.Errorf("got %v, want the family revoked", err)
				}
			}
		})
	}
}

func TestStrangersDoNotLockTheOwnerOut(t *testing.T) {
	t.Parallel()
	s, _ := newService(t) // 10 failures from a network, 40 in all
	signUp(t, s, "a@b.test")
	mine := logIn(t, s, "a@b.test")
	ctx := context.Background()
	guess := func(network, password string, refresh ...string) error {
		_, _, err := s.LogIn(ctx, "a@b.test", password, account.From{Network: network, Refresh: refresh})
		return err
	}
	for i := range 12 {
		if err := guess("10.0.0.1", "wrong-Pass1"); errors.Is(err, errs.ErrRateLimited) != (i >= 10) {
			t.Fatalf("guess %d: %v", i+1, err)
		}
	}
	if err := guess("10.0.0.2", goodPassword); err != nil {
		t.Errorf("the owner elsewhere is locked out: %v", err)
	}
	for i := range 30 { // a net of robots uses up what all networks may have together
		_ = guess(fmt.Sprintf("10.1.0.%d", i), "wrong-Pass1")
	}
	if err := guess("10.0.0.2", goodPassword); errs.From(err).Extra["limit"] != account.LimitLogInAccount {
		t.Errorf("all together are not limited: %v", err)
	}
	for range 12 { // what is refused for others' tries is none of the owner's own
		if err := guess("10.0.0.2", goodPassword); errs.From(err).Extra["limit"] != account.LimitLogInAccount {
			t.Fatalf("the owner, again: %v", err)
		}
	}
	if err := guess("10.0.0.2", goodPassword, "of another program", mine); err != nil {
		t.Errorf("a browser that is logged in is locked out: %v", err)
	}
	other := "b@b.test"
	signUp(t, s, other)
	if err := guess("10.0.0.2", goodPassword, logIn(t, s, other), "of another program"); !errors.Is(err, errs.ErrRateLimited) {
		t.Errorf("somebody else's log-in passes: %v", err)
	}
}
