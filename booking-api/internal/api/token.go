package api

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/fairgate/fairgate/shared/account"
	"github.com/fairgate/fairgate/shared/clock"
	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/ident"
	"github.com/fairgate/fairgate/shared/platform/jwks"
)

// An access token says who somebody is, to every service, for a quarter of an
// hour. It cannot be revoked: a deleted account's works until it expires, but
// finds nothing that was the account's.
const (
	accessType     = "at+jwt"
	accessParty    = "fairgate" // issuer and audience
	accessLifetime = 15 * time.Minute
)

// Caller is whom an access token names.
type Caller struct {
	ID   string
	Role account.Role
	Name string
}

type accessClaims struct {
	jwt.RegisteredClaims
	Role account.Role `json:"role"`
	Name string       `json:"name"`
}

// tokens mints access tokens and remembers the ones it has verified, because a
// signature costs more than the rest of a hold.
type tokens struct {
	signer *jwks.Signer
	clock  clock.Clock

	mu    sync.RWMutex
	known map[string]verified
}

type verified struct {
	caller Caller
	until  time.Time
}

const maxKnownTokens = 50_000 // some 30 MB; then it starts afresh

func newTokens(signer *jwks.Signer, c clock.Clock) *tokens {
	return &tokens{signer: signer, clock: c, known: map[string]verified{}}
}

func (t *tokens) mint(a account.Account) (string, error) {
	now := t.clock.Now()
	return t.signer.Sign(accessClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			ID: ident.New("at"), Issuer: accessParty, Audience: jwt.ClaimStrings{accessParty}, Subject: a.ID,
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(accessLifetime)),
		},
		Role: a.Role, Name: a.Name,
	}, accessType)
}

// verify returns whom token names; errs.ErrUnauthenticated for anything that is
// not one of our valid access tokens.
func (t *tokens) verify(ctx context.Context, token string) (Caller, error) {
	t.mu.RLock()
	v, ok := t.known[token]
	t.mu.RUnlock()
	if ok && t.clock.Now().Before(v.until) {
		return v.caller, nil
	}
	var claims accessClaims
	rules := jwks.Rules{Typ: accessType, Issuer: accessParty, Audience: accessParty, Now: t.clock.Now}
	if err := jwks.Verify(ctx, t.signer.Public(), token, rules, &claims); err != nil {
		return Caller{}, errs.ErrUnauthenticated.Because(err)
	}
	caller := Caller{ID: claims.Subject, Role: claims.Role, Name: claims.Name}
	t.remember(strings.Clone(token), verified{caller, claims.ExpiresAt.Time})
	return caller, nil
}

func (t *tokens) remember(token string, v verified) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.known) >= maxKnownTokens {
		clear(t.known)
	}
	t.known[token] = v
}
