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
)

const usage = `usage: stack <command>

  up         start everything and wait until it is ready
  down       stop everything; the data stay
  reset      stop everything and delete the data
  status     say what runs
  logs       follow the logs, or "logs <part>"
  backends   start only Postgres, Redis and RabbitMQ
  test       run all tests on backends of their own ("-long": the minute-long ones, "-system": those of the whole system, "-pages": those in a browser, "-load": the load scenarios, "-faults": those that kill and cut, "-observe": those of the alerts)
  test-env   start backends for tests by hand and print a shell's exports
  clean-env  stop what test-env started

settings: PORT_BASE (8000), TEST_PORT_BASE (18600), BACKENDS (auto, local or compose), OBSERVE=1 (also Prometheus and Alertmanager)`

// command runs one of the commands of usage.
func command(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New(usage)
	}
	if args[0] == stack.KeepVerb && len(args) == 2 {
		return stack.Keep(ctx, args[1], os.Stdout)
	}
	root, err := projectRoot()
	if err != nil {
		return err
	}
	switch args[0] {
	case "test":
		if faults := slices.Index(args, "-faults"); faults > 0 {
			return faultTests(ctx, root, slices.Delete(args[1:], faults-1, faults))
		}
		return test(ctx, root, args[1:])
	case "test-env":
		return testEnv(ctx, root)
	case "clean-env":
		return cleanEnv(ctx, root)
	}
	s, err := development(root)
	if err != nil {
		return err
	}
	switch args[0] {
	case "status":
		return s.Status(ctx)
	case "logs":
		part := ""
		if len(args) > 1 {
			part = args[1]
		}
		return s.Logs(part)
	}
	return locked(s, func() error { return change(ctx, s, args[0]) })
}

// change runs a command that starts or stops something.
func change(ctx context.Context, s stack.System, verb string) error {
	switch verb {
	case "up":
		if err := s.Up(ctx); err != nil {
			return err
		}
		return s.PrintGuide()
	case "down":
		return errors.Join(cleanEnv(ctx, s.Root), s.Down(ctx))
	case "reset":
		return errors.Join(cleanEnv(ctx, s.Root), s.Reset(ctx))
	case "backends":
		return s.StartBackends(ctx)
	}
	return errors.New(usage)
}

func locked(s stack.System, work func() error) error {
	unlock, err := s.Lock()
	if err != nil {
		return err
	}
	defer unlock()
	return work()
}

// projectRoot is the folder of go.work at or above the working folder.
func projectRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("run this inside the project: no go.work found")
		}
		dir = filepath.Dir(dir)
	}
}

// development lays out the stack of "make up". The default port base lives in
// .run itself, any other in .run/<base>.
func development(root string) (stack.System, error) {
	base, err := portBase("PORT_BASE", stack.DefaultPortBase)
	if err != nil {
		return stack.System{}, err
	}
	dir := filepath.Join(root, ".run")
	if base != stack.DefaultPortBase {
		dir = filepath.Join(dir, strconv.Itoa(base))
	}
	s, err := system(root, dir, base, stack.Durable)
	if err != nil {
		return s, err
	}
	if os.Getenv("OBSERVE") != "" {
		s.Observe = stack.DefaultObservation()
	}
	s.Keeper, err = os.Executable()
	return s, err
}

func system(root, dir string, base int, durability stack.Durability) (stack.System, error) {
	mode, err := stack.ParseMode(os.Getenv("BACKENDS"))
	if err != nil {
		return stack.System{}, err
	}
	return stack.System{
		Root: root,
		Backends: stack.Backends{Dir: dir, Ports: stack.PortsFrom(base), Durability: durability,
			Progress: stack.NewProgress(os.Stderr)},
		Mode: mode,
		Out:  os.Stdout,
	}, nil
}

func portBase(name string, otherwise int) (int, error) {
	text := os.Getenv(name)
	if text == "" {
		return otherwise, nil
	}
	base, err := stack.ParsePortBase(text)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	return base, nil
}
