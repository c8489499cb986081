// Package password hashes passwords with argon2id.
package password

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/crypto/argon2"
)

// The cost of a hash: 19 MiB, two passes, one lane (OWASP's first choice), some
// 25 ms of one core.
const (
	memoryKiB = 19 * 1024
	passes    = 2
	lanes     = 1
	saltBytes = 16
	keyBytes  = 32
)

// Hasher hashes and verifies, as many at once as there are cores, so that a
// crowd at the log-in waits instead of taking all the memory. Safe for
// concurrent use.
type Hasher struct {
	slots  chan struct{}
	derive func(password, salt []byte, time, memory uint32, threads uint8, keyLen uint32) []byte
}

// NewHasher returns a hasher.
func NewHasher() *Hasher {
	return &Hasher{slots: make(chan struct{}, runtime.GOMAXPROCS(0)), derive: argon2.IDKey}
}

// Hash returns the PHC form: $argon2id$v=19$m=19456,t=2,p=1$salt$key.
func (h *Hasher) Hash(password string) (string, error) {
	var salt [saltBytes]byte
	_, _ = rand.Read(salt[:]) // never fails (crypto/rand)
	key := h.key(password, salt[:])
	encode := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, memoryKiB, passes, lanes, encode(salt[:]), encode(key)), nil
}

// Verify reports whether hash was made from password. A hash that is empty or
// not one of ours costs as much time as any other and never matches.
func (h *Hasher) Verify(hash, password string) bool {
	salt, want, ok := parse(hash)
	if !ok {
		salt, want = make([]byte, saltBytes), make([]byte, keyBytes)
	}
	got := h.key(password, salt)
	return subtle.ConstantTimeCompare(got, want) == 1 && ok
}

func (h *Hasher) key(password string, salt []byte) []byte {
	h.slots <- struct{}{}
	defer func() { <-h.slots }()
	return h.derive([]byte(password), salt, passes, memoryKiB, lanes, keyBytes)
}

func parse(hash string) (salt, key []byte, ok bool) {
	prefix := fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$", argon2.Version, memoryKiB, passes, lanes)
	rest, found := strings.CutPrefix(hash, prefix)
	saltText, keyText, split := strings.Cut(rest, "$")
	if !found || !split {
		return nil, nil, false
	}
	salt, saltErr := base64.RawStdEncoding.DecodeString(saltText)
	key, keyErr := base64.RawStdEncoding.DecodeString(keyText)
	return salt, key, saltErr == nil && keyErr == nil && len(key) == keyBytes
}
