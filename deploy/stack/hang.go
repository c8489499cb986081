package stack

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// Hang stops every process of a part where it is, by SIGSTOP: its connections stay
// open and nothing is answered, as on a machine that swaps or whose disk does not
// answer. Resume lets all go on.
func (s System) Hang(name string) (resume func() error, err error) {
	p, running := s.sup().find(name)
	if !running {
		return nil, fmt.Errorf("%s does not run", name)
	}
	var stopped []int
	resume = func() error {
		var errs []error
		for _, pid := range slices.Backward(stopped) {
			errs = append(errs, syscall.Kill(pid, syscall.SIGCONT))
		}
		return errors.Join(errs...)
	}
	// Parents first: one that is stopped begins no more children.
	for queue := []int{p.pid}; len(queue) > 0; queue = queue[1:] {
		if err := syscall.Kill(queue[0], syscall.SIGSTOP); err != nil {
			if queue[0] != p.pid && errors.Is(err, syscall.ESRCH) {
				continue // it has ended meanwhile
			}
			return nil, errors.Join(fmt.Errorf("%s: cannot stop pid %d: %w", name, queue[0], err), resume())
		}
		stopped = append(stopped, queue[0])
		queue = append(queue, childrenOf(queue[0])...)
	}
	return resume, nil
}

// Pid returns the process id of a part; ok is false when it does not run.
func (s System) Pid(name string) (pid int, ok bool) {
	p, running := s.sup().find(name)
	return p.pid, running
}

// Services returns the names of the services and simulators.
func (s System) Services() []string {
	var names []string
	for _, of := range s.services() {
		names = append(names, of.name)
	}
	return names
}

// Probes returns the addresses of the services' readiness probes, by name.
func (s System) Probes() map[string]string {
	probes := map[string]string{}
	for _, of := range s.services() {
		probes[of.name] = of.ready(s.Backends.Ports)
	}
	return probes
}

func childrenOf(parent int) []int {
	var children []int
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		// The command in parentheses may hold blanks, so count from its end.
		const parentField = 1
		fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
		if len(fields) <= parentField || string(fields[parentField]) != strconv.Itoa(parent) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			children = append(children, pid)
		}
	}
	return children
}
