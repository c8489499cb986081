// Package ident makes opaque identifiers.
package ident

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"time"
)

var encoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// New returns prefix, a hyphen and 26 characters of [0-9a-z]: 48 bits of time in
// milliseconds, so that identifiers sort roughly by age and index well, then 80
// random bits, so that nobody can guess one.
func New(prefix string) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(time.Now().UnixMilli())<<16)
	_, _ = rand.Read(b[6:]) // never fails (crypto/rand)
	return prefix + "-" + encoding.EncodeToString(b[:])
}
