package queue_test

import (
	"errors"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/fairgate/fairgate/shared/clock"
	"github.com/fairgate/fairgate/shared/queue"
)

const placeKey = "a test key of at least thirty-two bytes"

func newTokens(t *testing.T, key string, c clock.Clock) *queue.PlaceTokens {
	t.Helper()
	tokens, err := queue.NewPlaceTokens([]byte(key), c)
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func TestPlaceToken(t *testing.T) {
	t.Parallel()
	c := clock.NewManual(start)
	tokens := newTokens(t, placeKey, c)
	ref := queue.PlaceRef{SaleID: "s1", Epoch: 3, N: 42, Subject: "acc-1", ID: tokens.PlaceID("s1", 3, 42)}
	token, err := tokens.Mint(ref)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := tokens.Verify(token, "s1"); err != nil || got != ref {
		t.Errorf("Verify: %+v, %v, want %+v", got, err, ref)
	}
	if _, err := tokens.Verify(token, "s2"); !errors.Is(err, queue.ErrPlaceInvalid) {
		t.Errorf("for another sale: %v", err)
	}
	if _, err := tokens.Verify("", "s1"); !errors.Is(err, queue.ErrPlaceRequired) {
		t.Errorf("without a token: %v", err)
	}
	if _, err := newTokens(t, "another key of at least thirty-two bytes", c).Verify(token, "s1"); !errors.Is(err, queue.ErrPlaceInvalid) {
		t.Errorf("with another key: %v", err)
	}
	if _, err := tokens.Verify(token[:len(token)-2]+"AA", "s1"); !errors.Is(err, queue.ErrPlaceInvalid) {
		t.Errorf("tampered: %v", err)
	}
	c.Advance(queue.PlaceTokenTTL + time.Second)
	if _, err := tokens.Verify(token, "s1"); !errors.Is(err, queue.ErrPlaceInvalid) {
		t.Errorf("expired: %v", err)
	}
}

// TestPlaceTokenIsNoPass: neither kind of token stands in for the other, and none
// without a signature is taken.
func TestPlaceTokenIsNoPass(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	tokens := newTokens(t, placeKey, d.clock)
	if _, err := tokens.Verify(d.pass(t, d.session, queue.ByAccount), "s1"); !errors.Is(err, queue.ErrPlaceInvalid) {
		t.Errorf("a pass as place token: %v", err)
	}
	place, err := tokens.Mint(queue.PlaceRef{SaleID: "s1", Epoch: 3, N: 42, Subject: "acc-1"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.gate.Check(t.Context(), place, "s1", "acc-1"); !errors.Is(err, queue.ErrPassInvalid) {
		t.Errorf("a place token as pass: %v", err)
	}
	none := jwt.NewWithClaims(jwt.SigningMethodNone, jwt.MapClaims{
		"sub": "acc-1", "aud": queue.PlaceAudience, "exp": start.Add(time.Hour).Unix(), "sale": "s1", "epoch": 3, "n": 42,
	})
	none.Header["typ"] = queue.PlaceType
	text, err := none.SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tokens.Verify(text, "s1"); !errors.Is(err, queue.ErrPlaceInvalid) {
		t.Errorf("alg none: %v", err)
	}
}

func TestPlaceKeyMustBeLong(t *testing.T) {
	t.Parallel()
	if _, err := queue.NewPlaceTokens([]byte("short"), clock.System{}); err == nil {
		t.Error("a short key was taken")
	}
}

func TestDigestsDiffer(t *testing.T) {
	t.Parallel()
	tokens := newTokens(t, placeKey, clock.System{})
	seen := map[string]bool{}
	for _, in := range []struct {
		sale    string
		epoch   uint32
		subject string
	}{{"s1", 1, "a"}, {"s1", 2, "a"}, {"s2", 1, "a"}, {"s1", 1, "b"}} {
		digest := tokens.SubjectDigest(in.sale, in.epoch, in.subject)
		if len(digest) != 16 || seen[string(digest)] {
			t.Errorf("%+v: digest %x is not 16 new bytes", in, digest)
		}
		seen[string(digest)] = true
	}
}
