//go:build faults

package faults

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/fairgate/fairgate/deploy/stack"
)

// site is the one system under test; TestMain sets it. The tests run one after the
// other, each with sales of its own.
var site *system

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	started, err := start()
	if started != nil {
		defer started.close()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		return 1
	}
	site = started
	fmt.Printf("FAULTS_SEED=%d\n", site.seed)
	return m.Run()
}

// start brings up the system that "stack test -faults" made room for.
func start() (*system, error) {
	dir, base := os.Getenv("FAULTS_DIR"), os.Getenv("FAULTS_PORT_BASE")
	if dir == "" || base == "" {
		return nil, errors.New("no room for a system: run 'make test-faults'")
	}
	port, err := stack.ParsePortBase(base)
	if err != nil {
		return nil, err
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		return nil, err
	}
	s := &system{seed: seed(), System: stack.System{
		Root: root, Mode: stack.Local, Shape: stack.Paired, Detoured: true, Out: os.Stdout,
		Backends: stack.Backends{Dir: dir, Ports: stack.PortsFrom(port), Durability: stack.Durable, Progress: stack.NewProgress(os.Stderr)},
	}}
	if err := s.openRoads(); err != nil {
		return s, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	return s, s.Up(ctx)
}

// seed of all random choices: FAULTS_SEED, or a new one.
func seed() uint64 {
	if given, err := strconv.ParseUint(os.Getenv("FAULTS_SEED"), 10, 64); err == nil {
		return given
	}
	return rand.Uint64()
}
