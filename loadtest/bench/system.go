package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// System is the private system under test: the real programs, started by the stack
// command with settings as they are, except those in settings.
type System struct {
	Root string // the project folder
	Base int    // of the ports
	Out  io.Writer

	Profile bool // turns the services' profiles on
	Keep    bool // goes on with the system that runs, and leaves it running
	started []*exec.Cmd
}

// settings differ from the defaults because all fans come from this one machine.
func (s *System) settings() []string {
	set := []string{"JOINS_PER_MINUTE=100000000", "BROWSERS_PER_MINUTE=100000000", "MAX_STREAMS_PER_NETWORK=1000000", "CONFIRMS_PER_NETWORK=1000000", "PORT_BASE=" + strconv.Itoa(s.Base)}
	if s.Profile {
		set = append(set, "PPROF=true")
	}
	return set
}

func (s *System) addr(offset int) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Base+offset))
}

// Where the parts listen; offsets as in deploy/stack.
func (s *System) gateway() string  { return s.addr(80) }
func (s *System) api() string      { return s.addr(81) }
func (s *System) redis() string    { return s.addr(79) }
func (s *System) provider() string { return s.addr(90) }
func (s *System) catcher() string  { return s.addr(25) }
func (s *System) baseline() string { return s.addr(50) }

// coalesced is where a baseline listens that shares pipelines.
func (s *System) coalesced() string { return s.addr(51) }

func (s *System) postgres() string {
	return "postgres://fairgate:fairgate@" + s.addr(32) + "/fairgate?sslmode=disable"
}

// admins are the admin listeners of the services, by name.
func (s *System) admins() map[string]string {
	return map[string]string{"queue-gateway": s.addr(82), "booking-api": s.addr(83), "worker": s.addr(84)}
}

// Start starts the system, an empty one unless it is to be kept.
func (s *System) Start(ctx context.Context) error {
	if !s.Keep {
		if err := s.stack(ctx, "reset"); err != nil {
			return err
		}
	}
	return s.stack(ctx, "up")
}

// Stop ends what was started and deletes its data, unless it is to be kept.
func (s *System) Stop() error {
	s.stopExtras()
	if s.Keep {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	return s.stack(ctx, "reset")
}

func (s *System) stack(ctx context.Context, verb string) error {
	command := exec.CommandContext(ctx, filepath.Join(s.Root, ".run", "bin", "stack"), verb)
	command.Dir = s.Root
	command.Env = append(os.Environ(), s.settings()...)
	out, err := command.CombinedOutput()
	if err != nil {
		return fmt.Errorf("stack %s: %w\n%s", verb, err, out)
	}
	return nil
}

// startBaseline builds and starts a program of loadtest/baseline until stop is called.
func (s *System) startBaseline(ctx context.Context, name string, settings ...string) (stop func(), err error) {
	return s.startBaselineAt(ctx, s.baseline(), name, settings...)
}

// startBoth starts a baseline twice: as it is, and sharing pipelines as the product does.
func (s *System) startBoth(ctx context.Context, name string, settings ...string) (stop func(), err error) {
	stopPlain, err := s.startBaseline(ctx, name, settings...)
	if err != nil {
		return nil, err
	}
	stopCoalesced, err := s.startBaselineAt(ctx, s.coalesced(), name, append(settings, "COALESCE=1")...)
	if err != nil {
		stopPlain()
		return nil, err
	}
	return func() { stopPlain(); stopCoalesced() }, nil
}

func (s *System) startBaselineAt(ctx context.Context, addr, name string, settings ...string) (stop func(), err error) {
	binary := filepath.Join(s.Root, ".run", "bin", "baseline-"+name)
	build := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", binary, "./loadtest/baseline/"+name)
	build.Dir = s.Root
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("baseline %s: %w\n%s", name, err, out)
	}
	all := append([]string{
		"ADDR=" + addr, "REDIS_ADDR=" + s.redis(), "POSTGRES_URL=" + s.postgres(), "PATH=" + os.Getenv("PATH"),
	}, settings...)
	return s.startProgram(ctx, binary, addr, all)
}

// startGateway starts one more gateway beside the system's own; n counts from 1.
func (s *System) startGateway(ctx context.Context, n int) (addr string, stop func(), err error) {
	addr = s.addr(60 + 2*n)
	settings := append(s.settings(), "ADDR="+addr, "ADMIN_ADDR="+s.addr(61+2*n), "REDIS_ADDRS="+s.redis(),
		"BOOKING_API_URL=http://"+s.api(), "PUBLIC_URL=http://"+s.gateway(), "PATH="+os.Getenv("PATH"))
	stop, err = s.startProgram(ctx, filepath.Join(s.Root, ".run", "bin", "queue-gateway"), addr, settings)
	return addr, stop, err
}

// startProgram starts a program and waits until it listens on addr.
func (s *System) startProgram(ctx context.Context, binary, addr string, environment []string) (stop func(), err error) {
	log, err := os.Create(filepath.Join(s.Root, ".run", strconv.Itoa(s.Base), "log", filepath.Base(binary)+"-"+portOf(addr)+".log"))
	if err != nil {
		return nil, err
	}
	command := exec.Command(binary)
	command.Dir, command.Env, command.Stdout, command.Stderr = s.Root, environment, log, log
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // as the services: the kernel shares the cores out by session
	if err := command.Start(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	s.started = append(s.started, command)
	stop = func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		timer := time.AfterFunc(10*time.Second, func() { _ = command.Process.Kill() })
		_ = command.Wait()
		timer.Stop()
		_ = log.Close()
	}
	for range 400 {
		if conn, dialErr := net.DialTimeout("tcp", addr, time.Second); dialErr == nil {
			return stop, conn.Close()
		}
		if err := pause(ctx, 25*time.Millisecond); err != nil {
			break
		}
	}
	stop()
	text, _ := os.ReadFile(log.Name())
	return nil, fmt.Errorf("%s does not listen on %s: %.500s", filepath.Base(binary), addr, text)
}

// lastPID is the process that was started last.
func (s *System) lastPID() int { return s.started[len(s.started)-1].Process.Pid }

// stopExtras ends baselines and gateways that a row has left behind.
func (s *System) stopExtras() {
	for _, command := range s.started {
		if command.ProcessState == nil {
			_ = command.Process.Kill()
			_ = command.Wait()
		}
	}
	s.started = nil
}

func portOf(addr string) string {
	_, port, _ := strings.Cut(addr, ":")
	return port
}

// pause waits for d, or returns ctx's error.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fetch reads a URL of the system, at most for 30 s.
func fetch(ctx context.Context, method, url string, body io.Reader) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	return send(r)
}

func send(r *http.Request) ([]byte, error) {
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	raw, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %.300s", r.Method, r.URL.Path, answer.Status, raw)
	}
	return raw, err
}
