package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// A keeper is a process of our own beside each service: it starts the service, waits
// for its end, and starts it again unless it was told to go. It is the stack command
// itself, with the verb KeepVerb.

// KeepVerb is the verb of the stack command that keeps one service running; its
// argument is the order's file.
const KeepVerb = "keep"

// order is what a keeper is told.
type order struct {
	Name string
	Dir  string // of the stack
	Path string
	Args []string
	Env  []string
	Work string // the service's working folder
	Mark string // the program's fingerprint
	Pace pace
}

// pace bounds how often a service that dies is started again: at first after First,
// then twice as late each time, up to Most. One that ran for Calm has recovered, and
// begins with First again.
type pace struct{ First, Most, Calm time.Duration }

func usualPace() pace { return pace{First: time.Second, Most: 30 * time.Second, Calm: time.Minute} }

// restarts is what a keeper has had to do, as "status" tells it.
type restarts struct {
	Count int
	Last  time.Time // of the last end
	Exit  string    // how it ended then
	Next  time.Time // of the next start, while the service is down
}

func (r restarts) String() string {
	times := "once"
	if r.Count > 1 {
		times = fmt.Sprintf("%d times", r.Count)
	}
	return fmt.Sprintf("restarted %s, last at %s, %s", times, r.Last.Format(time.DateTime), r.Exit)
}

func (s supervisor) keeperFile(name string) string   { return s.beside(name, "keeper") }
func (s supervisor) orderFile(name string) string    { return s.beside(name, "order") }
func (s supervisor) restartsFile(name string) string { return s.beside(name, "restarts") }

// launch starts a program, with a keeper if the supervisor has one.
func (s supervisor) launch(ctx context.Context, p program) error {
	if len(s.keeper) == 0 {
		return s.start(p)
	}
	return s.keep(ctx, p)
}

// keep starts a program with a keeper, and returns when the program runs.
func (s supervisor) keep(ctx context.Context, p program) error {
	if err := s.prepare(); err != nil {
		return err
	}
	if err := errors.Join(remove(s.restartsFile(p.name)), remove(s.pidFile(p.name))); err != nil {
		return err
	}
	text, err := json.Marshal(order{Name: p.name, Dir: s.dir, Path: p.path, Args: p.args, Env: p.env, Work: p.dir, Mark: p.fingerprint(), Pace: s.pace})
	if err != nil {
		return err
	}
	if err := os.WriteFile(s.orderFile(p.name), text, 0o600); err != nil { // the environment has keys in it
		return err
	}
	log, err := s.openLog(p.name)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	words := append(append([]string{}, s.keeper...), s.orderFile(p.name))
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return &PartError{Part: p.name, Reason: "its keeper: " + err.Error()}
	}
	ticks, _ := startTicks(cmd.Process.Pid)
	go func() { _ = cmd.Wait() }() // reaps it
	keeper := process{pid: cmd.Process.Pid, ticks: ticks}
	if err := keeper.record(s.keeperFile(p.name)); err != nil {
		return err
	}
	return s.awaitFirst(ctx, p.name, keeper)
}

// awaitFirst waits until the keeper has started its program for the first time.
func (s supervisor) awaitFirst(ctx context.Context, name string, keeper process) error {
	for {
		if _, err := os.Stat(s.pidFile(name)); err == nil {
			return nil
		}
		if !keeper.alive() {
			return s.failure(name, "cannot be started")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pollEvery):
		}
	}
}

// isKept reports whether a keeper looks after the program of that name.
func (s supervisor) isKept(name string) bool {
	_, running := readProcess(s.keeperFile(name))
	return running
}

// dismiss ends the keeper of that name, which leaves its program alone.
func (s supervisor) dismiss(name string) error {
	keeper, running := readProcess(s.keeperFile(name))
	if running {
		if err := syscall.Kill(keeper.pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("%s: cannot stop its keeper, pid %d: %w", name, keeper.pid, err)
		}
		for deadline := time.Now().Add(keeperGrace); keeper.alive() && time.Now().Before(deadline); {
			time.Sleep(pollEvery)
		}
		if keeper.alive() { // stopped by somebody's SIGSTOP, perhaps: it must not start anything any more
			if err := killGroup(keeper); err != nil {
				return fmt.Errorf("%s: its keeper: %w", name, err)
			}
		}
	}
	return errors.Join(remove(s.keeperFile(name)), remove(s.orderFile(name)), remove(s.restartsFile(name)))
}

