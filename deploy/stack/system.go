package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// System is the backends, the services and the simulators of one stack.
type System struct {
	Root     string // the project folder
	Backends Backends
	Mode     Mode
	Shape    Shape
	Detoured bool // the services reach the backends and the provider through Ports.Detours
	Observe  Observation
	// Keeper is a stack command, which then keeps the services running: one that dies is
	// started again. Empty: they stay down, as tests want it.
	Keeper string
	Out    io.Writer
}

func (s System) sup() supervisor {
	sup := s.Backends.supervisor()
	if s.Keeper != "" {
		sup.keeper, sup.pace = []string{s.Keeper, KeepVerb}, usualPace()
	}
	return sup
}

func (s System) progress() *Progress { return s.Backends.Progress }

func (s System) binary(of service) string {
	if of.path != "" {
		return of.path
	}
	return filepath.Join(s.binDir(), filepath.Base(of.pkg))
}

// binDir is where the programs are built. Parts of a Paired system are started
// again and again, always from the same build: it has a folder of its own.
func (s System) binDir() string {
	if s.Shape == Paired {
		return filepath.Join(s.Backends.Dir, "bin")
	}
	return filepath.Join(s.Root, ".run", "bin")
}

// Up builds everything, starts what does not run or has changed, and returns when
// all of it is ready. Running it again changes nothing and takes about a second.
func (s System) Up(ctx context.Context) error {
	if err := s.claimPorts(); err != nil {
		return err
	}
	if err := allOrNothing(ctx, s.build, s.StartBackends); err != nil {
		return err
	}
	if err := s.prepareMonitors(ctx); err != nil {
		return err
	}
	for _, verb := range []string{"up", "seed"} {
		if err := s.migrate(ctx, verb); err != nil {
			return err
		}
	}
	if err := inParallel(s.services(), func(of service) error { return s.serve(ctx, of) }); err != nil {
		return err
	}
	return s.awaitLine(ctx)
}

// claimPorts does for the services what Backends.claimPorts does, before anybody
// has waited for a build.
func (s System) claimPorts() error {
	var errs []error
	for _, of := range s.services() {
		if _, running := s.sup().find(of.name); !running {
			errs = append(errs, claim(of.name, of.ports(s.Backends.Ports)...))
		}
	}
	return errors.Join(errs...)
}

// allOrNothing runs steps at once. The first error ends the others, and alone is
// returned: nobody should wait for a build to hear that a package is missing.
func allOrNothing(ctx context.Context, steps ...func(context.Context) error) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	err := inParallel(steps, func(step func(context.Context) error) error {
		err := step(ctx)
		if err != nil {
			fail(err)
		}
		return err
	})
	if err == nil {
		return nil
	}
	return context.Cause(ctx)
}

// awaitLine waits until the worker has opened the seeded line.
func (s System) awaitLine(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, httpURL(s.Backends.Ports.Gateway, "/v1/queues/"+demoSale), http.NoBody)
	if err != nil {
		return err
	}
	return s.progress().Do("line", demoSale+" is open", func() error {
		return s.sup().await(ctx, s.firstWorker(), readyLimit, func(context.Context) error { return getOK(request) })
	})
}

func (s System) build(ctx context.Context) error {
	args := []string{"install", "-buildvcs=false", migrator().pkg}
	for _, of := range services() {
		args = append(args, of.pkg)
	}
	if _, err := os.Stat(s.binary(migrator())); errors.Is(err, fs.ErrNotExist) {
		s.progress().Say("build", "building the services; the first time brings Go modules and takes minutes")
	}
	return s.progress().Do("build", "services and simulators built", func() error {
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Dir = s.Root
		// "install" leaves a program that is current alone; "build" writes it anew.
		cmd.Env = append(os.Environ(), "GOBIN="+s.binDir())
		if out, err := cmd.CombinedOutput(); err != nil {
			return &PartError{Part: "build", Reason: fmt.Sprintf("%v\n%s", err, out)}
		}
		return nil
	})
}

// migrate runs the migration program to its end; verb is up or seed.
func (s System) migrate(ctx context.Context, verb string) error {
	of := migrator()
	if err := s.sup().prepare(); err != nil {
		return err
	}
	log, err := s.sup().openLog(of.name)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.CommandContext(ctx, s.binary(of), verb)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = s.environ(of), s.Root, log, log
	return s.progress().Do("migrate", map[string]string{"up": "schema is current", "seed": "development data is there"}[verb], func() error {
		if err := cmd.Run(); err != nil {
			return s.sup().failure(of.name, verb+": "+err.Error())
		}
		return nil
	})
}

