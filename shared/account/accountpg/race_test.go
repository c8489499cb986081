package accountpg_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairgate/fairgate/shared/account"
)

// Each race has a twin in which one guard is removed in the test's own database, by a
// trigger; the twin must see the breach.

// trigger makes every row written to table pass through body first.
func trigger(t *testing.T, pool *pgxpool.Pool, table, when, body string) {
	t.Helper()
	for _, q := range []string{
		fmt.Sprintf(`CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN %s RETURN NEW; END $$`, body),
		fmt.Sprintf(`CREATE TRIGGER broken BEFORE %s ON %s FOR EACH ROW EXECUTE FUNCTION broken()`, when, table),
	} {
		if _, err := pool.Exec(context.Background(), q); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNoSignUpSlipsThroughAnErasure(t *testing.T) {
	t.Parallel()
	s, _ := newServiceWith(t, plainHasher{})
	if n := slipThrough(t, s); n != 0 {
		t.Errorf("%d signed up with an address that was being erased", n)
	}
}

func TestNoSignUpSlipsThroughAnErasureTwin(t *testing.T) {
	t.Parallel()
	s, pool := newServiceWith(t, plainHasher{})
	trigger(t, pool, "erased_email", "INSERT", `RETURN NULL;`) // no mark stays
	if n := slipThrough(t, s); n == 0 {
		t.Error("nobody signed up without the mark: the race is not seen")
	}
}

// slipThrough signs up all the time while accounts are erased, each time with the address
// that goes, and returns how often that went through.
func slipThrough(t *testing.T, s *account.Service) int {
	t.Helper()
	ctx := context.Background()
	var slipped atomic.Int64
	for i := range 10 {
		email := fmt.Sprintf("a%d@b.test", i)
		a := signUp(t, s, email)
		var erased atomic.Bool
		var fans sync.WaitGroup
		for range 4 {
			fans.Go(func() {
				for again := true; again; {
					again = !erased.Load() // once more behind its end
					_, err := s.SignUp(ctx, account.NewAccount{Email: email, Password: goodPassword, Name: "a"}, "127.0.0.1")
					if err == nil {
						slipped.Add(1)
					} else if !errors.Is(err, account.ErrEmailTaken) {
						t.Errorf("a sign-up beside the erasure: %v", err)
					}
				}
			})
		}
		if err := s.Delete(ctx, a.ID, goodPassword, from()); err != nil {
			t.Error(err)
		}
		erased.Store(true)
		fans.Wait()
	}
	return int(slipped.Load())
}

// Of the successors of one token, which its owner and a thief may have, only one lives on,
// however closely they are used together; and the theft is found out.
func TestOfTheSuccessorsOfATokenOneLivesOn(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	signUp(t, s, "a@b.test")
	for range 5 {
		next := exchangeAll(t, s, successors(t, s, "a@b.test"))
		if len(next) != 1 {
			t.Fatalf("%d successors live on, want 1", len(next))
		}
		if _, err := refresh(s, next[0]); !errors.Is(err, account.ErrRefreshInvalid) {
			t.Errorf("the family lives on though its tokens had several users: %v", err)
		}
	}
}

func TestOfTheSuccessorsOfATokenOneLivesOnTwin(t *testing.T) {
	t.Parallel()
	s, pool := newService(t)
	signUp(t, s, "a@b.test")
	trigger(t, pool, "refresh_token", "UPDATE", `IF NEW.used_at = '-infinity' THEN RETURN NULL; END IF;`) // none is spent with another
	if next := exchangeAll(t, s, successors(t, s, "a@b.test")); len(next) < 2 {
		t.Errorf("%d successors live on without the guard: the race is not seen", len(next))
	}
}

// successors returns what one token was exchanged for by those who showed it at once.
func successors(t *testing.T, s *account.Service, email string) []string {
	t.Helper()
	first := logIn(t, s, email)
	tokens := make([]string, 8)
	for i := range tokens {
		tokens[i] = first
	}
	next := exchangeAll(t, s, tokens)
	if len(next) != len(tokens) {
		t.Fatalf("%d of %d who showed one token at once got the next: this test shows nothing", len(next), len(tokens))
	}
	return next
}

// exchangeAll shows all tokens at once and returns what they were exchanged for.
func exchangeAll(t *testing.T, s *account.Service, tokens []string) []string {
	t.Helper()
	var mu sync.Mutex
	var next []string
	var all sync.WaitGroup
	for _, token := range tokens {
		all.Go(func() {
			fresh, err := refresh(s, token)
			if err != nil {
				if !errors.Is(err, account.ErrRefreshInvalid) {
					t.Error(err)
				}
				return
			}
			mu.Lock()
			defer mu.Unlock()
			next = append(next, fresh)
		})
	}
	all.Wait()
	return next
}
