package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/fairgate/fairgate/deploy/stack"
	"github.com/fairgate/fairgate/deploy/stack/testrun"
)

const (
	testPortBase   = 18600
	testEnvFolder  = "test-env"
	testRunFolder  = "test"
	observeFolder  = "test-observe"
	stopTestsAfter = time.Minute
)

// test starts backends on free ports, runs the Go tests and the page tests on
// them, and stops and deletes them whatever happened.
func test(ctx context.Context, root string, args []string) error {
	folder := testRunFolder
	if slices.Contains(args, "-observe") {
		folder = observeFolder // beside "make test"
	}
	layOut := func() (stack.System, error) { return testSystem(root, folder) }
	return onThrowaway(ctx, layOut, func(s stack.System) error {
		if err := s.StartBackends(ctx); err != nil {
			return err
		}
		return runTests(ctx, s, args)
	})
}

// onThrowaway runs tests on a system that layOut chooses free ports for, after what a
// killed run left behind was cleared away, and discards it whatever happened.
func onThrowaway(ctx context.Context, layOut func() (stack.System, error), tests func(stack.System) error) (err error) {
	leftover, err := layOut()
	if err != nil {
		return err
	}
	unlock, err := leftover.Lock()
	if err != nil {
		return err
	}
	defer unlock()
	if err := discard(ctx, leftover); err != nil {
		return err
	}
	s, err := layOut()
	if err != nil {
		return err
	}
	defer func() {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTestsAfter)
		defer cancel()
		err = errors.Join(err, discard(stopping, s))
	}()
	return tests(s)
}

// runTests runs what args ask for: "-system" the tests of the whole system, "-pages"
// only those in a browser, "-observe" those of its alerts, "-load" the load scenarios
// at tiny size, "-long" the minute-long Go tests, packages or flags of go test those,
// and nothing at all everything.
func runTests(ctx context.Context, s stack.System, args []string) error {
	if slices.Contains(args, "-pages") {
		return onSystem(ctx, s, pageTests)
	}
	if slices.Contains(args, "-observe") {
		// As fast as may be: what is timed is the way of an alert.
		s.Observe = stack.Observation{On: true, Interval: "1s", Wait: "1s"}
		return onSystem(ctx, s, observeTests)
	}
	if slices.Contains(args, "-load") {
		return onSystem(ctx, s, loadTests)
	}
	if slices.Contains(args, "-system") {
		return onSystem(ctx, s, acceptanceTests, pageTests)
	}
	long := slices.Contains(args, "-long")
	args = slices.DeleteFunc(args, func(arg string) bool { return arg == "-long" })
	err := goTests(ctx, s, long, args)
	if ctx.Err() != nil || long || len(args) > 0 {
		return err
	}
	return errors.Join(err, onSystem(ctx, s, acceptanceTests, pageTests))
}

// onSystem starts the services beside the backends and runs tests against them.
func onSystem(ctx context.Context, s stack.System, tests ...func(context.Context, stack.System) error) error {
	if err := s.Up(ctx); err != nil {
		return err
	}
	var failed []error
	for _, test := range tests {
		if ctx.Err() == nil {
			failed = append(failed, test(ctx, s))
		}
	}
	return errors.Join(failed...)
}

// acceptanceTests hold the contract against a running system, from outside.
func acceptanceTests(ctx context.Context, s stack.System) error {
	totals, err := testrun.Run(ctx, testrun.Options{
		Root: s.Root, Out: os.Stdout, Environ: append(os.Environ(), s.TestEnviron()...),
		Patterns: []string{"./deploy/acceptance/...", "./deploy/observe/..."}, Args: []string{"-tags=acceptance", "-count=1"},
	})
	fmt.Println("acceptance: " + totals.String())
	return err
}

// observeTests look at a watched system, and break it so that an alert goes out.
func observeTests(ctx context.Context, s stack.System) error {
	environ := append(os.Environ(), s.TestEnviron()...)
	report := filepath.Join(s.Backends.Dir, "data", "observe", "figures.txt")
	environ = append(environ, "OBSERVE_DIR="+s.Backends.Dir, "OBSERVE_PORT_BASE="+strconv.Itoa(s.Backends.Ports.Base), "OBSERVE_REPORT="+report)
	totals, err := testrun.Run(ctx, testrun.Options{
		Root: s.Root, Out: os.Stdout, Environ: environ,
		Patterns: []string{"./deploy/observe/..."}, Args: []string{"-tags=observe", "-race=false", "-count=1"},
	})
	if figures, readErr := os.ReadFile(report); readErr == nil {
		fmt.Printf("%s", figures)
	}
	fmt.Println("observe: " + totals.String())
	return err
}

