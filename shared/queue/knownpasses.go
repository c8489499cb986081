package queue

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"
)

const maxKnownPasses = 50_000 // some 20 MB; then it starts afresh

// knownPasses remembers passes whose signature was found good, because checking one
// costs more than the rest of a hold. Whether the session is still active it does
// not know. The zero value is ready for use.
type knownPasses struct {
	mu     sync.RWMutex
	passes map[[sha256.Size]byte]signedPass // by hash of the token
}

// find returns the pass of a token that has not expired and whose key is still one
// of keys: a key that was withdrawn takes its passes with it.
func (k *knownPasses) find(ctx context.Context, keys KeySource, token string, now time.Time) (signedPass, bool) {
	k.mu.RLock()
	pass, ok := k.passes[hashOf(token)]
	k.mu.RUnlock()
	if !ok || !now.Before(pass.EndsAt) {
		return signedPass{}, false
	}
	key, err := keys.Key(ctx, pass.kid)
	return pass, err == nil && pass.key.Equal(key)
}

func (k *knownPasses) add(token string, pass signedPass) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.passes == nil || len(k.passes) >= maxKnownPasses {
		k.passes = map[[sha256.Size]byte]signedPass{}
	}
	k.passes[hashOf(token)] = pass
}

func hashOf(token string) [sha256.Size]byte {
	var room [1024]byte // in which passes fit, so that nothing is allocated
	return sha256.Sum256(append(room[:0], token...))
}
