package stack

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

type redisServer struct {
	sup        supervisor
	port       int
	durability Durability
}

func (s redisServer) name() string { return "redis" }

func (s redisServer) ports() []int { return []int{s.port} }

func (s redisServer) dataDir() string { return filepath.Join(s.sup.dir, "data", "redis") }

func (s redisServer) start(context.Context) error {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return &PartError{Part: s.name(), Reason: err.Error()}
	}
	if err := os.MkdirAll(s.dataDir(), 0o700); err != nil {
		return err
	}
	appendOnly := "yes"
	if s.durability == Throwaway {
		appendOnly = "no"
	}
	args := []string{"--bind", "127.0.0.1", "--port", strconv.Itoa(s.port), "--dir", s.dataDir(), "--daemonize", "no",
		"--appendonly", appendOnly, "--appendfsync", "everysec", "--save", "", "--maxmemory-policy", "noeviction"}
	return s.sup.start(program{name: s.name(), path: path, args: args, env: os.Environ(), dir: s.dataDir()})
}

func (s redisServer) settle(ctx context.Context) error {
	return s.sup.await(ctx, s.name(), 30*time.Second, func(context.Context) error { return s.ping() })
}

// ping fails while Redis still loads its file.
func (s redisServer) ping() error {
	connection, err := net.DialTimeout("tcp", address(s.port), time.Second)
	if err != nil {
		return err
	}
	defer func() { _ = connection.Close() }()
	if err := connection.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	if _, err := connection.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	answer := make([]byte, 128)
	n, err := connection.Read(answer)
	if err != nil {
		return err
	}
	if text := strings.TrimSpace(string(answer[:n])); text != "+PONG" {
		return fmt.Errorf("it answered %q", text)
	}
	return nil
}

func (s redisServer) stop(ctx context.Context) error {
	return s.sup.stop(ctx, s.name(), syscall.SIGTERM, 15*time.Second)
}

func (s redisServer) erase() error { return os.RemoveAll(s.dataDir()) }
