package arch

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Each of these stands in one module, which knows how browsers refuse it.
var browserRules = []struct {
	name   *regexp.Regexp
	only   string // the files that may
	reason string
}{
	{regexp.MustCompile(`\b(localStorage|sessionStorage|indexedDB)\b`), "storage.js", "their getters throw where cookies are blocked; use tabStore and deviceStore"},
	{regexp.MustCompile(`\bfetch\(`), "session.js link.js", "no answer and a foreign answer are told apart from a refusal there; use call"},
	{regexp.MustCompile(`\bBroadcastChannel\b|navigator\.locks`), "session.js holds.js", "refused where storage is, and missing on plain http"},
	{regexp.MustCompile(`crypto\.(randomUUID|subtle)`), "", "missing on plain http; use freshKey"},
	{regexp.MustCompile(`navigator\.(vibrate|clipboard|share|serviceWorker|wakeLock)[.(]`), "", "missing or refused in places; call it with ?."},
	{regexp.MustCompile(`\bstatus >= 500\b|\bstatus === 503\b`), "session.js", "what may be better in a moment is one question; use isPassing"},
	{regexp.MustCompile(`AbortSignal\.timeout\(`), "", "missing in browsers that are still about; use timeout"},
}

// TestBrowserModulesExpectRefusals reads all modules that browsers run.
func TestBrowserModulesExpectRefusals(t *testing.T) {
	t.Parallel()
	for _, folder := range []string{"shared/platform/page/static", "booking-api/web/static", "queue-gateway/web/static"} {
		files, err := filepath.Glob(filepath.Join(projectRoot, folder, "*.js"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no modules in %s: %v", folder, err)
		}
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for number, line := range strings.Split(string(source), "\n") {
				for _, fault := range browserFaults(filepath.Base(file), line) {
					t.Errorf("%s/%s:%d: %s", folder, filepath.Base(file), number+1, fault)
				}
			}
		}
	}
}

func browserFaults(file, line string) []string {
	if trimmed := strings.TrimSpace(line); strings.HasPrefix(trimmed, "//") || strings.HasPrefix(trimmed, "*") {
		return nil
	}
	var faults []string
	for _, rule := range browserRules {
		if match := rule.name.FindString(line); match != "" && !slices.Contains(strings.Fields(rule.only), file) {
			faults = append(faults, match+": "+rule.reason)
		}
	}
	return faults
}

func TestBrowserRulesFindWhatTheyForbid(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]int{
		`JSON.parse(sessionStorage.getItem("a"))`:     1,
		`navigator.vibrate([1])`:                      1,
		`navigator.vibrate?.([1])`:                    0,
		`if (answer.status >= 500) return goLogin();`: 1,
		`const all = await fetch("/v1/me");`:          1,
		`// localStorage is refused there`:            0,
		`if (answer.status === 200) return x.fetched`: 0,
	} {
		if got := browserFaults("page.js", line); len(got) != want {
			t.Errorf("%q: %v, want %d faults", line, got, want)
		}
	}
}
