package accountpg_test

import (
	"context"
	"errors"
	"testing"

	"golang.org/x/text/unicode/norm"

	"github.com/fairgate/fairgate/shared/account"
	"github.com/fairgate/fairgate/shared/account/accountpg"
	"github.com/fairgate/fairgate/shared/ident"
	"github.com/fairgate/fairgate/shared/platform/password"
)

const koreanPassword = "파란밤-1234567"

func from() account.From { return account.From{Network: "127.0.0.1"} }

func TestTwoAccountsDoNotLookAlike(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	ctx := context.Background()
	made, err := s.SignUp(ctx, account.NewAccount{Email: " Fan@한국.TEST ", Password: goodPassword, Name: norm.NFD.String(" 김\u3000 하늘 ")}, "127.0.0.1")
	if err != nil || made.Email != "fan@xn--3e0b707e.test" || made.Name != "김 하늘" {
		t.Fatalf("%q %q, %v", made.Email, made.Name, err)
	}
	for _, email := range []string{"fan@한국.test", norm.NFD.String("fan@한국.test"), "FAN@XN--3E0B707E.test", "fan@한국。test"} {
		if _, err := s.SignUp(ctx, account.NewAccount{Email: email, Password: goodPassword, Name: "a"}, "127.0.0.1"); !errors.Is(err, account.ErrEmailTaken) {
			t.Errorf("%q: %v, want it taken", email, err)
		}
		if got, _, err := s.LogIn(ctx, email, goodPassword, from()); err != nil || got.ID != made.ID {
			t.Errorf("log-in by %q: %v", email, err)
		}
	}
	name := norm.NFD.String("강\u2003가")
	if got, err := s.Change(ctx, made.ID, account.Changes{Name: &name}); err != nil || got.Name != "강 가" {
		t.Errorf("a change: %q, %v", got.Name, err)
	}
}

// TestAddressesFromBeforeStillWork looks at accounts that were stored before addresses
// had A-labels.
func TestAddressesFromBeforeStillWork(t *testing.T) {
	t.Parallel()
	s, pool := newService(t)
	ctx := context.Background()
	for _, email := range []string{"fan@한국.test", "팬@b.test"} {
		before := account.Account{ID: ident.New("acc"), Email: email, Name: "a", Role: account.Fan, Locale: "ko"}
		hash, err := password.NewHasher().Hash(goodPassword)
		if err != nil {
			t.Fatal(err)
		}
		if err := accountpg.New(pool).CreateMany(ctx, []account.Account{before}, hash, testMark); err != nil {
			t.Fatal(err)
		}
		if got, _, err := s.LogIn(ctx, email, goodPassword, from()); err != nil || got.ID != before.ID {
			t.Errorf("%s: %v", email, err)
		}
	}
	if _, err := s.SignUp(ctx, account.NewAccount{Email: "fan@xn--3e0b707e.test", Password: goodPassword, Name: "a"}, "127.0.0.1"); !errors.Is(err, account.ErrEmailTaken) {
		t.Errorf("the same address by its A-labels: %v", err)
	}
}

func TestAPasswordIsTheSameHoweverItIsComposed(t *testing.T) {
	t.Parallel()
	hasher := &countingHasher{Hasher: password.NewHasher()}
	s, pool := newServiceWith(t, hasher)
	ctx := context.Background()
	composed, decomposed := norm.NFC.String(koreanPassword), norm.NFD.String(koreanPassword)
	_, err := s.SignUp(ctx, account.NewAccount{Email: "new@b.test", Password: decomposed, Name: "a"}, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	for email, hashed := range map[string]string{"composed@b.test": composed, "decomposed@b.test": decomposed} {
		hash, err := hasher.Hash(hashed) // as before passwords were prepared
		if err != nil {
			t.Fatal(err)
		}
		before := account.Account{ID: ident.New("acc"), Email: email, Name: "a", Role: account.Fan, Locale: "ko"}
		if err := accountpg.New(pool).CreateMany(ctx, []account.Account{before}, hash, testMark); err != nil {
			t.Fatal(err)
		}
	}
	for _, email := range []string{"new@b.test", "composed@b.test", "decomposed@b.test"} {
		for _, typed := range []string{composed, decomposed} {
			if _, _, err := s.LogIn(ctx, email, typed, from()); err != nil {
				t.Errorf("%s by %+q: %v", email, typed, err)
			}
		}
	}
	for typed, want := range map[string]int64{"wrong-Pass1": 1, "틀린-12345": 2, norm.NFD.String("틀린-12345"): 2} {
		for _, email := range []string{"new@b.test", "decomposed@b.test", "nobody@b.test", "no address", "a\x00@b.test"} {
			hasher.verified.Store(0)
			_, _, err := s.LogIn(ctx, email, typed, from())
			if n := hasher.verified.Load(); n != want || !errors.Is(err, account.ErrInvalidCredentials) {
				t.Errorf("%q by %+q: %d passwords were verified, want %d; %v", email, typed, n, want, err)
			}
		}
	}
}
