package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The tests' own program is the keeper of what they start.
func TestMain(m *testing.M) {
	if os.Getenv("STACK_TEST_KEEP") != "" {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		err := Keep(ctx, os.Args[len(os.Args)-1], os.Stdout)
		stop()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// kept returns a supervisor whose programs have keepers, and ends what is left of the
// program named "service".
func kept(t *testing.T, p pace) supervisor {
	t.Helper()
	s := supervisor{dir: t.TempDir(), keeper: []string{"/usr/bin/env", "STACK_TEST_KEEP=yes", os.Args[0]}, pace: p}
	t.Cleanup(func() { _ = s.stop(context.Background(), "service", syscall.SIGKILL, time.Second) })
	return s
}

func launch(t *testing.T, s supervisor, script string) process {
	t.Helper()
	if err := s.launch(context.Background(), shell("service", script)); err != nil {
		t.Fatal(err)
	}
	p, _ := s.find("service")
	return p
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !holds(); time.Sleep(pollEvery) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// nothingLeft fails the test if a keeper, a program or one of their files is left.
func nothingLeft(t *testing.T, s supervisor, keeper process) {
	t.Helper()
	if p, running := s.find("service"); running || keeper.alive() {
		t.Errorf("left: keeper %v, service %v (pid %d)", keeper.alive(), running, p.pid)
	}
	if files, _ := filepath.Glob(filepath.Join(s.dir, "pid", "*")); len(files) > 0 {
		t.Errorf("files left: %v", files)
	}
}

func TestAServiceThatIsKilledComesBackAndStatusSaysSo(t *testing.T) {
	t.Parallel()
	s := kept(t, pace{First: 10 * time.Millisecond, Most: time.Second, Calm: time.Hour})
	last := launch(t, s, "exec sleep 1000")
	for n := 1; n <= 2; n++ {
		if err := syscall.Kill(last.pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, "another process runs", func() bool {
			now, running := s.find("service")
			return running && now.pid != last.pid
		})
		again, _ := s.find("service")
		if again.fingerprint != last.fingerprint {
			t.Errorf("fingerprint %q after %q: up would start it anew", again.fingerprint, last.fingerprint)
		}
		last = again
	}
	state := s.state("service", nil)
	for _, want := range []string{fmt.Sprintf("up, pid %d", last.pid), "restarted 2 times, last at 2", "signal: killed"} {
		if !strings.Contains(state, want) {
			t.Errorf("status says %q; want %q", state, want)
		}
	}
	if log := tail(s.logFile("service"), 5); strings.Count(log, `"msg":"the service died and is started again"`) != 2 {
		t.Errorf("its log says\n%s", log)
	}
	keeper, _ := readProcess(s.keeperFile("service"))
	if err := s.stop(context.Background(), "service", syscall.SIGTERM, 10*time.Second); err != nil {
		t.Fatal(err)
	}
	nothingLeft(t, s, keeper)
	if last.alive() {
		t.Error("the service still runs")
	}
}

// Without a keeper a service that is killed stays down: the test above sees the keeper.
func TestWithoutAKeeperAServiceStaysDown(t *testing.T) {
	t.Parallel()
	s := supervisor{dir: t.TempDir()}
	p := launch(t, s, "exec sleep 1000")
	if err := killGroup(p); err != nil {
		t.Fatal(err)
	}
	if state := s.state("service", errors.New("refused")); state != "down" {
		t.Errorf("status says %q", state)
	}
}

func TestAServiceThatAlwaysDiesIsNotStartedHot(t *testing.T) {
	t.Parallel()
	p := pace{First: 20 * time.Millisecond, Most: 200 * time.Millisecond, Calm: time.Hour}
	s := kept(t, p)
	begun := time.Now()
	launch(t, s, "echo begun; exit 3")
	eventually(t, "six ends", func() bool { r, _ := s.restartsOf("service"); return r.Count >= 6 })
	starts := strings.Count(tail(s.logFile("service"), 1000), "begun\n")
	var least time.Duration
	pause := p.First
	for range starts - 1 {
		least += pause
		pause = min(2*pause, p.Most)
	}
	if took := time.Since(begun); took < least {
		t.Errorf("%d starts in %s; want at least %s", starts, took, least)
	}
	if state := s.state("service", errors.New("refused")); !strings.Contains(state, "exit status 3") || !strings.Contains(state, "restarted") {
		t.Errorf("status says %q", state)
	}
}

func TestDownDuringARestartLeavesNothing(t *testing.T) {
	t.Parallel()
	s := kept(t, pace{First: time.Hour, Most: time.Hour, Calm: time.Hour})
	p := launch(t, s, "exec sleep 1000")
	keeper, _ := readProcess(s.keeperFile("service"))
	if err := killGroup(p); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the keeper waits", func() bool { _, died := s.restartsOf("service"); return died })
	if state := s.state("service", errors.New("refused")); !strings.Contains(state, "down, next try at") {
		t.Errorf("status says %q", state)
	}
	if err := s.stop(context.Background(), "service", syscall.SIGTERM, time.Second); err != nil {
		t.Fatal(err)
	}
	nothingLeft(t, s, keeper)
}

func TestAKeeperThatHangsIsEndedToo(t *testing.T) {
	t.Parallel()
	s := kept(t, usualPace())
	launch(t, s, "exec sleep 1000")
	keeper, _ := readProcess(s.keeperFile("service"))
	if err := syscall.Kill(keeper.pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := s.stop(context.Background(), "service", syscall.SIGTERM, 10*time.Second); err != nil {
		t.Fatal(err)
	}
	nothingLeft(t, s, keeper)
}

func TestAServiceThatCannotStartIsSaidAtOnce(t *testing.T) {
	t.Parallel()
	s := kept(t, pace{First: 10 * time.Millisecond, Most: time.Second, Calm: time.Hour})
	launch(t, s, "echo the key is missing; exit 1")
	err := s.await(context.Background(), "service", time.Hour, func(context.Context) error { return syscall.ECONNREFUSED })
	if err == nil || !strings.Contains(err.Error(), "ended while starting") || !strings.Contains(err.Error(), "the key is missing") {
		t.Errorf("got %v", err)
	}
	missing := kept(t, usualPace())
	err = missing.launch(context.Background(), program{name: "service", path: "/nowhere", dir: "/"})
	if err == nil || !strings.Contains(err.Error(), "/nowhere") {
		t.Errorf("got %v", err)
	}
}
