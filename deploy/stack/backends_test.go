package stack

import (
	"bytes"
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

// testBackends lays out throwaway backends on free ports of their own.
func testBackends(t *testing.T, start int) (Backends, *bytes.Buffer) {
	t.Helper()
	base, err := FreePortBase(start)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "stack")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	out := &bytes.Buffer{}
	b := Backends{Dir: dir, Ports: PortsFrom(base), Durability: Throwaway, Progress: NewProgress(out)}
	t.Cleanup(func() {
		if err := b.Down(context.Background()); err != nil {
			t.Error(err)
		}
		if err := b.Erase(); err != nil {
			t.Error(err)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return b, out
}

// descendants returns the command lines of all live processes that mention dir.
func processesOf(t *testing.T, dir string) []string {
	t.Helper()
	out, err := exec.Command("ps", "-e", "-o", "stat=,args=").Output()
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, dir) && !strings.HasPrefix(line, "Z") {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}

func TestBackendsStartTwiceAndLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	b, out := testBackends(t, 20600)
	if err := b.Up(ctx); err != nil {
		t.Fatal(err)
	}
	server := postgresServer{sup: b.supervisor(), port: b.Ports.Postgres}
	if _, err := server.psql(ctx, "DROP DATABASE "+databaseName); err != nil { // as if the first up was interrupted
		t.Fatal(err)
	}
	begin := time.Now()
	if err := b.Up(ctx); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("the second up took %s", took)
	}
	if got := strings.Count(out.String(), "runs already"); got != 3 {
		t.Errorf("the second up found %d of 3 running:\n%s", got, out)
	}
	if found, err := server.psql(ctx, "SELECT count(*) FROM pg_database WHERE datname = '"+databaseName+"'"); err != nil || found != "1" {
		t.Errorf("the second up left %q databases %s, %v", found, databaseName, err)
	}
	for _, name := range []string{"postgres", "redis", "rabbitmq", "epmd"} {
		if _, running := b.supervisor().find(name); !running {
			t.Errorf("%s does not run", name)
		}
	}
	if err := b.Down(ctx); err != nil {
		t.Fatal(err)
	}
	if left := processesOf(t, b.Dir); len(left) > 0 {
		t.Errorf("left behind:\n%s", strings.Join(left, "\n"))
	}
	if taken := b.Ports.taken(); len(taken) > 0 {
		t.Errorf("ports still taken: %v", taken)
	}
	if files, _ := filepath.Glob(filepath.Join(b.Dir, "pid", "*.pid")); len(files) > 0 {
		t.Errorf("pid files left: %v", files)
	}
}

func TestATakenPortIsToldBeforeAnythingStarts(t *testing.T) {
	t.Parallel()
	b, out := testBackends(t, 21000)
	listener, err := net.Listen("tcp", address(b.Ports.Redis))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	err = b.Up(context.Background())
	if err == nil || !strings.Contains(err.Error(), "redis: port "+strconv.Itoa(b.Ports.Redis)) {
		t.Errorf("got %v", err)
	}
	if out.Len() > 0 {
		t.Errorf("before that it said:\n%s", out)
	}
}

func TestUpHealsACrashedBroker(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	b, _ := testBackends(t, 22000)
	if err := b.Up(ctx); err != nil {
		t.Fatal(err)
	}
	broker, running := b.supervisor().find("rabbitmq")
	if !running {
		t.Fatal("no broker runs")
	}
	if err := syscall.Kill(broker.pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for broker.alive() && ctx.Err() == nil {
		time.Sleep(pollEvery)
	}
	if err := b.Up(ctx); err != nil {
		t.Fatal(err)
	}
	if again, running := b.supervisor().find("rabbitmq"); !running || again.pid == broker.pid {
		t.Errorf("it is not back: %+v", again)
	}
}
