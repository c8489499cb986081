// Command bench starts a private system, measures it against its baselines and
// writes results.json and the table in RESULTS.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/fairgate/fairgate/loadtest/bench"
)

type options struct {
	root, dir, only, k6 string
	base, lineFans      int
	profile, keep       bool
}

func main() {
	var o options
	flag.StringVar(&o.root, "root", ".", "the project folder")
	flag.StringVar(&o.dir, "dir", "loadtest", "where RESULTS.md and results.json are, below the project folder")
	flag.StringVar(&o.only, "only", "", "rows, with commas; all when empty: "+strings.Join(bench.Rows(), ","))
	flag.StringVar(&o.k6, "k6", "", "the k6 program; its figures are left out when empty or not there")
	flag.IntVar(&o.base, "port-base", 23_000, "of the private system")
	flag.IntVar(&o.lineFans, "line-fans", 1_000_000, "fans in the longest line; fewer only to try it out")
	flag.BoolVar(&o.profile, "profile", false, "save CPU profiles of the services in .run/profiles")
	flag.BoolVar(&o.keep, "keep", false, "go on with the system that runs, and leave it running")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	root, err := filepath.Abs(o.root)
	if err != nil {
		return err
	}
	rows, err := bench.ParseRows(o.only)
	if err != nil {
		return err
	}
	system := &bench.System{Root: root, Base: o.base, Profile: o.profile, Keep: o.keep}
	fmt.Println("starting a private system")
	defer func() { err = errors.Join(err, system.Stop()) }()
	if err := system.Start(ctx); err != nil {
		return err
	}
	if _, missing := os.Stat(o.k6); missing != nil {
		o.k6 = ""
	}
	b := &bench.Bench{System: system, Out: os.Stdout, K6: o.k6, LineFans: o.lineFans, Command: command(o, rows)}
	return measure(ctx, b, rows, filepath.Join(root, o.dir))
}

// command is what has to be typed to measure these rows again.
func command(o options, rows []string) string {
	text := "make bench"
	if o.profile {
		text = "PROFILE=1 " + text
	}
	if len(rows) < len(bench.Rows()) {
		text += " ONLY=" + strings.Join(rows, ",")
	}
	return text
}

// measure writes the results after every row, so that an interrupted run keeps what
// it has found out.
func measure(ctx context.Context, b *bench.Bench, rows []string, dir string) error {
	file := filepath.Join(dir, "results.json")
	old, err := bench.ReadReport(file)
	if err != nil {
		return err
	}
	var report bench.Report
	var failed []string
	var writeErr error
	err = b.Run(ctx, rows, func(r bench.Result) {
		report.Results = append(report.Results, r)
		if r.Verdict() == "FAILED" {
			failed = append(failed, r.ID)
		}
		merged := report.Merge(old)
		if err := merged.Write(file); err != nil {
			writeErr = err
		}
		if err := merged.WriteTable(filepath.Join(dir, "RESULTS.md")); err != nil {
			writeErr = err
		}
	})
	fmt.Println()
	fmt.Print(report.Table())
	switch {
	case err != nil:
		return err
	case writeErr != nil:
		return writeErr
	case len(failed) > 0:
		return fmt.Errorf("rows that could not be measured: %s", strings.Join(failed, ", "))
	}
	return nil
}
