package stack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// program is something the stack runs in the background.
type program struct {
	name string
	path string
	args []string
	env  []string // the whole environment
	dir  string
	as   *syscall.Credential // nil: the caller
}

// fingerprint changes when the program would run differently: another binary,
// other arguments, another environment.
func (p program) fingerprint() string {
	h := sha256.New()
	if binary, err := os.Open(p.path); err == nil { // its time does not tell: go install touches what is current
		_, _ = io.Copy(h, binary)
		_ = binary.Close()
	}
	_, _ = fmt.Fprintf(h, "%q %q %q", p.path, p.args, p.env)
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// process is a started program, as its pid file remembers it.
type process struct {
	pid         int
	ticks       uint64
	fingerprint string
}

func (p process) alive() bool {
	ticks, ok := startTicks(p.pid)
	return ok && ticks == p.ticks
}

// supervisor starts programs in sessions of their own, so that they outlive the
// command, and finds them again through pid files.
type supervisor struct {
	dir    string
	keeper []string // the command that keeps a program running, up to the order's file; empty: none does
	pace   pace
}

func (s supervisor) logFile(name string) string { return filepath.Join(s.dir, "log", name+".log") }
func (s supervisor) pidFile(name string) string { return s.beside(name, "pid") }
func (s supervisor) beside(name, ending string) string {
	return filepath.Join(s.dir, "pid", name+"."+ending)
}
func (s supervisor) dataDir() string { return filepath.Join(s.dir, "data") }

func (s supervisor) start(p program) error {
	if err := s.prepare(); err != nil {
		return err
	}
	log, err := s.openLog(p.name)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(p.path, p.args...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = p.env, p.dir, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: p.as}
	if err := cmd.Start(); err != nil {
		return &PartError{Part: p.name, Reason: err.Error()}
	}
	ticks, _ := startTicks(cmd.Process.Pid)
	go func() { _ = cmd.Wait() }() // reaps it; how it ended is in its log
	return process{pid: cmd.Process.Pid, ticks: ticks, fingerprint: p.fingerprint()}.record(s.pidFile(p.name))
}

func (s supervisor) prepare() error {
	for _, folder := range []string{"log", "pid", "data"} {
		if err := os.MkdirAll(filepath.Join(s.dir, folder), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// openLog begins a new log and keeps the one before it as .old.
func (s supervisor) openLog(name string) (*os.File, error) {
	path := s.logFile(name)
	if err := os.Rename(path, path+".old"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
}

// find returns the running process of that name.
func (s supervisor) find(name string) (process, bool) {
	return readProcess(s.pidFile(name))
}

const pollEvery = 25 * time.Millisecond

// await polls ready until it succeeds, the process ends, or time is up.
func (s supervisor) await(ctx context.Context, name string, limit time.Duration, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	before, _ := s.restartsOf(name)
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		_, running := s.find(name)
		if now, _ := s.restartsOf(name); !running || now.Count > before.Count {
			return s.failure(name, "ended while starting")
		}
		select {
		case <-ctx.Done():
			return s.failure(name, fmt.Sprintf("not ready after %s: %v", limit, err))
		case <-time.After(pollEvery):
		}
	}
}

// stop asks a process to end with signal, waits for grace, then kills what is
// left of its process group. A process that does not run is no error. Its keeper goes
// first: after that nothing starts it again.
func (s supervisor) stop(ctx context.Context, name string, signal syscall.Signal, grace time.Duration) error {
	if err := s.dismiss(name); err != nil {
		return err
	}
	p, running := s.find(name)
	if !running {
		return remove(s.pidFile(name))
	}
	if err := syscall.Kill(p.pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("%s: cannot stop pid %d: %w", name, p.pid, err)
	}
	deadline := time.Now().Add(grace)
	for p.alive() && time.Now().Before(deadline) && ctx.Err() == nil {
		time.Sleep(pollEvery)
	}
	if err := killGroup(p); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return remove(s.pidFile(name))
}

// killGroup ends whatever is left of the process group that began with p.
func killGroup(p process) error {
	if err := syscall.Kill(-p.pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	for range 200 {
		if !p.alive() {
			return nil
		}
		time.Sleep(pollEvery)
	}
	return fmt.Errorf("pid %d does not end", p.pid)
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// PartError says which part of the stack failed, why, and where to read more.
type PartError struct {
	Part   string
	Reason string
	Log    string // path, or empty
	Tail   string // the log's last lines
}

func (e *PartError) Error() string {
	text := e.Part + ": " + e.Reason
	if e.Log == "" {
		return text
	}
	text += "\n  log: " + e.Log
	if e.Tail != "" {
		text += "\n  its last lines:\n    " + strings.ReplaceAll(e.Tail, "\n", "\n    ")
	}
	return text
}

func (s supervisor) failure(name, reason string) error {
	return &PartError{Part: name, Reason: reason, Log: s.logFile(name), Tail: tail(s.logFile(name), 12)}
}

// tail returns a file's last lines, or "" if it cannot be read.
func tail(path string, lines int) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	all := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
