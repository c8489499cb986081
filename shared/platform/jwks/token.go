package jwks

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/fairgate/fairgate/shared/errs"
)

// ErrInvalidToken says that a token is not one of ours, not meant for us or not
// valid now. The cause, for the log, is wrapped.
var ErrInvalidToken = errs.New(errs.Unauthenticated, "token_invalid", "The token is not valid.")

const leeway = 5 * time.Second

// Signer signs tokens with one private key and knows the public keys under which
// its older tokens were signed.
type Signer struct {
	kid     string
	private ed25519.PrivateKey
	public  Set
}

// NewSigner makes a signer from an Ed25519 seed (32 bytes). Public keys of earlier
// seeds, if given, stay in the published set, so that their tokens keep working
// until they expire.
func NewSigner(seed []byte, earlier ...ed25519.PublicKey) (*Signer, error) {
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("jwks: a seed has %d bytes, not %d", ed25519.SeedSize, len(seed))
	}
	private := ed25519.NewKeyFromSeed(seed)
	public, _ := private.Public().(ed25519.PublicKey)
	return &Signer{kid: Thumbprint(public), private: private, public: NewSet(append([]ed25519.PublicKey{public}, earlier...)...)}, nil
}

// NewSignerBase64 is NewSigner with the seed in standard base64, as settings carry it.
func NewSignerBase64(seed string, earlier ...ed25519.PublicKey) (*Signer, error) {
	raw, err := base64.StdEncoding.DecodeString(seed)
	if err != nil {
		return nil, fmt.Errorf("jwks: the seed is not base64: %w", err)
	}
	return NewSigner(raw, earlier...)
}

// Sign returns claims as a signed token whose header says typ, e.g. "at+jwt".
func (s *Signer) Sign(claims jwt.Claims, typ string) (string, error) {
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims)
	token.Header["typ"] = typ
	token.Header["kid"] = s.kid
	return token.SignedString(s.private)
}

// KeyID returns the kid of the signing key.
func (s *Signer) KeyID() string { return s.kid }

// Public returns the public keys to publish.
func (s *Signer) Public() Set { return s.public }

// PrivateKey returns the signing key, for packages that may not import this one.
func (s *Signer) PrivateKey() ed25519.PrivateKey { return s.private }

// IssuedAt returns a token's iat; without one, a token counts as older than anything.
func IssuedAt(iat *jwt.NumericDate) time.Time {
	if iat == nil {
		return time.Time{}
	}
	return iat.Time
}

// Rules say which tokens are acceptable.
type Rules struct {
	Typ      string           // required header typ, e.g. "at+jwt"
	Issuer   string           // required iss
	Audience string           // required aud
	Now      func() time.Time // nil: the machine's clock
}

// Verify checks token against rules with the keys of source and fills claims
// (a pointer). It insists on EdDSA, on typ, on exp and on a known kid. The error
// is ErrInvalidToken, except that a source which cannot be asked gives its own.
func Verify(ctx context.Context, source Source, token string, rules Rules, claims jwt.Claims) error {
	_, _, err := verify(ctx, source, token, rules, claims)
	return err
}

// verify also returns the key that signed the token, and its name.
func verify(ctx context.Context, source Source, token string, rules Rules, claims jwt.Claims) (kid string, key ed25519.PublicKey, err error) {
	options := []jwt.ParserOption{
		jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}),
		jwt.WithIssuer(rules.Issuer), jwt.WithAudience(rules.Audience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(leeway), jwt.WithStrictDecoding(),
	}
	if rules.Now != nil {
		options = append(options, jwt.WithTimeFunc(rules.Now))
	}
	var sourceFailure error
	_, err = jwt.NewParser(options...).ParseWithClaims(token, claims, func(t *jwt.Token) (any, error) {
		if typ, _ := t.Header["typ"].(string); typ != rules.Typ {
			return nil, fmt.Errorf("typ %q is not %q", typ, rules.Typ)
		}
		kid, _ = t.Header["kid"].(string)
		found, err := source.Key(ctx, kid)
		if err != nil && !errors.Is(err, ErrUnknownKey) {
			sourceFailure = err
		}
		key = found
		return found, err
	})
	if sourceFailure != nil {
		return "", nil, sourceFailure
	}
	if err != nil {
		return "", nil, ErrInvalidToken.Because(err)
	}
	return kid, key, nil
}
