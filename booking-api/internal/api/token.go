package api

import (
	"context"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/fairgate/fairgate/shared/account"
	"github.com/fairgate/fairgate/shared/clock"
	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/ident"
	"github.com/fairgate/fairgate/shared/platform/jwks"
)

// An access token says who somebody is, to every service, for a quarter of an
// hour, unless all tokens of the account are revoked meanwhile.
const (
	accessType     = "at+jwt"
	accessParty    = "fairgate" // issuer and audience
	accessLifetime = account.AccessLifetime
)

// Revoked are the accounts whose access tokens are no longer taken.
type Revoked interface {
	// Revoke ends the tokens that the account has been given, everywhere within a second.
	Revoke(ctx context.Context, accountID string) error
	// Has reports whether a token issued then is revoked. It fails while that cannot be
	// known.
	Has(ctx context.Context, accountID string, issued time.Time) (bool, error)
	// Changed returns a channel that is closed when the next account is heard of.
	Changed() <-chan struct{}
}

// Caller is whom an access token names.
type Caller struct {
	ID     string
	Role   account.Role
	Name   string
	issued time.Time // the token
	until  time.Time // the token's end
}

type accessClaims struct {
	jwt.RegisteredClaims
	Role account.Role `json:"role"`
	Name string       `json:"name"`
}

// tokens mints and verifies access tokens.
type tokens struct {
	signer   *jwks.Signer
	clock    clock.Clock
	verifier *jwks.Verifier[accessClaims]
	revoked  Revoked
}

func newTokens(signer *jwks.Signer, c clock.Clock, revoked Revoked) *tokens {
	rules := jwks.Rules{Typ: accessType, Issuer: accessParty, Audience: accessParty, Now: c.Now}
	return &tokens{signer: signer, clock: c, revoked: revoked, verifier: jwks.NewVerifier[accessClaims](signer.Public(), rules)}
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
// not one of our valid access tokens, another error while it cannot be known.
func (t *tokens) verify(ctx context.Context, token string) (Caller, error) {
	claims, err := t.verifier.Verify(ctx, token)
	if err != nil {
		return Caller{}, errs.ErrUnauthenticated.Because(err)
	}
	caller := Caller{ID: claims.Subject, Role: claims.Role, Name: claims.Name, issued: jwks.IssuedAt(claims.IssuedAt)}
	if claims.ExpiresAt != nil {
		caller.until = claims.ExpiresAt.Time
	}
	if err := t.stands(ctx, caller); err != nil {
		return Caller{}, err
	}
	return caller, nil
}

// stands fails with errs.ErrUnauthenticated once the token that was good when it was
// shown is revoked, and with another error while that cannot be known.
func (t *tokens) stands(ctx context.Context, c Caller) error {
	revoked, err := t.revoked.Has(ctx, c.ID, c.issued)
	if err != nil {
		return err
	}
	if revoked {
		return errs.ErrUnauthenticated
	}
	return nil
}

// waitFor returns when ctx or stop ends, or the token of the caller, if any, has expired
// or is revoked.
func (t *tokens) waitFor(ctx context.Context, stop <-chan struct{}, caller *Caller) {
	if caller != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, caller.until.Sub(t.clock.Now()))
		defer cancel()
	}
	for {
		var changed <-chan struct{}
		if caller != nil {
			changed = t.revoked.Changed() // before it is asked: what comes after that closes it
			if t.stands(ctx, *caller) != nil {
				return
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-stop:
			return
		case <-changed:
		}
	}
}
