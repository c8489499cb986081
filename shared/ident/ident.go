// Package ident makes opaque identifiers.
package ident

import (
	"crypto/rand"
	"encoding/binary"
	mathrand "math/rand/v2"
	"time"
)

const (
	alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
	length   = 26 // characters of 5 bits for 128 bits
)

// New returns prefix, a hyphen and 26 characters of [0-9a-z]: 48 bits of time in
// milliseconds, so that identifiers sort roughly by age and index well, then 80
// random bits, so that nobody can guess one.
func New(prefix string) string {
	var random [10]byte
	_, _ = rand.Read(random[:]) // never fails (crypto/rand)
	return build(prefix, time.Now(), binary.BigEndian.Uint16(random[:]), binary.BigEndian.Uint64(random[2:]))
}

// NewRequest returns an identifier of a request that arrived then. Nothing is given
// to whoever guesses one, so that cheaper randomness will do for one in each answer.
func NewRequest(then time.Time) string {
	return build("req", then, uint16(mathrand.Uint32()), mathrand.Uint64()) //nolint:gosec // not a secret
}

func build(prefix string, then time.Time, high uint16, low uint64) string {
	top := uint64(then.UnixMilli())<<16 | uint64(high) //nolint:gosec // after 1970
	text := make([]byte, 0, len(prefix)+1+length)
	text = append(append(text, prefix...), '-')
	for range length {
		text = append(text, alphabet[top>>59])
		top, low = top<<5|low>>59, low<<5
	}
	return string(text)
}
