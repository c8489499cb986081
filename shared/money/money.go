// Package money is Korean won in whole numbers.
package money

import (
	"errors"
	"strconv"
)

// KRW is an amount of Korean won. The won has no smaller unit.
type KRW int64

// String formats with thousands separators and no sign of the currency: "150,000".
func (k KRW) String() string {
	digits := strconv.FormatInt(int64(k), 10)
	sign := ""
	if k < 0 {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// Max is the largest amount that there is: a sum of a million of them still fits.
const Max KRW = 1 << 40

// ErrRange says that an amount, or a sum of amounts, is not 0 … Max.
var ErrRange = errors.New("money: not an amount of 0 … 1,099,511,627,776")

// Sum adds amounts. Each of them, and the sum, is 0 … Max, or it fails with ErrRange: no
// sum wraps. Prices are added by this and nothing else.
func Sum(amounts ...KRW) (KRW, error) {
	var sum KRW
	for _, amount := range amounts {
		if amount < 0 || amount > Max || sum > Max-amount {
			return 0, ErrRange
		}
		sum += amount
	}
	return sum, nil
}
