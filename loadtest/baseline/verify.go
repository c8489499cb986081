package baseline

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"sync"

	"github.com/golang-jwt/jwt/v5"
)

// Verifier returns a function that gives the subject of an EdDSA token signed with
// one of the keys published at url; it remembers the tokens that it has seen.
func Verifier(url string) func(known *sync.Map, token string) (string, error) {
	var set struct{ Keys []struct{ Kid, X string } }
	answer, err := http.Get(url) //nolint:gosec // an address of the system under test
	if err != nil || json.NewDecoder(answer.Body).Decode(&set) != nil || answer.Body.Close() != nil {
		panic("no keys at " + url)
	}
	keys := map[any]ed25519.PublicKey{}
	for _, key := range set.Keys {
		keys[key.Kid], _ = base64.RawURLEncoding.DecodeString(key.X)
	}
	return func(known *sync.Map, token string) (string, error) {
		if subject, ok := known.Load(token); ok {
			return subject.(string), nil
		}
		var claims jwt.RegisteredClaims
		token = string([]byte(token)) // Fiber's strings change after the answer
		_, err := jwt.ParseWithClaims(token, &claims, func(t *jwt.Token) (any, error) { return keys[t.Header["kid"]], nil },
			jwt.WithValidMethods([]string{"EdDSA"}), jwt.WithExpirationRequired())
		if err == nil {
			known.Store(token, claims.Subject)
		}
		return claims.Subject, err
	}
}
