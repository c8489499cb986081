package jwks

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/fairgate/fairgate/shared/clock"
)

var rules = Rules{Typ: "at+jwt", Issuer: "fairgate", Audience: "fairgate"}

func signer(t *testing.T, first byte) *Signer {
	t.Helper()
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = first
	s, err := NewSigner(seed)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func claims(change func(*jwt.RegisteredClaims)) jwt.RegisteredClaims {
	c := jwt.RegisteredClaims{
		Issuer: "fairgate", Audience: jwt.ClaimStrings{"fairgate"}, Subject: "acc-1",
		ExpiresAt: jwt.NewNumericDate(time.Now().Add(time.Minute)),
	}
	if change != nil {
		change(&c)
	}
	return c
}

func sign(t *testing.T, s *Signer, typ string, c jwt.Claims) string {
	t.Helper()
	token, err := s.Sign(c, typ)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestVerifyAcceptsItsOwnAndRefusesEverythingElse(t *testing.T) {
	t.Parallel()
	ours, theirs := signer(t, 1), signer(t, 2)
	unsigned := jwt.NewWithClaims(jwt.SigningMethodNone, claims(nil))
	unsigned.Header["typ"], unsigned.Header["kid"] = "at+jwt", ours.KeyID()
	none, err := unsigned.SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		t.Fatal(err)
	}
	// The public key used as an HMAC secret: the classic confusion of algorithms.
	confused := jwt.NewWithClaims(jwt.SigningMethodHS256, claims(nil))
	confused.Header["typ"], confused.Header["kid"] = "at+jwt", ours.KeyID()
	public, _ := ours.Public().Key(context.Background(), ours.KeyID())
	hmac, err := confused.SignedString([]byte(public))
	if err != nil {
		t.Fatal(err)
	}
	stolenKid := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims(nil))
	stolenKid.Header["typ"], stolenKid.Header["kid"] = "at+jwt", ours.KeyID()
	forged, err := stolenKid.SignedString(theirs.PrivateKey())
	if err != nil {
		t.Fatal(err)
	}
	good := sign(t, ours, "at+jwt", claims(nil))
	for name, c := range map[string]struct {
		token string
		ok    bool
	}{
		"good":             {good, true},
		"another typ":      {sign(t, ours, "entry+jwt", claims(nil)), false},
		"another issuer":   {sign(t, ours, "at+jwt", claims(func(c *jwt.RegisteredClaims) { c.Issuer = "x" })), false},
		"another audience": {sign(t, ours, "at+jwt", claims(func(c *jwt.RegisteredClaims) { c.Audience = jwt.ClaimStrings{"x"} })), false},
		"expired":          {sign(t, ours, "at+jwt", claims(func(c *jwt.RegisteredClaims) { c.ExpiresAt = jwt.NewNumericDate(time.Now().Add(-time.Minute)) })), false},
		"no expiry":        {sign(t, ours, "at+jwt", claims(func(c *jwt.RegisteredClaims) { c.ExpiresAt = nil })), false},
		"unknown key":      {sign(t, theirs, "at+jwt", claims(nil)), false},
		"forged":           {forged, false},
		"alg none":         {none, false},
		"alg HS256":        {hmac, false},
		"truncated":        {good[:len(good)-2], false},
		"not a token":      {"x", false},
		"empty":            {"", false},
	} {
		var got jwt.RegisteredClaims
		err := Verify(context.Background(), ours.Public(), c.token, rules, &got)
		if c.ok && (err != nil || got.Subject != "acc-1") {
			t.Errorf("%s: subject %q, %v", name, got.Subject, err)
		}
		if !c.ok && !errors.Is(err, ErrInvalidToken) {
			t.Errorf("%s: accepted or wrong error: %v", name, err)
		}
	}
}

