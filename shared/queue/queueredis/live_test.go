package queueredis

import (
	"testing"

	"pgregory.net/rapid"
)

// TestLiveCopy compares ranks with counting one by one.
func TestLiveCopy(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		bitmap := rapid.SliceOfN(rapid.Byte(), 0, 60).Draw(t, "bitmap")
		live := NewLiveCopy(bitmap)
		rank := uint64(0)
		for n := uint64(0); n < uint64(len(bitmap))*8+130; n++ {
			set := n/8 < uint64(len(bitmap)) && bitmap[n/8]>>(7-n%8)&1 == 1
			if live.Has(n) != set {
				t.Fatalf("Has(%d) is %v", n, !set)
			}
			if got := live.Ahead(n); got != rank {
				t.Fatalf("Ahead(%d) = %d, want %d", n, got, rank)
			}
			if !set {
				continue
			}
			if at, ok := live.At(rank); !ok || at != n {
				t.Fatalf("At(%d) = %d, %v, want %d", rank, at, ok, n)
			}
			rank++
		}
		if _, ok := live.At(rank); ok || live.Total() != rank {
			t.Fatalf("Total() = %d, want %d", live.Total(), rank)
		}
	})
}
