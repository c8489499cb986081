package arch

import (
	"strings"
	"testing"
)

// An exception is needed, or it fails the rule.
func TestNoExceptionIsStale(t *testing.T) {
	t.Parallel()
	sources, err := load(projectRoot)
	if err != nil {
		t.Fatal(err)
	}
	for _, violation := range checkStale(sources) {
		t.Error(violation)
	}
}

func TestAStaleExceptionIsFound(t *testing.T) {
	t.Parallel()
	entries := map[string]string{"shared/a.go Read": "", "shared/a.go Mended": "", "shared/gone.go Read": ""}
	got := stale("list", entries, []string{"shared/a.go:7: Read: err is dropped", "shared/b.go:9: Mended: err is dropped"})
	if len(got) != 2 || !strings.Contains(got[0], "a.go Mended") || !strings.Contains(got[1], "gone.go Read") {
		t.Errorf("%v; want the two entries that excuse nothing", got)
	}
}

func TestBareArithmeticOnMoneyIsFound(t *testing.T) {
	t.Parallel()
	const head = "package x\nimport \"github.com/fairgate/fairgate/shared/money\"\ntype seat struct{ Price money.KRW; No int }\n"
	for code, faults := range map[string]int{
		"func f(s seat) money.KRW { return s.Price * 2 }":                                             1,
		"func f(a, b money.KRW) money.KRW { return a + b }":                                           1,
		"func f(all []seat) (sum money.KRW) { for _, s := range all { sum += s.Price }; return sum }": 1,
		"func f(n int64) money.KRW { return money.KRW(n) - 1 }":                                       1,
		"func f() { var left money.KRW; left -= 5 }":                                                  1,
		"func f(a, b money.KRW) (money.KRW, error) { return money.Sum(a, b) }":                        0,
		"func f(s seat) (bool, int) { return s.Price > 5, s.No + 1 }":                                 0,
	} {
		if got := checkSums(tree(t, map[string]string{"shared/booking/a.go": head + code})); len(got) != faults {
			t.Errorf("%s: %d faults %v, want %d", code, len(got), got, faults)
		}
	}
}
