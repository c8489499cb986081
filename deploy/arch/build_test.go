package arch

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTheGatewayLinksNoDatabaseAndNoBroker(t *testing.T) {
	t.Parallel()
	forbidden := []string{"github.com/jackc/pgx", "github.com/rabbitmq/amqp091-go"}
	if linked := linkedBy(t, "./queue-gateway/cmd/queue-gateway", forbidden); len(linked) > 0 {
		t.Errorf("a million waiting fans must cost the booking side nothing, but the gateway links:\n%s", strings.Join(linked, "\n"))
	}
	if linked := linkedBy(t, "./worker/cmd/worker", forbidden); len(linked) == 0 {
		t.Error("the check finds nothing in the worker either, which links both")
	}
}

// linkedBy returns the dependencies of a command whose paths begin with one of the prefixes.
func linkedBy(t *testing.T, command string, prefixes []string) []string {
	t.Helper()
	var linked []string
	for dependency := range strings.Lines(run(t, projectRoot, nil, "go", "list", "-deps", command)) {
		for _, prefix := range prefixes {
			if strings.HasPrefix(dependency, prefix) {
				linked = append(linked, strings.TrimSpace(dependency))
			}
		}
	}
	return linked
}

func TestEachModuleBuildsAlone(t *testing.T) {
	t.Parallel()
	modules, err := filepath.Glob(filepath.Join(projectRoot, "*", "go.mod"))
	if err != nil || len(modules) != 6 {
		t.Fatalf("%d modules found, want 6 (%v)", len(modules), err)
	}
	for _, module := range modules {
		run(t, filepath.Dir(module), []string{"GOWORK=off"}, "go", "build", "./...")
	}
}

func run(t *testing.T, dir string, environ []string, command ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), environ...)
	out, err := cmd.Output()
	if err != nil {
		var failure *exec.ExitError
		if errors.As(err, &failure) {
			t.Fatalf("%s in %s: %v\n%s", strings.Join(command, " "), dir, err, failure.Stderr)
		}
		t.Fatal(err)
	}
	return string(out)
}