// discard stops a test system and deletes all of it, its choice of ports too.
func discard(ctx context.Context, s stack.System) error {
	return errors.Join(s.Reset(ctx), os.RemoveAll(portBaseFile(s.Backends.Dir)))
}

// goTests runs the Go tests; args are packages or flags of go test, by default
// all packages of the workspace.
func goTests(ctx context.Context, s stack.System, long bool, args []string) error {
	isPattern := func(arg string) bool { return !strings.HasPrefix(arg, "-") }
	o := testrun.Options{Root: s.Root, Out: os.Stdout, Environ: append(os.Environ(), s.Backends.TestEnviron()...)}
	for _, arg := range args {
		if isPattern(arg) {
			o.Patterns = append(o.Patterns, arg)
		} else {
			o.Args = append(o.Args, arg)
		}
	}
	if long {
		// first, so that a flag of the caller's, such as -run, wins
		o.Args = slices.Concat([]string{"-tags=long", "-run=^TestLong", "-timeout=60m", "-p=1"}, o.Args)
	}
	if len(o.Patterns) == 0 {
		all, err := testrun.Modules(ctx, s.Root)
		if err != nil {
			return err
		}
		o.Patterns = all
	}
	s.Backends.Progress.Say("tests", "building them with the race detector, which takes minutes the first time")
	totals, err := testrun.Run(ctx, o)
	fmt.Println("go: " + totals.String())
	return err
}

// pageTests runs the browser tests: single pages, then a fan's whole way.
func pageTests(ctx context.Context, s stack.System) error {
	dir := filepath.Join(s.Root, "deploy", "e2e")
	if _, err := os.Stat(filepath.Join(dir, "package.json")); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err := installPageTests(ctx, s, dir); err != nil {
		if os.Getenv("PAGE_TESTS") == "optional" && ctx.Err() == nil {
			fmt.Printf("pages: NOT RUN, they cannot be installed here: %v\n", err)
			return nil
		}
		return err
	}
	if err := errors.Join(npm(ctx, dir, s, "test"), npm(ctx, dir, s, "run", "way")); err != nil {
		return err
	}
	fmt.Println("pages: passed")
	return nil
}

func installPageTests(ctx context.Context, s stack.System, dir string) error {
	if err := s.InstallPageTestPackages(ctx); err != nil {
		return err
	}
	return npm(ctx, dir, s, "ci", "--prefer-offline", "--no-audit", "--no-fund", "--fetch-retries=1")
}

func npm(ctx context.Context, dir string, s stack.System, args ...string) error {
	cmd := exec.CommandContext(ctx, "npm", args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), s.TestEnviron()...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// The browser is a grandchild: interrupt the whole group.
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("page tests: npm %s: %w", strings.Join(args, " "), err)
	}
	return nil
}

// testEnv starts backends for tests run by hand.
func testEnv(ctx context.Context, root string) error {
	s, err := testSystem(root, testEnvFolder)
	if err != nil {
		return err
	}
	unlock, err := s.Lock()
	if err != nil {
		return err
	}
	defer unlock()
	if err := s.StartBackends(ctx); err != nil {
		return err
	}
	for _, line := range s.Backends.TestEnviron() {
		name, value, _ := strings.Cut(line, "=")
		fmt.Printf("export %s='%s'\n", name, value)
	}
	return nil
}

// cleanEnv stops and deletes what testEnv started, if anything.
func cleanEnv(ctx context.Context, root string) error {
	if _, err := os.Stat(portBaseFile(filepath.Join(root, ".run", testEnvFolder))); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	s, err := testSystem(root, testEnvFolder)
	if err != nil {
		return err
	}
	unlock, err := s.Lock()
	if err != nil {
		return err
	}
	defer unlock()
	return discard(ctx, s)
}

// testSystem lays out throwaway backends in a folder of .run. The port base that
// a running one has is kept in its folder.
func testSystem(root, folder string) (stack.System, error) {
	dir := filepath.Join(root, ".run", folder)
	base, err := testBase(dir, testPortBase)
	if err != nil {
		return stack.System{}, err
	}
	return system(root, dir, base, stack.Throwaway)
}

func testBase(dir string, otherwise int) (int, error) {
	file := portBaseFile(dir)
	if text, err := os.ReadFile(file); err == nil {
		return stack.ParsePortBase(string(text))
	}
	start, err := portBase("TEST_PORT_BASE", otherwise)
	if err != nil {
		return 0, err
	}
	base, err := stack.FreePortBase(start)
	if err != nil {
		return 0, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 0, err
	}
	return base, os.WriteFile(file, []byte(strconv.Itoa(base)), 0o644)
}

func portBaseFile(dir string) string { return filepath.Join(dir, "port-base") }
