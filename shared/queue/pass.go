package queue

import (
	"context"
	"crypto/ed25519"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/fairgate/fairgate/shared/clock"
	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/ident"
)

// The header and the parties of a pass.
const (
	PassType     = "entry+jwt"
	PassIssuer   = "queue-gateway"
	PassAudience = "booking-api"
)

const passLeeway = 5 * time.Second

// SessionRef names one booking session: the place that became it.
type SessionRef struct {
	SaleID string
	Epoch  uint32
	N      uint64
}

// Session is a booking session.
type Session struct {
	SaleID string
	Epoch  uint32
	N      uint64
	EndsAt time.Time
}

// Ref returns the session's name.
func (s Session) Ref() SessionRef { return SessionRef{s.SaleID, s.Epoch, s.N} }

// Ending is a note of sessions that were ended before their time; what is held in them
// is to be released.
type Ending struct {
	ID       string // of the note
	Sessions []SessionRef
}

// Signer signs claims as an EdDSA token with the header typ and a kid of its own.
type Signer interface {
	Sign(claims jwt.Claims, typ string) (string, error)
}

// KeySource gives public keys by kid. An error of kind errs.Unauthenticated says
// that there is no such key; any other, that the source cannot be asked.
type KeySource interface {
	Key(ctx context.Context, kid string) (ed25519.PublicKey, error)
}

type passClaims struct {
	jwt.RegisteredClaims
	Sale     string   `json:"sale"`
	Epoch    uint32   `json:"epoch"`
	N        uint64   `json:"n"`
	Identity Identity `json:"identity"`
}

// PassMinter signs passes.
type PassMinter struct {
	signer Signer
	clock  clock.Clock
}

// NewPassMinter makes a minter.
func NewPassMinter(signer Signer, clock clock.Clock) *PassMinter { return &PassMinter{signer, clock} }

// Mint returns the signed pass of a session; it expires with the session. subject
// is the place's subject.
func (m *PassMinter) Mint(session Session, subject string, identity Identity) (string, error) {
	return m.signer.Sign(passClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			ID: ident.New("pass"), Issuer: PassIssuer, Audience: jwt.ClaimStrings{PassAudience}, Subject: subject,
			IssuedAt: jwt.NewNumericDate(m.clock.Now()), ExpiresAt: jwt.NewNumericDate(session.EndsAt),
		},
		Sale: session.SaleID, Epoch: session.Epoch, N: session.N, Identity: identity,
	}, PassType)
}

// Pass is what a verified pass says.
type Pass struct {
	Session
	Subject  string
	Identity Identity
}

// VerifyPass checks signature, algorithm, typ, issuer, audience and expiry of a
// pass for saleID. Errors: ErrPassRequired for an empty token, ErrPassInvalid, or
// that of a key source which cannot be asked.
func VerifyPass(ctx context.Context, keys KeySource, token, saleID string, now time.Time) (Pass, error) {
	pass, err := readPass(ctx, keys, token, now)
	if err != nil {
		return Pass{}, err
	}
	return pass.Pass, pass.isFor(saleID)
}

// signedPass is a pass with what its signature was checked with.
type signedPass struct {
	Pass
	kid string
	key ed25519.PublicKey
}

func (p signedPass) isFor(saleID string) error {
	if p.SaleID != saleID {
		return ErrPassInvalid.WithMessage("The pass is for another sale.")
	}
	return nil
}

func readPass(ctx context.Context, keys KeySource, token string, now time.Time) (pass signedPass, err error) {
	if token == "" {
		return signedPass{}, ErrPassRequired
	}
	var claims passClaims
	var unasked error
	_, err = passParser(now).ParseWithClaims(token, &claims, func(t *jwt.Token) (any, error) {
		if typ, _ := t.Header["typ"].(string); typ != PassType {
			return nil, ErrPassInvalid.WithMessage("The token is not an entry pass.")
		}
		pass.kid, _ = t.Header["kid"].(string)
		if pass.key, err = keys.Key(ctx, pass.kid); err != nil && errs.KindOf(err) != errs.Unauthenticated {
			unasked = err
		}
		return pass.key, err
	})
	switch {
	case unasked != nil:
		return signedPass{}, unasked
	case err != nil:
		return signedPass{}, ErrPassInvalid.Because(err)
	}
	pass.Pass = Pass{
		Session: Session{SaleID: claims.Sale, Epoch: claims.Epoch, N: claims.N, EndsAt: claims.ExpiresAt.UTC()},
		Subject: claims.Subject, Identity: claims.Identity,
	}
	return pass, nil
}

func passParser(now time.Time) *jwt.Parser {
	return jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}),
		jwt.WithIssuer(PassIssuer), jwt.WithAudience(PassAudience), jwt.WithExpirationRequired(),
		jwt.WithLeeway(passLeeway), jwt.WithStrictDecoding(), jwt.WithTimeFunc(func() time.Time { return now }),
	)
}
