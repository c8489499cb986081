package money

import (
	"errors"
	"math"
	"testing"
)

func TestNoSumWraps(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		amounts []KRW
		sum     KRW
		fails   bool
	}{
		{nil, 0, false}, {[]KRW{0, 1, 150_000}, 150_001, false}, {[]KRW{Max}, Max, false}, {[]KRW{Max - 1, 1}, Max, false},
		{[]KRW{Max, 1}, 0, true}, {[]KRW{Max + 1}, 0, true}, {[]KRW{-1}, 0, true}, {[]KRW{-1, 1}, 0, true},
		{[]KRW{math.MaxInt64, math.MaxInt64, 2}, 0, true}, {[]KRW{math.MinInt64, math.MaxInt64, 1}, 0, true},
	} {
		sum, err := Sum(c.amounts...)
		if sum != c.sum || errors.Is(err, ErrRange) != c.fails {
			t.Errorf("Sum(%v) = %d, %v; want %d, failing %t", c.amounts, sum, err, c.sum, c.fails)
		}
	}
}
