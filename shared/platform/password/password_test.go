package password

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestOnlyTheRightPasswordMatches(t *testing.T) {
	t.Parallel()
	h := NewHasher()
	hash, err := h.Hash("Secret-12345")
	if err != nil {
		t.Fatal(err)
	}
	again, err := h.Hash("Secret-12345")
	if err != nil || again == hash || !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("%s, %s, %v", hash, again, err)
	}
	for name, c := range map[string]struct {
		hash, password string
		want           bool
	}{
		"right":          {hash, "Secret-12345", true},
		"wrong":          {hash, "secret-12345", false},
		"empty":          {hash, "", false},
		"no hash":        {"", "", false},
		"not a hash":     {"$argon2id$rubbish", "Secret-12345", false},
		"other cost":     {strings.Replace(hash, "t=2", "t=1", 1), "Secret-12345", false},
		"damaged":        {hash[:len(hash)-4], "Secret-12345", false},
		"hash of nobody": {strings.Replace(hash, "$", "", 1), "Secret-12345", false},
	} {
		if got := h.Verify(c.hash, c.password); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// Who asks about an account that does not exist must not hear it sooner.
func TestAMissingHashCostsAsMuchAsAnyOther(t *testing.T) {
	t.Parallel()
	h := NewHasher()
	hash, err := h.Hash("Secret-12345")
	if err != nil {
		t.Fatal(err)
	}
	work := func(hash string) []string {
		var done []string
		h.derive = func(password, salt []byte, time, memory uint32, threads uint8, keyLen uint32) []byte {
			done = append(done, fmt.Sprint(len(password), len(salt), time, memory, threads, keyLen))
			return make([]byte, keyLen)
		}
		h.Verify(hash, "wrong")
		return done
	}
	known, missing := work(hash), work("")
	if len(known) != 1 || !slices.Equal(known, missing) {
		t.Errorf("for a missing hash the work is %q, for another %q", missing, known)
	}
}
