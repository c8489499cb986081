package api

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestPlainSeatsAreReadAsJSONWouldBe(t *testing.T) {
	t.Parallel()
	const plain = `{"seats":["1F-A-1","2F-B-20"]}`
	pieces := []string{"", `"`, `\`, `\"`, `","`, `\u0041`, ",", "[", "]", "{", "}", ":", " ", "\n", "\t", "\x00", "\x1f", "\x7f", "\xff", "\xea", "x", "가", `"seats"`, `"],"seats":["`}
	accepted := 0
	for at := range len(plain) + 1 {
		for _, piece := range pieces {
			for _, rest := range []string{plain[at:], plain[min(at+1, len(plain)):]} { // inserted, and in place of a byte
				accepted += readAlike(t, plain[:at]+piece+rest)
			}
		}
	}
	if accepted < 50 {
		t.Errorf("only %d bodies were taken for plain", accepted)
	}
}

// readAlike fails the test if a body that is taken for plain means something else to
// a strict JSON decoder. It returns 1 for such a body.
func readAlike(t *testing.T, body string) int {
	t.Helper()
	seats, ok := plainSeats([]byte(body))
	if !ok {
		return 0
	}
	var want struct{ Seats []string }
	decoder := json.NewDecoder(strings.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&want); err != nil || !slices.Equal(want.Seats, seats) || decoder.More() {
		t.Errorf("%q is read as %q; JSON says %q, %v", body, seats, want.Seats, err)
	}
	return 1
}

func TestWhatIsNotPlainIsLeft(t *testing.T) {
	t.Parallel()
	list := func(n int) string {
		seats := make([]string, n)
		for i := range seats {
			seats[i] = fmt.Sprintf("1F-A-%d", i)
		}
		return `{"seats":["` + strings.Join(seats, `","`) + `"]}`
	}
	for body, plain := range map[string]bool{
		list(1):                  true,
		list(maxSeatsAsked):      true,
		list(maxSeatsAsked + 1):  false,
		``:                       false,
		`{}`:                     false,
		`{"seats":[]}`:           false,
		`{"seats":"1F-A-1"}`:     false,
		`{"seats":["1F-A-1",2]}`: false,
		`{"Seats":["1F-A-1"]}`:   false,
		`{"seats": ["1F-A-1"]}`:  false,
		`{"seats":["1F-A-1"],"best_available":null}`: false,
		`{"best_available":{"count":2}}`:             false,
		"{\"seats\":[\"a\x00\"]}":                    false,
		"{\"seats\":[\"a\xff\"]}":                    false,
		`{"seats":["가-나-2"]}`:                        false, // to be normalised
	} {
		if _, ok := plainSeats([]byte(body)); ok != plain {
			t.Errorf("plain is %t for %.60q", ok, body)
		}
	}
}
