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

	"github.com/jackc/pgx/v5"
)

// Report is one run of the bench.
type Report struct {
	Date     string            `json:"date"`
	Commands []string          `json:"commands"`
	Machine  string            `json:"machine"`
	Versions map[string]string `json:"versions"`
	Results  []Result          `json:"results"`
}

// NewReport describes the machine and the system; results are added later.
func (b *Bench) NewReport(ctx context.Context, command string) Report {
	return Report{
		Date: time.Now().UTC().Format("2006-01-02 15:04 UTC"), Commands: []string{command}, Machine: machine(), Versions: b.versions(ctx),
	}
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

func (b *Bench) versions(ctx context.Context) map[string]string {
	all := map[string]string{"go": strings.TrimPrefix(runtime.Version(), "go")}
	if db, err := pgx.Connect(ctx, b.System.postgres()); err == nil {
		var version string
		if db.QueryRow(ctx, `SELECT current_setting('server_version')`).Scan(&version) == nil {
			all["postgres"] = version
		}
		_ = db.Close(ctx)
	}
	for program, args := range map[string][]string{"redis": {"redis-server", "--version"}, "project": {"git", "-C", b.System.Root, "rev-parse", "--short", "HEAD"}} {
		if out, err := exec.CommandContext(ctx, args[0], args[1:]...).Output(); err == nil {
			all[program] = shortVersion(string(out))
		}
	}
	return all
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
