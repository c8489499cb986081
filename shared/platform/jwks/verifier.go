package jwks

import (
	"context"
	"crypto/ed25519"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const maxKnown = 50_000 // tokens, some 30 MB; then it starts afresh

// Verifier verifies tokens of one kind, whose claims are a C, and remembers those that
// were good: checking a signature costs more than the rest of a small request. A
// remembered token dies with its exp, and with its key: one that the source does not
// know any more takes its tokens with it. Safe for concurrent use.
type Verifier[C jwt.Claims] struct {
	source Source
	rules  Rules

	mu    sync.RWMutex
	known map[string]verified[C]
}

// verified is what a token said, and what its signature was checked with.
type verified[C any] struct {
	claims C
	until  time.Time
	kid    string
	key    ed25519.PublicKey
}

// NewVerifier makes a verifier of tokens that are as rules say.
func NewVerifier[C jwt.Claims](source Source, rules Rules) *Verifier[C] {
	if rules.Now == nil {
		rules.Now = time.Now
	}
	return &Verifier[C]{source: source, rules: rules, known: map[string]verified[C]{}}
}

// Verify returns the claims of token. Errors are those of the function Verify. The
// token may be changed afterwards.
func (v *Verifier[C]) Verify(ctx context.Context, token string) (C, error) {
	if known, ok := v.find(ctx, token); ok {
		return known.claims, nil
	}
	var fresh verified[C]
	claims, _ := any(&fresh.claims).(jwt.Claims) // a pointer has its value's methods
	token = string([]byte(token))
	var err error
	if fresh.kid, fresh.key, err = verify(ctx, v.source, token, v.rules, claims); err != nil {
		return fresh.claims, err
	}
	expires, err := claims.GetExpirationTime()
	if err != nil {
		return fresh.claims, ErrInvalidToken.Because(err)
	}
	fresh.until = expires.Time
	v.remember(token, fresh)
	return fresh.claims, nil
}

func (v *Verifier[C]) find(ctx context.Context, token string) (verified[C], bool) {
	v.mu.RLock()
	known, ok := v.known[token]
	v.mu.RUnlock()
	if !ok || !v.rules.Now().Before(known.until) {
		return known, false
	}
	key, err := v.source.Key(ctx, known.kid)
	return known, err == nil && known.key.Equal(key)
}

func (v *Verifier[C]) remember(token string, fresh verified[C]) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.known) >= maxKnown {
		clear(v.known)
	}
	v.known[token] = fresh
}
