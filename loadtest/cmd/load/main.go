// Command load runs one k6 scenario against a running Fairgate and then verifies,
// from the database and the payment provider, that every promise was kept. Its exit
// code says what happened: 0 fine, 1 it could not be run, 2 wrong settings, 3 a
// promise was broken, 4 only a threshold was missed, 130 stopped.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/fairgate/fairgate/loadtest/drive"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	code := load(ctx, os.Args[1:], os.LookupEnv, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

const (
	failed   = 1
	misused  = 2
	stopped  = 130
	portBase = 8000
)

func load(ctx context.Context, args []string, lookup func(string) (string, bool), out, faults io.Writer) int {
	set, err := settings(args, lookup, faults)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		_, _ = fmt.Fprintln(faults, "load:", err)
		return misused
	}
	verdict, err := drive.Run(ctx, set, out)
	switch {
	case ctx.Err() != nil && err != nil:
		_, _ = fmt.Fprintln(faults, "\nload: stopped")
		return stopped
	case errors.As(err, new(*drive.SettingsError)):
		_, _ = fmt.Fprintln(faults, "load:", err)
		return misused
	case err != nil:
		_, _ = fmt.Fprintln(faults, "\nload:", err)
		return failed
	}
	tell(out, verdict)
	return verdict.ExitCode()
}

func tell(out io.Writer, v drive.Verdict) {
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(out, format+"\n", args...) }
	say("Verified from outside")
	for _, what := range v.Checked {
		say("  %s", what)
	}
	for _, what := range v.NotChecked {
		say("  NOT CHECKED  %s", what)
	}
	for _, what := range v.Violations {
		say("  VIOLATION  %s", what)
	}
	for _, what := range v.Thresholds {
		say("  THRESHOLD MISSED  %s", what)
	}
	say("%s\nReport: %s", v, v.Report)
}
