package testrun

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// project writes a module with one package and its test.
func project(t *testing.T, test string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module example\n\ngo 1.26\n", "a.go": "package a\n", "a_test.go": test} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestRunCountsAndFails(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, test      string
		passed, failed  int
		skipped         int
		wantErr         bool
		says, saysNever string
	}{
		{
			name:   "all pass",
			test:   "package a\nimport \"testing\"\nfunc TestA(t *testing.T) { t.Run(\"sub\", func(t *testing.T) { t.Log(\"quiet\") }) }\n",
			passed: 2, saysNever: "quiet",
		},
		{
			name:   "one fails, its words are printed",
			test:   "package a\nimport \"testing\"\nfunc TestA(t *testing.T) {}\nfunc TestB(t *testing.T) { t.Fatal(\"loud\") }\n",
			passed: 1, failed: 1, wantErr: true, says: "loud",
		},
		{
			name:    "skips are counted and named",
			test:    "package a\nimport \"testing\"\nfunc TestA(t *testing.T) {}\nfunc TestB(t *testing.T) { t.Skip() }\n",
			passed:  1,
			skipped: 1,
		},
		{
			name:   "does not build",
			test:   "package a\nfunc TestA(t *testing.T) {}\n",
			failed: 1, wantErr: true, says: "undefined: testing",
		},
		{
			name:   "a panic shows the test that it cut off",
			test:   "package a\nimport \"testing\"\nfunc TestA(t *testing.T) { panic(\"oops\") }\n",
			failed: 1, wantErr: true, says: "oops",
		},
		{
			name:   "an exit in the middle counts the test that it cut off",
			test:   "package a\nimport (\"os\"; \"testing\")\nfunc TestA(t *testing.T) {}\nfunc TestB(t *testing.T) { os.Exit(3) }\n",
			passed: 1, failed: 1, wantErr: true,
		},
		{name: "nothing to run is an error", test: "package a\n", wantErr: true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			totals, err := Run(context.Background(), Options{Root: project(t, c.test), Patterns: []string{"./..."},
				Environ: append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod"), Out: &out})
			if (err != nil) != c.wantErr {
				t.Errorf("err = %v, want one: %v", err, c.wantErr)
			}
			if totals.Passed != c.passed || totals.Failed != c.failed || totals.Skipped != c.skipped {
				t.Errorf("%s\n%s", totals, &out)
			}
			if !strings.Contains(out.String(), c.says) || (c.saysNever != "" && strings.Contains(out.String(), c.saysNever)) {
				t.Errorf("printed:\n%s", &out)
			}
		})
	}
}
