package stack

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Mode says where the backends come from.
type Mode string

// Auto takes Compose when a Docker engine answers, else Local.
const (
	Auto    Mode = "auto"
	Local   Mode = "local"   // private instances of Debian packages
	Compose Mode = "compose" // docker-compose.yml
)

// ParseMode reads the BACKENDS setting; empty means Auto.
func ParseMode(text string) (Mode, error) {
	switch mode := Mode(text); mode {
	case "":
		return Auto, nil
	case Auto, Local, Compose:
		return mode, nil
	}
	return "", fmt.Errorf("BACKENDS=%q: choose auto, local or compose", text)
}

// StartBackends starts the three backends and remembers how, so that "down" undoes the same.
func (s System) StartBackends(ctx context.Context) error {
	mode := s.Mode
	if running := s.startedMode(); running != "" && mode == Auto {
		mode = running
	}
	if mode == Auto && engineAnswers(ctx) {
		mode = Compose
	}
	if mode != Compose {
		return s.Backends.Up(ctx)
	}
	if err := os.WriteFile(s.modeFile(), []byte(mode), 0o644); err != nil {
		return err
	}
	return s.progress().Do("docker", "postgres, redis, rabbitmq ready", func() error {
		return s.compose(ctx, "up", "--detach", "--wait", "postgres", "redis", "rabbitmq")
	})
}

// StopBackends stops the three backends; their data stay.
func (s System) StopBackends(ctx context.Context) error {
	if s.startedMode() != Compose {
		return s.Backends.Down(ctx)
	}
	return s.progress().Do("docker", "stopped", func() error { return s.compose(ctx, "down") })
}

func (s System) backendsErase(ctx context.Context) error {
	if s.startedMode() != Compose {
		return s.Backends.Erase()
	}
	if err := s.compose(ctx, "down", "--volumes"); err != nil {
		return err
	}
	return remove(s.modeFile())
}

func (s System) modeFile() string { return filepath.Join(s.Backends.Dir, "backends") }

// startedMode returns Compose if an earlier "up" used it, Local if private
// instances run, and "" otherwise.
func (s System) startedMode() Mode {
	if text, err := os.ReadFile(s.modeFile()); err == nil {
		return Mode(strings.TrimSpace(string(text)))
	}
	for _, server := range s.Backends.all() {
		if _, running := s.sup().find(server.name()); running {
			return Local
		}
	}
	return ""
}

// engineAnswers reports whether a Docker engine and its compose plugin are at hand.
func engineAnswers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	return exec.CommandContext(ctx, "docker", "info").Run() == nil &&
		exec.CommandContext(ctx, "docker", "compose", "version").Run() == nil
}

// compose runs docker compose on the project's file with this stack's ports.
func (s System) compose(ctx context.Context, args ...string) error {
	p := s.Backends.Ports
	command := append([]string{"compose", "--project-name", "fairgate-" + strconv.Itoa(p.Base),
		"--file", filepath.Join(s.Root, "docker-compose.yml")}, args...)
	cmd := exec.CommandContext(ctx, "docker", command...)
	cmd.Env = append(os.Environ(),
		"POSTGRES_PORT="+strconv.Itoa(p.Postgres), "REDIS_PORT="+strconv.Itoa(p.Redis),
		"RABBITMQ_PORT="+strconv.Itoa(p.RabbitMQ), "RABBITMQ_UI_PORT="+strconv.Itoa(p.RabbitMQUI),
		"RABBITMQ_METRICS_PORT="+strconv.Itoa(p.RabbitMQMetrics))
	if out, err := cmd.CombinedOutput(); err != nil {
		return &PartError{Part: "docker", Reason: fmt.Sprintf("docker %s: %v\n%s", strings.Join(command, " "), err, out)}
	}
	return nil
}
