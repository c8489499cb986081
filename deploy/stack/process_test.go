package stack

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// shell is a program that runs a script.
func shell(name, script string) program {
	return program{name: name, path: "/bin/sh", args: []string{"-c", script}, env: []string{"PATH=/usr/bin:/bin"}, dir: "/"}
}

func TestStopEndsTheWholeSession(t *testing.T) {
	t.Parallel()
	s := supervisor{dir: t.TempDir()}
	marker := "86399." + strconv.Itoa(os.Getpid()) // a sleep that nobody else sleeps
	if err := s.start(shell("parent", "trap '' TERM; sleep "+marker+" & wait; wait")); err != nil {
		t.Fatal(err)
	}
	ready := func(context.Context) error { return exec.Command("pgrep", "-f", "^sleep "+marker).Run() }
	if err := s.await(context.Background(), "parent", 10*time.Second, ready); err != nil {
		t.Fatal(err)
	}
	if err := s.stop(context.Background(), "parent", syscall.SIGTERM, 200*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if _, running := s.find("parent"); running {
		t.Error("the parent still runs")
	}
	deadline := time.Now().Add(5 * time.Second)
	for ready(context.Background()) == nil {
		if time.Now().After(deadline) {
			t.Fatal("its child still runs")
		}
		time.Sleep(pollEvery)
	}
}

func TestAFailureNamesPartReasonAndLog(t *testing.T) {
	t.Parallel()
	s := supervisor{dir: t.TempDir()}
	if err := s.start(shell("broken", "echo first; echo the key is missing >&2; exit 3")); err != nil {
		t.Fatal(err)
	}
	err := s.await(context.Background(), "broken", 10*time.Second, func(context.Context) error { return syscall.ECONNREFUSED })
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"broken: ended while starting", s.logFile("broken"), "the key is missing"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in:\n%v", want, err)
		}
	}
}

func TestAPidOfAnotherProcessIsNotOurs(t *testing.T) {
	t.Parallel()
	s := supervisor{dir: t.TempDir()}
	if err := s.prepare(); err != nil {
		t.Fatal(err)
	}
	record := strconv.Itoa(os.Getpid()) + " 1 abc\n" // our pid, but not started one tick after boot
	if err := os.WriteFile(s.pidFile("reused"), []byte(record), 0o600); err != nil {
		t.Fatal(err)
	}
	if p, running := s.find("reused"); running {
		t.Errorf("found %+v", p)
	}
	if err := s.stop(context.Background(), "reused", syscall.SIGKILL, time.Second); err != nil {
		t.Error(err)
	}
}

func TestFingerprintChangesWithBinaryArgumentsAndEnvironment(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "binary")
	if err := os.WriteFile(path, []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := program{path: path, args: []string{"a"}, env: []string{"A=1"}}
	same, args, env := p, p, p
	args.args, env.env = []string{"b"}, []string{"A=2"}
	if same.fingerprint() != p.fingerprint() {
		t.Error("the same program has two fingerprints")
	}
	before := p.fingerprint()
	if args.fingerprint() == before || env.fingerprint() == before {
		t.Error("arguments or environment do not count")
	}
	if err := os.WriteFile(path, []byte("three"), 0o600); err != nil {
		t.Fatal(err)
	}
	if p.fingerprint() == before {
		t.Error("the binary does not count")
	}
}

func TestClaimNamesPortOwnerAndSetting(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	err = claim("redis", port)
	if err == nil {
		t.Fatal("a taken port was claimed")
	}
	for _, want := range []string{"redis", strconv.Itoa(port), "pid " + strconv.Itoa(os.Getpid()), "PORT_BASE"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %q", want, err)
		}
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	if err := claim("redis", port); err != nil {
		t.Error(err)
	}
}

func TestParsePortBase(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"8000": 8000, "65436": 65436, "80": 0, "65437": 0, "x": 0, "": 0} {
		if got, err := ParsePortBase(text); got != want || (err == nil) != (want != 0) {
			t.Errorf("ParsePortBase(%q) = %d, %v", text, got, err)
		}
	}
}

func TestNewestComparesNumbers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, version := range []string{"9", "15", "13"} {
		if err := os.Mkdir(filepath.Join(dir, "v"+version), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if got := filepath.Base(newest(filepath.Join(dir, "v*"))); got != "v15" {
		t.Errorf("newest is %s", got)
	}
	if got := newest(filepath.Join(dir, "w*")); got != "" {
		t.Errorf("nothing matches, got %s", got)
	}
}