// serve makes sure that a service runs as it would be started now.
func (s System) serve(ctx context.Context, of service) error {
	p := program{name: of.name, path: s.binary(of), args: of.args, env: s.environ(of), dir: s.Root}
	running, ok := s.sup().find(of.name)
	if ok && running.fingerprint == p.fingerprint() && s.sup().isKept(of.name) == (s.Keeper != "") {
		s.progress().Say(of.name, "runs already")
		return s.awaitReady(ctx, of)
	}
	return s.progress().Do(of.name, "ready", func() error {
		if err := s.sup().stop(ctx, of.name, syscall.SIGTERM, serviceGrace); err != nil {
			return err
		}
		if err := s.sup().launch(ctx, p); err != nil {
			return err
		}
		err := s.awaitReady(ctx, of)
		if _, died := s.sup().restartsOf(of.name); err != nil && died {
			// It cannot start: what is to be mended is in the log, and trying on would hide it.
			return errors.Join(err, s.sup().stop(ctx, of.name, syscall.SIGTERM, serviceGrace))
		}
		return err
	})
}

func (s System) awaitReady(ctx context.Context, of service) error {
	return s.sup().await(ctx, of.name, readyLimit, func(ctx context.Context) error { return s.isReady(ctx, of) })
}

func (s System) isReady(ctx context.Context, of service) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, of.ready(s.Backends.Ports), http.NoBody)
	if err != nil {
		return err
	}
	return getOK(request)
}

// Down stops everything and waits until it is gone; the data stay.
func (s System) Down(ctx context.Context) error {
	err := inParallel(s.services(), func(of service) error {
		if _, running := s.sup().find(of.name); !running && !s.sup().isKept(of.name) {
			return s.sup().stop(ctx, of.name, syscall.SIGTERM, 0) // only its files are left
		}
		return s.progress().Do(of.name, "stopped", func() error {
			return s.sup().stop(ctx, of.name, syscall.SIGTERM, serviceGrace)
		})
	})
	return errors.Join(err, s.StopBackends(ctx))
}

// Reset stops everything and deletes data and logs; the built programs stay.
func (s System) Reset(ctx context.Context) error {
	if err := s.Down(ctx); err != nil {
		return err
	}
	if err := s.backendsErase(ctx); err != nil {
		return err
	}
	for _, folder := range []string{"data", "log", "pid"} {
		if err := os.RemoveAll(filepath.Join(s.Backends.Dir, folder)); err != nil {
			return err
		}
	}
	s.progress().Say("reset", "data and logs deleted")
	return nil
}

// Status prints what runs, whether it is ready, and how often it has died since it was
// started and was started again. It returns an error unless all of it is ready.
func (s System) Status(ctx context.Context) error {
	var troubled []string
	line := func(name string, ready func() error) {
		err := ready()
		if err != nil {
			troubled = append(troubled, name)
		}
		s.progress().Say(name, "%s", s.sup().state(name, err))
	}
	for _, server := range s.Backends.all() {
		line(server.name(), func() error { return accepts(server.ports()[0]) })
	}
	for _, of := range s.services() {
		line(of.name, func() error { return s.isReady(ctx, of) })
	}
	if len(troubled) > 0 {
		return fmt.Errorf("not ready: %s", strings.Join(troubled, ", "))
	}
	return nil
}

// state says in one line whether the part of that name runs, what unready says of it,
// and what its keeper has had to do.
func (s supervisor) state(name string, unready error) string {
	p, running := s.find(name)
	state := "down"
	switch {
	case running && unready != nil:
		state = fmt.Sprintf("up, pid %d, not ready: %v", p.pid, unready)
	case running:
		state = fmt.Sprintf("up, pid %d", p.pid)
	case unready == nil: // a part that another stack or Docker runs
		state = "up"
	}
	again, died := s.restartsOf(name)
	if !died {
		return state
	}
	if !running && s.isKept(name) {
		state += ", next try at " + again.Next.Format(time.TimeOnly)
	}
	return state + "; " + again.String()
}

// Logs replaces this process by tail(1) following the named part's log, or all.
func (s System) Logs(name string) error {
	pattern := "*"
	if name != "" {
		pattern = name
	}
	logs, err := filepath.Glob(s.sup().logFile(pattern))
	if err != nil || len(logs) == 0 {
		return fmt.Errorf("no log %s: is the stack up?", s.sup().logFile(pattern))
	}
	path, err := exec.LookPath("tail")
	if err != nil {
		return err
	}
	return syscall.Exec(path, append([]string{"tail", "-n", "20", "-F"}, logs...), os.Environ())
}

// Lock keeps two commands from working on one stack at the same time. Hold it
// around Up, Down and Reset.
func (s System) Lock() (unlock func(), err error) {
	dir := s.Backends.Dir
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("another stack command works in %s; wait until it is done", dir)
	}
	return func() { _ = file.Close() }, nil
}