const keeperGrace = 5 * time.Second

// restartsOf returns what the keeper of that name has had to do; ok is false if nothing.
func (s supervisor) restartsOf(name string) (r restarts, ok bool) {
	text, err := os.ReadFile(s.restartsFile(name))
	if err != nil || json.Unmarshal(text, &r) != nil {
		return restarts{}, false
	}
	return r, true
}

// Keep runs the program that the order in file describes until ctx ends, and starts it
// again whenever it dies. It leaves the program running when ctx ends: whoever ends a
// keeper decides what becomes of its program. Only the command calls it.
func Keep(ctx context.Context, file string, out io.Writer) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var o order
	if err := json.Unmarshal(text, &o); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if err := remove(file); err != nil { // there are keys in it
		return err
	}
	return keeping{order: o, sup: supervisor{dir: o.Dir}, out: out}.run(ctx)
}

// keeping is a keeper at work.
type keeping struct {
	order
	sup supervisor
	out io.Writer // the service's log
}

func (k keeping) run(ctx context.Context) error {
	var told restarts
	for pause := k.Pace.First; ; {
		begun := time.Now()
		ended, err := k.start()
		if err != nil && told.Count == 0 {
			return err // it has never run: whoever starts it is waiting to hear why
		}
		how := fmt.Sprint(err)
		if err == nil {
			select {
			case <-ctx.Done():
				return nil
			case how = <-ended:
			}
		}
		if time.Since(begun) >= k.Pace.Calm {
			pause = k.Pace.First
		}
		told = restarts{Count: told.Count + 1, Last: time.Now(), Exit: how, Next: time.Now().Add(pause)}
		k.tell(told)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		pause = min(2*pause, k.Pace.Most)
	}
}

// start starts the program once. ended yields how it ended.
func (k keeping) start() (ended <-chan string, err error) {
	cmd := exec.Command(k.Path, k.Args...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = k.Env, k.Work, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // killed as a group of its own, without its keeper
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ticks, _ := startTicks(cmd.Process.Pid)
	running := process{pid: cmd.Process.Pid, ticks: ticks, fingerprint: k.Mark}
	if err := running.record(k.sup.pidFile(k.Name)); err != nil { // nobody could stop it
		return nil, errors.Join(err, killGroup(running))
	}
	done := make(chan string, 1)
	go func() {
		_ = cmd.Wait()
		done <- cmd.ProcessState.String()
	}()
	return done, nil
}

// tell writes down what happened, for "status" and in the service's own log.
func (k keeping) tell(r restarts) {
	text, err := json.Marshal(r)
	if err == nil {
		err = replace(k.sup.restartsFile(k.Name), text)
	}
	line := map[string]any{
		"time": r.Last, "level": "ERROR", "msg": "the service died and is started again", "service": k.Name,
		"exit": r.Exit, "restarts": r.Count, "next": r.Next,
	}
	if err != nil {
		line["error"] = "status will not tell: " + err.Error()
	}
	_ = json.NewEncoder(k.out).Encode(line)
}

// replace writes a file so that readers see the old or the new text, never half of it.
func replace(path string, text []byte) error {
	fresh := path + ".new"
	if err := os.WriteFile(fresh, text, 0o644); err != nil {
		return err
	}
	return os.Rename(fresh, path)
}

// record writes down a process for those who look for it.
func (p process) record(path string) error {
	return replace(path, fmt.Appendf(nil, "%d %d %s\n", p.pid, p.ticks, p.fingerprint))
}

// readProcess returns the process that a file records, and whether it runs.
func readProcess(path string) (process, bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return process{}, false
	}
	var p process
	if n, err := fmt.Sscan(string(text), &p.pid, &p.ticks, &p.fingerprint); n < 2 && err != nil {
		return process{}, false
	}
	return p, p.alive()
}
