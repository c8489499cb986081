package jwks

import (
	"context"
	"crypto/ed25519"
	"errors"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// asked counts how often a source is asked, and can be emptied.
type asked struct {
	set   atomic.Pointer[Set]
	count atomic.Int64
}

func (a *asked) Key(ctx context.Context, kid string) (ed25519.PublicKey, error) {
	a.count.Add(1)
	return a.set.Load().Key(ctx, kid)
}

func keysOf(s *Signer) *asked {
	a := &asked{}
	set := s.Public()
	a.set.Store(&set)
	return a
}

func TestAVerifierRemembersWhatIsGoodAndNothingElse(t *testing.T) {
	t.Parallel()
	ctx, ours := context.Background(), signer(t, 1)
	v := NewVerifier[jwt.RegisteredClaims](keysOf(ours), rules)
	good := sign(t, ours, "at+jwt", claims(nil))
	for range 2 {
		if who, err := v.Verify(ctx, good); err != nil || who.Subject != "acc-1" {
			t.Fatalf("%+v, %v", who, err)
		}
	}
	for _, bad := range []string{"", good + "x", sign(t, ours, "entry+jwt", claims(nil)), sign(t, signer(t, 2), "at+jwt", claims(nil))} {
		for range 2 {
			if _, err := v.Verify(ctx, bad); !errors.Is(err, ErrInvalidToken) {
				t.Errorf("%q: %v", bad, err)
			}
		}
	}
	if len(v.known) != 1 {
		t.Errorf("%d tokens are remembered", len(v.known))
	}
}

func TestARememberedTokenDiesWithItsTimeAndWithItsKey(t *testing.T) {
	t.Parallel()
	ctx, ours := context.Background(), signer(t, 1)
	now := time.Now()
	at := rules
	at.Now = func() time.Time { return now }
	keys := keysOf(ours)
	v := NewVerifier[jwt.RegisteredClaims](keys, at)
	token := sign(t, ours, "at+jwt", claims(nil))
	verify := func() error { _, err := v.Verify(ctx, token); return err }
	if err := verify(); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Hour)
	if err := verify(); !errors.Is(err, ErrInvalidToken) {
		t.Errorf("after its time: %v", err)
	}
	now = now.Add(-time.Hour)
	if err := verify(); err != nil {
		t.Fatal(err)
	}
	keys.set.Store(&Set{})
	if err := verify(); !errors.Is(err, ErrInvalidToken) {
		t.Errorf("without its key: %v", err)
	}
}

func TestAVerifierDoesNotRememberWithoutEnd(t *testing.T) {
	t.Parallel()
	ctx, ours := context.Background(), signer(t, 1)
	v := NewVerifier[jwt.RegisteredClaims](keysOf(ours), rules)
	if _, err := v.Verify(ctx, sign(t, ours, "at+jwt", claims(nil))); err != nil {
		t.Fatal(err)
	}
	for i := range maxKnown {
		v.remember(strconv.Itoa(i), verified[jwt.RegisteredClaims]{})
	}
	if n := len(v.known); n == 0 || n > maxKnown {
		t.Errorf("%d tokens are remembered", n)
	}
}
