// Package money is Korean won in whole numbers.
package money

import "strconv"

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
