// Package testrun runs the Go tests of the whole workspace and says in a few
// lines what passed, and in full what did not.
package testrun

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Options choose what is run.
type Options struct {
	Root     string   // the project folder
	Patterns []string // packages, such as ./shared/...
	Args     []string // more arguments for go test
	Environ  []string // the whole environment
	Out      io.Writer
}

// Run runs go test -race and reports to Out. The error is not nil if a test or a
// build failed, or if nothing was run.
func Run(ctx context.Context, o Options) (Totals, error) {
	args := slices.Concat([]string{"test", "-race", "-json", "-timeout=6m"}, o.Args, o.Patterns)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = o.Root, o.Environ
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// Interrupting only "go" would leave the test binaries running.
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = 20 * time.Second
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return Totals{}, err
	}
	cmd.Stderr = cmd.Stdout // one reader, so that lines keep their order
	if err := cmd.Start(); err != nil {
		return Totals{}, err
	}
	begin := time.Now()
	report := newReport(o.Out)
	readErr := report.read(stdout)
	err = cmd.Wait()
	report.totals.Took = time.Since(begin)
	switch {
	case readErr != nil:
		return report.totals, readErr
	case err != nil:
		return report.totals, fmt.Errorf("go test: %w", err)
	case report.totals.Passed == 0:
		return report.totals, fmt.Errorf("go test ran no test in %s", strings.Join(o.Patterns, " "))
	}
	return report.totals, nil
}

// Totals of a run; subtests count as tests.
type Totals struct {
	Packages, Passed, Failed, Skipped int
	FailedNames, SkippedNames         []string
	Took                              time.Duration
}

func (t Totals) String() string {
	lines := fmt.Sprintf("%d passed, %d failed, %d skipped\n  %d packages in %.0f s",
		t.Passed, t.Failed, t.Skipped, t.Packages, t.Took.Seconds())
	for _, name := range t.FailedNames {
		lines += "\n  failed:  " + name
	}
	for _, name := range t.SkippedNames {
		lines += "\n  skipped: " + name
	}
	return lines
}

// event is a line of "go test -json"; see "go doc test2json".
type event struct {
	Action  string
	Package string
	Test    string
	Elapsed float64
	Output  string
}

type report struct {
	out    io.Writer
	totals Totals
	output map[string][]string // package, test → what it printed so far
	tests  map[string]int      // package → tests
	failed map[string]int      // package → tests that failed
}

func newReport(out io.Writer) *report {
	return &report{out: out, output: map[string][]string{}, tests: map[string]int{}, failed: map[string]int{}}
}

func (r *report) read(from io.Reader) error {
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			r.line(line)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (r *report) line(line []byte) {
	var e event
	if json.Unmarshal(line, &e) != nil {
		_, _ = r.out.Write(line) // not from a test: a message of the go command
		return
	}
	switch {
	case e.Action == "build-output":
		_, _ = io.WriteString(r.out, e.Output)
	case e.Action == "output":
		key := e.Package + " " + e.Test
		r.output[key] = append(r.output[key], e.Output)
	case e.Test != "":
		r.test(e)
	default:
		r.pkg(e)
	}
}

func (r *report) test(e event) {
	name := e.Package + " " + e.Test
	switch e.Action {
	case "pass":
		r.totals.Passed++
	case "fail":
		r.fail(e.Package, name)
		r.print(name)
	case "skip":
		r.totals.Skipped++
		r.totals.SkippedNames = append(r.totals.SkippedNames, name)
	default:
		return
	}
	r.tests[e.Package]++
	delete(r.output, name)
}

func (r *report) pkg(e event) {
	switch e.Action {
	case "pass":
		r.totals.Packages++
		_, _ = fmt.Fprintf(r.out, "ok    %-64s %5d tests %6.1f s\n", e.Package, r.tests[e.Package], e.Elapsed)
	case "fail":
		r.totals.Packages++
		r.print(e.Package + " ")
		r.unfinished(e.Package)
		if r.failed[e.Package] == 0 {
			r.fail(e.Package, e.Package+" (not by a test)")
		}
		_, _ = fmt.Fprintf(r.out, "FAIL  %-64s %5d tests %6.1f s\n", e.Package, r.tests[e.Package], e.Elapsed)
	}
}

func (r *report) fail(pkg, name string) {
	r.failed[pkg]++
	r.totals.Failed++
	r.totals.FailedNames = append(r.totals.FailedNames, name)
}

// unfinished prints and counts the tests that a panic or a timeout cut off.
func (r *report) unfinished(pkg string) {
	for key := range r.output {
		if strings.HasPrefix(key, pkg+" ") {
			r.fail(pkg, key+" (unfinished)")
			r.print(key)
		}
	}
}

func (r *report) print(key string) {
	_, _ = io.WriteString(r.out, strings.Join(r.output[key], ""))
	delete(r.output, key)
}

// Modules returns the patterns of all modules of the workspace in root.
func Modules(ctx context.Context, root string) ([]string, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}")
	cmd.Dir, cmd.Stderr = root, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list -m: %w", err)
	}
	dirs := strings.Fields(string(out))
	for i, dir := range dirs {
		dirs[i] = dir + "/..."
	}
	return dirs, nil
}
