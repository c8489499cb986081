package bookingredis

import (
	"regexp"
	"strconv"
	"testing"
)

// TestEveryAnswerOfPlaceHasItsValues compares what place.lua returns with what is read
// of it: an answer that is too short is refused, so its fan would get a 500.
func TestEveryAnswerOfPlaceHasItsValues(t *testing.T) {
	t.Parallel()
	returns := regexp.MustCompile(`(?:return|or) \{(\d)((?:, (?:\{\}|[^,{}]+))*)\}`).FindAllStringSubmatch(placeSource, -1)
	values := regexp.MustCompile(`, `)
	seen := map[int64]bool{}
	for _, r := range returns {
		code, err := strconv.ParseInt(r[1], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seen[code] = true
		if got, want := 1+len(values.FindAllString(r[2], -1)), placedLength(code); got != want {
			t.Errorf("%q has %d values, want %d", r[0], got, want)
		}
	}
	for _, code := range []int64{codePlaced, codeReplayed, codeTaken, codeLimit, codeReused, codeOver} {
		if !seen[code] {
			t.Errorf("place.lua never answers with code %d", code)
		}
	}
}

// TestAShortAnswerIsAnErrorAndNoPanic gives what a script of another version could return.
func TestAShortAnswerIsAnErrorAndNoPanic(t *testing.T) {
	t.Parallel()
	for _, answer := range [][]any{
		nil, {"0"}, {int64(codePlaced)}, {int64(codePlaced), "1"}, {int64(codeReplayed), "1", "a", "b"},
		{int64(codeTaken)}, {int64(codeTaken), []any{}}, {int64(99), "1", "2", "3", "4"}, {int64(-1)},
	} {
		if placed, err := readPlaced(answer, sale, nil); err == nil {
			t.Errorf("%v: got %+v, want an error", answer, placed)
		}
	}
}
