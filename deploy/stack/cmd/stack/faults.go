package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/fairgate/fairgate/deploy/stack"
	"github.com/fairgate/fairgate/deploy/stack/testrun"
)

const (
	faultsFolder = "test-faults"
	faultsBase   = testPortBase + 2000 // where "make test" does not look
)

// faultTests runs the tests under faults. They start, kill and restart the parts of
// a system themselves; this makes room for it and clears away what they leave.
func faultTests(ctx context.Context, root string, args []string) error {
	dir := filepath.Join(root, ".run", faultsFolder)
	layOut := func() (stack.System, error) { return faultySystem(root, dir) }
	return onThrowaway(ctx, layOut, func(s stack.System) error {
		err := runFaultTests(ctx, s, args)
		return errors.Join(err, keepLogs(s, err))
	})
}

func runFaultTests(ctx context.Context, s stack.System, args []string) error {
	if err := errors.Join(s.InstallBalancer(ctx), installPageTests(ctx, s, filepath.Join(s.Root, "deploy", "e2e"))); err != nil {
		return err
	}
	dir := s.Backends.Dir
	report := filepath.Join(dir, "figures.txt")
	environ := append(os.Environ(), s.TestEnviron()...)
	// Slack takes one post a second, which is longer than a sale; it has tests of its own.
	environ = append(environ, "SLACK_WEBHOOK_URL=", "FAULTS_DIR="+dir, "FAULTS_PORT_BASE="+strconv.Itoa(s.Backends.Ports.Base), "FAULTS_REPORT="+report)
	totals, err := testrun.Run(ctx, testrun.Options{
		Root: s.Root, Out: os.Stdout, Environ: environ, Patterns: []string{"./deploy/faults/..."},
		// Without the race detector: what is tested are other processes.
		Args: slices.Concat([]string{"-tags=faults", "-race=false", "-count=1", "-timeout=25m"}, args),
	})
	if figures, readErr := os.ReadFile(report); readErr == nil {
		fmt.Printf("%s", figures)
	}
	fmt.Println("faults: " + totals.String())
	return errors.Join(err, os.RemoveAll(report))
}

// keepLogs saves what the parts said in a run that failed.
func keepLogs(s stack.System, failure error) error {
	if failure == nil {
		return nil
	}
	kept := s.Backends.Dir + "-logs"
	if err := os.RemoveAll(kept); err != nil {
		return err
	}
	fmt.Println("faults: the logs are in " + kept)
	return os.CopyFS(kept, os.DirFS(filepath.Join(s.Backends.Dir, "log")))
}

// faultySystem lays out the system under faults, on free ports that its folder keeps.
func faultySystem(root, dir string) (stack.System, error) {
	base, err := testBase(dir, faultsBase)
	if err != nil {
		return stack.System{}, err
	}
	s, err := system(root, dir, base, stack.Durable)
	s.Mode, s.Shape, s.Detoured = stack.Local, stack.Paired, true
	return s, err
}
