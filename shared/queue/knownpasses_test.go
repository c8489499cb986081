package queue

import (
	"context"
	"crypto/ed25519"
	"strconv"
	"testing"
	"time"
)

type oneKey ed25519.PublicKey

func (k oneKey) Key(context.Context, string) (ed25519.PublicKey, error) {
	return ed25519.PublicKey(k), nil
}

func TestKnownPassesAreFoundUntilTheyExpire(t *testing.T) {
	t.Parallel()
	ctx, ends := context.Background(), time.Unix(1000, 0)
	key := make([]byte, ed25519.PublicKeySize)
	pass := signedPass{Pass: Pass{Session: Session{SaleID: "s1", N: 7, EndsAt: ends}}, key: key}
	var known knownPasses
	if _, ok := known.find(ctx, oneKey(key), "a", ends.Add(-time.Second)); ok {
		t.Error("found before it was added")
	}
	known.add("a", pass)
	if found, ok := known.find(ctx, oneKey(key), "a", ends.Add(-time.Second)); !ok || found.N != 7 {
		t.Errorf("%+v, %v", found, ok)
	}
	if _, ok := known.find(ctx, oneKey(key), "b", ends.Add(-time.Second)); ok {
		t.Error("found another token's")
	}
	if _, ok := known.find(ctx, oneKey(key), "a", ends); ok {
		t.Error("found although it has expired")
	}
}

func TestKnownPassesAreBounded(t *testing.T) {
	t.Parallel()
	var known knownPasses
	for i := range maxKnownPasses + 100 {
		known.add(strconv.Itoa(i), signedPass{})
	}
	if n := len(known.passes); n != 100 {
		t.Errorf("%d are remembered", n)
	}
}
