// Package jwks signs and verifies the project's EdDSA tokens and exchanges their
// public keys as JSON Web Key Sets.
//
// One algorithm, Ed25519; the kid of a token is only a lookup into keys we
// already trust, and every kind of token has a typ of its own, so that none can
// stand in for another (RFC 8725).
package jwks

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/fairgate/fairgate/shared/errs"
)

// ErrUnknownKey says that no key has the asked kid.
var ErrUnknownKey = errs.New(errs.Unauthenticated, "unknown_key", "The token was signed with a key that is not known here.")

// Source gives public keys by kid. Key returns ErrUnknownKey where there is none,
// and another error when the source cannot be asked.
type Source interface {
	Key(ctx context.Context, kid string) (ed25519.PublicKey, error)
}

// Set is a set of public keys by kid. The zero Set is empty. A Set is not changed
// once it is shared.
type Set struct {
	keys  map[string]ed25519.PublicKey
	order []string
}

// NewSet returns a set of keys, each under its Thumbprint.
func NewSet(keys ...ed25519.PublicKey) Set {
	var s Set
	for _, key := range keys {
		s.add(Thumbprint(key), key)
	}
	return s
}

// Join returns the keys of both sets; those of s win.
func (s Set) Join(other Set) Set {
	var joined Set
	for _, set := range []Set{s, other} {
		for _, kid := range set.order {
			joined.add(kid, set.keys[kid])
		}
	}
	return joined
}

// Key returns the key named kid.
func (s Set) Key(_ context.Context, kid string) (ed25519.PublicKey, error) {
	if key, ok := s.keys[kid]; ok {
		return key, nil
	}
	return nil, ErrUnknownKey
}

// Len returns the number of keys.
func (s Set) Len() int { return len(s.order) }

func (s *Set) add(kid string, key ed25519.PublicKey) {
	if s.keys == nil {
		s.keys = map[string]ed25519.PublicKey{}
	}
	if _, known := s.keys[kid]; known {
		return
	}
	s.keys[kid] = key
	s.order = append(s.order, kid)
}

type jsonKey struct {
	KeyType   string `json:"kty"`
	Curve     string `json:"crv"`
	X         string `json:"x"`
	KeyID     string `json:"kid"`
	Use       string `json:"use,omitempty"`
	Algorithm string `json:"alg,omitempty"`
}

type jsonSet struct {
	Keys []jsonKey `json:"keys"`
}

// MarshalJSON renders the set as RFC 7517 and RFC 8037 say.
func (s Set) MarshalJSON() ([]byte, error) {
	out := jsonSet{Keys: make([]jsonKey, 0, len(s.order))}
	for _, kid := range s.order {
		out.Keys = append(out.Keys, jsonKey{
			KeyType: "OKP", Curve: "Ed25519", X: base64.RawURLEncoding.EncodeToString(s.keys[kid]),
			KeyID: kid, Use: "sig", Algorithm: "EdDSA",
		})
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads a set. Keys of other kinds or uses are passed over, as RFC
// 7517 §5 asks; a broken Ed25519 key is an error.
func (s *Set) UnmarshalJSON(data []byte) error {
	var in jsonSet
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	*s = Set{}
	for _, k := range in.Keys {
		if k.KeyType != "OKP" || k.Curve != "Ed25519" || k.KeyID == "" || (k.Use != "" && k.Use != "sig") {
			continue
		}
		x, err := base64.RawURLEncoding.DecodeString(k.X)
		if err != nil || len(x) != ed25519.PublicKeySize {
			return fmt.Errorf("jwks: key %q: x is not 32 bytes of base64url", k.KeyID)
		}
		s.add(k.KeyID, x)
	}
	return nil
}

// Thumbprint returns the RFC 7638 thumbprint of key, shortened to 16 characters:
// the kid of our keys.
func Thumbprint(key ed25519.PublicKey) string {
	canonical := `{"crv":"Ed25519","kty":"OKP","x":"` + base64.RawURLEncoding.EncodeToString(key) + `"}`
	sum := sha256.Sum256([]byte(canonical))
	return base64.RawURLEncoding.EncodeToString(sum[:])[:16]
}
