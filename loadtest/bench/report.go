package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Report is what is known of every row, each as its last run measured it.
type Report struct {
	Results []Result `json:"results"`
}

// Run tells when, how and on what rows were measured. Runs compare equal when they
// are the same.
type Run struct {
	Date     string `json:"date"`    // when it began
	Command  string `json:"command"` // empty: not known
	Project  string `json:"project"` // the commit that was measured
	Versions string `json:"versions"`
	Machine  string `json:"machine"`
}

// thisRun describes the run that begins; the system is connected.
func (b *Bench) thisRun(ctx context.Context) Run {
	return Run{
		Date: time.Now().UTC().Format("2006-01-02 15:04 UTC"), Command: b.Command, Project: project(ctx, b.System.Root),
		Versions: b.versions(ctx), Machine: machine(),
	}
}

// project names the commit, and says when the tree differs from it in more than results.
func project(ctx context.Context, root string) string {
	git := func(args ...string) string {
		out, err := exec.CommandContext(ctx, "git", append([]string{"-C", root}, args...)...).Output()
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(out))
	}
	commit := git("rev-parse", "--short", "HEAD")
	switch {
	case commit == "":
		return "unknown"
	case git("status", "--porcelain", "--", ".", ":!loadtest/RESULTS.md", ":!loadtest/results.json") != "":
		return commit + " and changes"
	}
	return commit
}

func machine() string {
	return fmt.Sprintf("%d × %s, %s GiB, Linux %s; services, backends and load generator on the same cores",
		runtime.NumCPU(), field("/proc/cpuinfo", "model name"), gibibytes(field("/proc/meminfo", "MemTotal")), kernel())
}

// field returns the value of the first line "name : value" of a file of /proc.
func field(path, name string) string {
	text, _ := os.ReadFile(path)
	for line := range strings.Lines(string(text)) {
		key, value, ok := strings.Cut(line, ":")
		if ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func gibibytes(kilobytes string) string {
	n, err := strconv.Atoi(strings.TrimSuffix(kilobytes, " kB"))
	if err != nil {
		return "?"
	}
	return strconv.Itoa((n + 1<<19) >> 20)
}

func kernel() string {
	text, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return strings.TrimSpace(string(text))
}

// versions lists what the services are built with and stand on.
func (b *Bench) versions(ctx context.Context) string {
	all := []string{"go " + strings.TrimPrefix(runtime.Version(), "go")}
	var postgres string
	if b.db.QueryRow(ctx, `SELECT current_setting('server_version')`).Scan(&postgres) == nil {
		all = append(all, "postgres "+postgres)
	}
	if out, err := exec.CommandContext(ctx, "redis-server", "--version").Output(); err == nil {
		all = append(all, "redis "+shortVersion(string(out)))
	}
	return strings.Join(all, ", ")
}

// shortVersion cuts what "redis-server --version" says down to the number.
func shortVersion(text string) string {
	if _, after, ok := strings.Cut(text, "v="); ok {
		text, _, _ = strings.Cut(after, " ")
	}
	return strings.TrimSpace(text)
}

// Merge puts new results in the place of old ones of the same rows, in the order of
// the table, so that a run of some rows does not forget the others.
func (r Report) Merge(old Report) Report {
	byID := map[string]Result{}
	for _, results := range [][]Result{old.Results, r.Results} {
		for _, result := range results {
			byID[result.ID] = result
		}
	}
	r.Results = nil
	for _, id := range Rows() {
		if result, ok := byID[id]; ok {
			r.Results = append(r.Results, result)
		}
	}
	return r
}

// ReadReport reads a report; an empty one when there is none.
func ReadReport(path string) (Report, error) {
	raw, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return Report{}, nil
	}
	var r Report
	if err == nil {
		err = json.Unmarshal(raw, &r)
	}
	return r, err
}

// Write stores the report as JSON.
func (r Report) Write(path string) error {
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(raw, '\n'), 0o644)
}
