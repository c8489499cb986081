package stack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// Debian's /usr/sbin/rabbitmq-server changes user and folder; this one does not.
const rabbitGlob = "/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server"

const epmdName = "epmd" // Erlang's port mapper; a private one, so that it ends with the stack

type rabbitServer struct {
	sup    supervisor
	layout Ports
}

func (s rabbitServer) name() string { return "rabbitmq" }

func (s rabbitServer) ports() []int {
	ports := []int{s.layout.RabbitMQ, s.layout.RabbitMQUI, s.layout.RabbitMQMetrics, s.layout.RabbitMQDist}
	if _, running := s.sup.find(epmdName); !running { // it outlives a node that crashed
		ports = append(ports, s.layout.EPMD)
	}
	return ports
}

func (s rabbitServer) dataDir() string { return filepath.Join(s.sup.dir, "data", "rabbitmq") }

func (s rabbitServer) start(ctx context.Context) error {
	path := newest(rabbitGlob)
	if path == "" {
		return &PartError{Part: s.name(), Reason: "there is no " + rabbitGlob}
	}
	if err := s.writeFiles(); err != nil {
		return err
	}
	if err := s.startEPMD(ctx); err != nil {
		return err
	}
	return s.sup.start(program{name: s.name(), path: path, env: s.environ(), dir: s.dataDir()})
}

func (s rabbitServer) settle(ctx context.Context) error {
	return s.sup.await(ctx, s.name(), 90*time.Second, s.ready)
}

func (s rabbitServer) writeFiles() error {
	home := filepath.Join(s.dataDir(), "home")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	cookie := filepath.Join(home, ".erlang.cookie")
	if _, err := os.Stat(cookie); errors.Is(err, os.ErrNotExist) {
		if err := os.WriteFile(cookie, []byte("fairgate-private-node"), 0o400); err != nil {
			return err
		}
	}
	settings := fmt.Sprintf("default_user = %s\ndefault_pass = %s\nmanagement.tcp.ip = 127.0.0.1\nmanagement.tcp.port = %d\n"+
		"prometheus.tcp.ip = 127.0.0.1\nprometheus.tcp.port = %d\n"+
		"disk_free_limit.absolute = 200MB\nlog.console = true\nlog.console.level = warning\nlog.file = false\n",
		backendUser, backendPassword, s.layout.RabbitMQUI, s.layout.RabbitMQMetrics)
	if err := os.WriteFile(filepath.Join(s.dataDir(), "rabbitmq.conf"), []byte(settings), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.dataDir(), "enabled_plugins"), []byte("[rabbitmq_management,rabbitmq_prometheus].\n"), 0o644)
}

func (s rabbitServer) environ() []string {
	in := func(name string) string { return filepath.Join(s.dataDir(), name) }
	return []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8",
		"HOME=" + in("home"),
		"RABBITMQ_NODENAME=fairgate@localhost",
		"RABBITMQ_NODE_IP_ADDRESS=127.0.0.1",
		"RABBITMQ_NODE_PORT=" + strconv.Itoa(s.layout.RabbitMQ),
		"RABBITMQ_DIST_PORT=" + strconv.Itoa(s.layout.RabbitMQDist),
		"RABBITMQ_MNESIA_BASE=" + in("mnesia"),
		"RABBITMQ_LOG_BASE=" + in("log"),
		"RABBITMQ_CONF_ENV_FILE=" + in("rabbitmq-env.conf"),
		"RABBITMQ_CONFIG_FILE=" + in("rabbitmq.conf"),
		"RABBITMQ_ENABLED_PLUGINS_FILE=" + in("enabled_plugins"),
		"RABBITMQ_GENERATED_CONFIG_DIR=" + in("generated"),
		"RABBITMQ_PID_FILE=" + in("pid"),
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}",
		"ERL_EPMD_PORT=" + strconv.Itoa(s.layout.EPMD),
		"RUNNING_UNDER_SYSTEMD=true", // lets the shell become the node, so that our pid is the node's
	}
}

func (s rabbitServer) startEPMD(ctx context.Context) error {
	if _, running := s.sup.find(epmdName); running {
		return nil
	}
	path, err := exec.LookPath("epmd")
	if err != nil {
		return &PartError{Part: s.name(), Reason: err.Error()}
	}
	args := []string{"-port", strconv.Itoa(s.layout.EPMD), "-address", "127.0.0.1"}
	if err := s.sup.start(program{name: epmdName, path: path, args: args, env: s.environ(), dir: s.dataDir()}); err != nil {
		return err
	}
	return s.sup.await(ctx, epmdName, 10*time.Second, func(context.Context) error { return accepts(s.layout.EPMD) })
}

// ready asks for the AMQP port, which opens last, and for the management API.
func (s rabbitServer) ready(ctx context.Context) error {
	if err := accepts(s.layout.RabbitMQ); err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address(s.layout.RabbitMQUI)+"/api/whoami", http.NoBody)
	if err != nil {
		return err
	}
	request.SetBasicAuth(backendUser, backendPassword)
	return getOK(request)
}

func (s rabbitServer) stop(ctx context.Context) error {
	err := s.sup.stop(ctx, s.name(), syscall.SIGTERM, 30*time.Second)
	return errors.Join(err, s.sup.stop(ctx, epmdName, syscall.SIGTERM, 5*time.Second))
}

func (s rabbitServer) erase() error { return os.RemoveAll(s.dataDir()) }
