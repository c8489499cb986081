package queueredis

import (
	"encoding/binary"
	"math/bits"
	"sort"
)

const wordBits = 64

// LiveCopy is a copy of which numbers of a line are live, with the number of live
// ones before each word, so that a place's rank is exact and costs nothing. It is
// not changed once made.
type LiveCopy struct {
	words  []uint64 // the first number in the highest bit, as Redis has it
	before []uint32 // live numbers before each word
	total  uint64
}

// NewLiveCopy makes a copy of a Redis bitmap.
func NewLiveCopy(bitmap []byte) *LiveCopy {
	padded := make([]byte, (len(bitmap)+7)/8*8)
	copy(padded, bitmap)
	c := &LiveCopy{words: make([]uint64, len(padded)/8), before: make([]uint32, len(padded)/8)}
	for i := range c.words {
		c.words[i] = binary.BigEndian.Uint64(padded[8*i:])
		c.before[i] = uint32(c.total) // numbers stay below 2^32 (a Redis bitmap)
		c.total += uint64(bits.OnesCount64(c.words[i]))
	}
	return c
}

// Has reports whether n is live.
func (c *LiveCopy) Has(n uint64) bool {
	word := n / wordBits
	return word < uint64(len(c.words)) && c.words[word]>>(wordBits-1-n%wordBits)&1 == 1
}

// Ahead returns how many live numbers are before n.
func (c *LiveCopy) Ahead(n uint64) uint64 {
	word := n / wordBits
	if word >= uint64(len(c.words)) {
		return c.total
	}
	return uint64(c.before[word]) + uint64(bits.OnesCount64(c.words[word]&^(^uint64(0)>>(n%wordBits))))
}

// Total returns how many numbers are live.
func (c *LiveCopy) Total() uint64 { return c.total }

// At returns the live number that has rank live ones before it.
func (c *LiveCopy) At(rank uint64) (n uint64, ok bool) {
	if rank >= c.total {
		return 0, false
	}
	word := sort.Search(len(c.before), func(i int) bool { return uint64(c.before[i]) > rank }) - 1
	rest := c.words[word]
	for range rank - uint64(c.before[word]) {
		rest &^= 1 << (wordBits - 1 - bits.LeadingZeros64(rest))
	}
	return uint64(word)*wordBits + uint64(bits.LeadingZeros64(rest)), true // word ≥ 0
}