func TestEarlierKeysStayPublished(t *testing.T) {
	t.Parallel()
	old := signer(t, 1)
	public, _ := old.Public().Key(context.Background(), old.KeyID())
	seed := make([]byte, ed25519.SeedSize)
	current, err := NewSigner(seed, public)
	if err != nil {
		t.Fatal(err)
	}
	var got jwt.RegisteredClaims
	if err := Verify(context.Background(), current.Public(), sign(t, old, "at+jwt", claims(nil)), rules, &got); err != nil {
		t.Fatal(err)
	}
}

func TestSetSurvivesJSONAndPassesOverOtherKeys(t *testing.T) {
	t.Parallel()
	s := signer(t, 1)
	data, err := json.Marshal(s.Public().Join(signer(t, 2).Public()))
	if err != nil {
		t.Fatal(err)
	}
	var back Set
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if _, err := back.Key(context.Background(), s.KeyID()); err != nil || back.Len() != 2 {
		t.Fatalf("%d keys, %v", back.Len(), err)
	}
	if err := json.Unmarshal([]byte(`{"keys":[{"kty":"RSA","kid":"r"},{"kty":"OKP","crv":"X25519","kid":"e","x":"AA"}]}`), &back); err != nil || back.Len() != 0 {
		t.Fatalf("%d keys, %v", back.Len(), err)
	}
	if err := json.Unmarshal([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"e","x":"AA"}]}`), &back); err == nil {
		t.Fatal("a key of one byte was accepted")
	}
}

// publisher serves whatever set it holds and counts the requests.
type publisher struct {
	mu    sync.Mutex
	set   Set
	down  bool
	asked atomic.Int64
}

func (p *publisher) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	p.asked.Add(1)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		http.Error(w, "down", http.StatusInternalServerError)
		return
	}
	_ = json.NewEncoder(w).Encode(p.set)
}

func (p *publisher) publish(set Set, down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.set, p.down = set, down
}

func TestRemoteFindsNewKeysAndLimitsItsQuestions(t *testing.T) {
	t.Parallel()
	first, second := signer(t, 1), signer(t, 2)
	p := &publisher{set: first.Public()}
	server := httptest.NewServer(p)
	defer server.Close()
	now := clock.NewManual(time.Now())
	remote := newRemote(server.URL, nil, now)
	ctx := context.Background()

	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if _, err := remote.Key(ctx, first.KeyID()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := p.asked.Load(); n != 1 {
		t.Fatalf("50 first callers asked %d times", n)
	}
	p.publish(second.Public().Join(first.Public()), false)
	for range 100 {
		if _, err := remote.Key(ctx, second.KeyID()); !errors.Is(err, ErrUnknownKey) {
			t.Fatalf("within the limit: %v", err)
		}
	}
	if n := p.asked.Load(); n != 1 {
		t.Fatalf("unknown kids asked %d times within the limit", n)
	}
	now.Advance(refreshEvery)
	if _, err := remote.Key(ctx, second.KeyID()); err != nil {
		t.Fatalf("after the limit: %v", err)
	}
}

func TestRemoteKeepsItsKeysWhileTheSourceIsDown(t *testing.T) {
	t.Parallel()
	s := signer(t, 1)
	p := &publisher{down: true}
	server := httptest.NewServer(p)
	defer server.Close()
	now := clock.NewManual(time.Now())
	remote := newRemote(server.URL, nil, now)
	ctx := context.Background()

	if _, err := remote.Key(ctx, s.KeyID()); !errors.Is(err, ErrKeysUnavailable) {
		t.Fatalf("never fetched: %v", err)
	}
	p.publish(s.Public(), false)
	now.Advance(refreshEvery)
	if _, err := remote.Key(ctx, s.KeyID()); err != nil {
		t.Fatalf("recovered: %v", err)
	}
	p.publish(Set{}, true)
	for range 10 {
		now.Advance(freshFor)
		if _, err := remote.Key(ctx, s.KeyID()); err != nil {
			t.Fatalf("source down: %v", err)
		}
	}
}
