package httpd

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/fairgate/fairgate/shared/errs"
)

func TestNumbersThatAreWholeAreWrittenSo(t *testing.T) {
	t.Parallel()
	for from, want := range map[string]string{
		"10000": "10000", "10000.0": "10000", "1e4": "10000", "1E+4": "10000", "100000e-1": "10000", "1.25e2": "125", "-0": "-0", "-0.0": "0",
		"0e9": "0", "-2.50e1": "-25", "1.5": "1.5", "-1.5e0": "-1.5e0", "1e-4": "1e-4", "37.5192": "37.5192", "0.1e1": "1",
		"9007199254740991": "9007199254740991", "9.007199254740991e15": "9007199254740991", "1e-999999999999": "1e-999999999999",
	} {
		got, err := CanonicalJSON([]byte(`{"n":[` + from + `, 1]}`))
		if err != nil || string(got) != `{"n":[`+want+`, 1]}` {
			t.Errorf("%s: %s %v, want %s", from, got, err, want)
		}
	}
}

func TestWhatReadersWouldUnderstandDifferentlyIsRefused(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 33) + strings.Repeat("]", 33)
	for body, want := range map[string]string{
		"\ufeff{}":                   "malformed_json",
		"{}x":                        "malformed_json",
		"{} {}":                      "malformed_json",
		`{"n":NaN}`:                  "malformed_json",
		`{"n":Infinity}`:             "malformed_json",
		`{"n":01}`:                   "malformed_json",
		`{"n":+1}`:                   "malformed_json",
		`{'n':1}`:                    "malformed_json",
		`{"n":1,}`:                   "malformed_json",
		`{"n":1,"n":2}`:              "malformed_json",
		`{"n":1,"\u006e":2}`:         "malformed_json",
		`{"a":[{"b":1,"b":1}]}`:      "malformed_json",
		`{"n":"` + "\xff" + `"}`:     "malformed_json",
		`{"n":"\ud800"}`:             "malformed_json",
		`{"n":"\ud800\u0041"}`:       "malformed_json",
		`{"n":"\udc00\ud800"}`:       "malformed_json",
		`{"\udc00":1}`:               "malformed_json",
		`{"n":` + deep + `}`:         "malformed_json",
		strings.Repeat("[", 100_000): "malformed_json",
		`{"n":"\u0000"}`:             "validation_failed",
		`{"n":9007199254740992}`:     "validation_failed",
		`{"n":-1e16}`:                "validation_failed",
		`{"n":1e999}`:                "validation_failed",
		`{"n":1` + strings.Repeat("0", 400) + `}`: "validation_failed",
	} {
		_, err := CanonicalJSON([]byte(body))
		if e := errs.From(err); err == nil || e.Code != want {
			t.Errorf("%.60q: %v, want %s", body, err, want)
		}
	}
	for _, body := range []string{"", " ", `{"n":"😀\\\" \ud83d\ude00"}`, `[[],{},"",true,null]`, strings.Repeat("[", 32) + strings.Repeat("]", 32), `{"a":{"n":1},"n":1}`} {
		if got, err := CanonicalJSON([]byte(body)); err != nil || !json.Valid(got) {
			t.Errorf("%q: %q %v", body, got, err)
		}
	}
}

// What is made canonical means the same, whatever it is.
func TestCanonicalJSONMeansTheSame(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test that repeats
	for range 5000 {
		body := randomJSON(random, 0)
		got, err := CanonicalJSON([]byte(body))
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		var before, after any
		if json.Unmarshal([]byte(body), &before) != nil || json.Unmarshal(got, &after) != nil || !reflect.DeepEqual(before, after) {
			t.Fatalf("%s became %s", body, got)
		}
	}
}

func randomJSON(random *rand.Rand, depth int) string {
	space := []string{"", " ", "\n\t"}[random.IntN(3)]
	switch kind := random.IntN(7); {
	case kind == 0 && depth < 5:
		var items []string
		for range random.IntN(4) {
			items = append(items, randomJSON(random, depth+1))
		}
		return space + "[" + strings.Join(items, ",") + space + "]"
	case kind == 1 && depth < 5:
		var items []string
		for i := range random.IntN(4) {
			items = append(items, space+`"k\n`+strconv.Itoa(i)+`"`+space+":"+randomJSON(random, depth+1))
		}
		return space + "{" + strings.Join(items, ",") + space + "}" + space
	case kind == 2:
		return space + `"가\\\"\u00e9x"` + space
	case kind == 3:
		return space + "null"
	case kind == 4:
		return strconv.FormatFloat(random.NormFloat64()*1000, 'g', random.IntN(8), 64)
	case kind == 5:
		return strconv.Itoa(random.IntN(1<<30)) + "." + strings.Repeat("0", 1+random.IntN(3)) + "e" + strconv.Itoa(random.IntN(4))
	}
	return space + "false"
}

// The path of a value is only put together for an error: once, a body of 64 KB with one
// long name cost 640 MB and a second.
func TestReadingABodyCostsInProportionToItsSize(t *testing.T) {
	for name, body := range map[string]string{
		"a long name above many elements": `{"` + strings.Repeat("A", 32<<10) + `":[1` + strings.Repeat(",1", 16<<10) + `]}`,
		"many members":                    `{"a0":1` + members(8<<10) + `}`,
		"nested":                          strings.Repeat(`{"`+strings.Repeat("A", 1<<10)+`":`, 30) + "[1" + strings.Repeat(",1", 16<<10) + "]" + strings.Repeat("}", 30),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := CanonicalJSON([]byte(body)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		runtime.ReadMemStats(&after)
		if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 100*uint64(len(body)) {
			t.Errorf("%s: %d bytes allocated for %d", name, allocated, len(body))
		}
	}
}

func members(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"m%d":%d`, i, i)
	}
	return b.String()
}
