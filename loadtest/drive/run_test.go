package drive

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// stage is a gateway that is ready, and a stand-in for k6, a shell script.
func stage(t *testing.T, k6 string) Settings {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) }))
	t.Cleanup(server.Close)
	dir := t.TempDir()
	s := Unset()
	s.Scenario, s.Dir, s.Out, s.BaseURL, s.K6 = "browse", "..", filepath.Join(dir, "reports"), server.URL, filepath.Join(dir, "k6")
	s.Fans = 3
	// A program that is forked meanwhile must not inherit the file: while anybody has
	// it open for writing it cannot be run.
	syscall.ForkLock.RLock()
	err := os.WriteFile(s.K6, []byte("#!/bin/sh\n"+k6), 0o700) //nolint:gosec // it is run
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// summing is a script that writes a summary and ends with a code.
func summing(done int, thresholds string, code int) string {
	return fmt.Sprintf(`cat > "$SUMMARY" <<END
{"seconds":2.5,"metrics":{"http_reqs":{"values":{"count":40,"rate":16}},"ways_started":{"values":{"count":3}},"outcome_done":{"values":{"count":%d}},
"step_list":{"type":"trend","values":{"count":40,"avg":2,"min":1,"med":2,"p(90)":3,"p(95)":4,"p(99)":5,"max":6}%s}}}
END
exit %d
`, done, thresholds, code)
}

func TestAVerdictSaysWhatWasWrong(t *testing.T) {
	t.Parallel()
	const missed = `,"thresholds":{"p(99)<1":{"ok":false}}`
	tests := []struct {
		name, k6  string
		code      int
		says      string
		inReport  string
		cannotRun string
	}{
		{name: "fine", k6: summing(3, "", 0), code: 0, says: "0 violations", inReport: "✓ 0 violations"},
		{name: "a threshold", k6: summing(3, missed, 99), code: 4, says: "0 violations, 1 missed threshold", inReport: "threshold missed: step_list p(99)&lt;1"},
		{name: "a violation", k6: summing(2, "", 0), code: 3, says: "1 violation, 0 missed thresholds", inReport: "violation: 1 fans whose way did not end"},
		{name: "both", k6: summing(2, missed, 99), code: 3, says: "1 violation, 1 missed threshold", inReport: "violation: 1 fans"},
		{name: "no summary", k6: "echo a broken script >&2; exit 107", cannotRun: "k6 left no summary"},
		{name: "a fault of k6", k6: summing(3, "", 107), cannotRun: "exit status 107"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			v, err := Run(t.Context(), stage(t, test.k6), &out)
			if test.cannotRun != "" {
				if err == nil || !strings.Contains(err.Error(), test.cannotRun) {
					t.Errorf("error %v, want %q", err, test.cannotRun)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if v.ExitCode() != test.code || v.String() != test.says {
				t.Errorf("exit code %d, %q; want %d, %q", v.ExitCode(), v, test.code, test.says)
			}
			page, err := os.ReadFile(v.Report)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(page), test.inReport) {
				t.Errorf("the report does not say %q", test.inReport)
			}
			if found := regexp.MustCompile(`(?i)(src|href)\s*=|url\(|@import|<script`).FindString(string(page)); found != "" {
				t.Errorf("the report is not self-contained: %s", found)
			}
		})
	}
}

func TestComplaintsOfK6AreShownAndKept(t *testing.T) {
	t.Parallel()
	set := stage(t, `i=0; while [ $i -lt 50 ]; do echo "complaint $i" >&2; i=$((i+1)); done; exit 107`)
	var out strings.Builder
	if _, err := Run(t.Context(), set, &out); err == nil {
		t.Fatal("no error")
	}
	if !strings.Contains(out.String(), "complaint 19\n") || strings.Contains(out.String(), "complaint 20") || !strings.Contains(out.String(), "more in the log") {
		t.Errorf("shown:\n%s", &out)
	}
	logs, err := filepath.Glob(filepath.Join(set.Out, "*.log"))
	if err != nil || len(logs) != 1 {
		t.Fatalf("logs %v, %v", logs, err)
	}
	if text, err := os.ReadFile(logs[0]); err != nil || !strings.Contains(string(text), "complaint 49") {
		t.Errorf("the log ends before the last complaint (%v)", err)
	}
}

func TestAStoppedRunLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	pidFile := filepath.Join(t.TempDir(), "pid")
	set := stage(t, fmt.Sprintf(`trap 'echo "{\"seconds\":1,\"metrics\":{}}" > "$SUMMARY"; exit 105' INT
echo $$ > %[1]s.new; mv %[1]s.new %[1]s
while :; do sleep 0.05; done
`, pidFile))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	pid := make(chan int, 1)
	go func() { // stops the run as soon as k6 runs
		defer stop()
		for ctx.Err() == nil {
			if text, err := os.ReadFile(pidFile); err == nil {
				n, _ := strconv.Atoi(strings.TrimSpace(string(text)))
				pid <- n
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	var out strings.Builder
	v, err := Run(ctx, set, &out)
	if err != nil || !v.Stopped || v.ExitCode() != 130 {
		t.Fatalf("%+v, %v", v, err)
	}
	if err := syscall.Kill(<-pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("k6 still runs: %v", err)
	}
	if page, err := os.ReadFile(v.Report); err != nil || !strings.Contains(string(page), "nothing is proven") {
		t.Errorf("the report does not say that the run was stopped (%v)", err)
	}
}

func TestASystemThatIsNotThereIsNamed(t *testing.T) {
	t.Parallel()
	set := stage(t, "exit 1")
	set.BaseURL = "http://127.0.0.1:1"
	if _, err := Run(t.Context(), set, &strings.Builder{}); err == nil || !strings.Contains(err.Error(), "make up") {
		t.Errorf("%v", err)
	}
}

func TestOnlyAPrometheusThatTakesRemoteWritesIsUsed(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]bool{http.StatusBadRequest: true, http.StatusNoContent: true, http.StatusNotFound: false} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/api/v1/write" {
				t.Errorf("asked %s", r.URL.Path)
			}
			w.WriteHeader(status)
		}))
		if got := takesRemoteWrites(t.Context(), server.URL); got != want {
			t.Errorf("%d: %v", status, got)
		}
		server.Close()
	}
	if takesRemoteWrites(t.Context(), "") || takesRemoteWrites(t.Context(), "http://127.0.0.1:1") {
		t.Error("nobody takes remote writes")
	}
}
