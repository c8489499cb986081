package stack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Observation is what a system is watched with beside its own metrics: Prometheus,
// Alertmanager and exporters.
type Observation struct {
	On       bool
	Interval string // between scrapes and between evaluations of the rules
	Wait     string // of a page's alert for others of its group, before it is posted
}

// DefaultObservation is what "make up OBSERVE=1" starts.
func DefaultObservation() Observation { return Observation{On: true, Interval: "5s", Wait: "5s"} }

func observePackages() []dependency {
	return []dependency{
		{"prometheus", []string{"/usr/bin/prometheus"}},
		{"prometheus-alertmanager", []string{"/usr/bin/prometheus-alertmanager"}},
		{"prometheus-node-exporter", []string{"/usr/bin/prometheus-node-exporter"}},
		{"prometheus-redis-exporter", []string{"/usr/bin/prometheus-redis-exporter"}},
		{"prometheus-postgres-exporter", []string{"/usr/bin/prometheus-postgres-exporter"}},
	}
}

// observed reports whether the system is to be watched, or is watched already.
func (s System) observed() bool {
	return s.Observe.On || slices.ContainsFunc(s.monitors(), func(of service) bool {
		_, running := s.sup().find(of.name)
		return running
	})
}

func (s System) observeDir() string { return filepath.Join(s.sup().dataDir(), "observe") }

// prepareMonitors brings the packages and writes the configurations.
func (s System) prepareMonitors(ctx context.Context) error {
	if !s.Observe.On {
		return nil
	}
	if err := install(ctx, s.progress(), observePackages(), s.sup().logFile("install-observe")); err != nil {
		return err
	}
	if err := os.MkdirAll(s.observeDir(), 0o755); err != nil {
		return err
	}
	files, err := s.monitorFiles()
	if err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(s.observeDir(), name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// monitorFiles returns the configurations of deploy, changed to this system's paths,
// ports and intervals.
func (s System) monitorFiles() (map[string]string, error) {
	deploy, p := filepath.Join(s.Root, "deploy"), s.Backends.Ports
	prometheus, err := rewritten(filepath.Join(deploy, "prometheus", "prometheus.yml"), map[string]string{
		"scrape_interval: 5s":     "scrape_interval: " + s.Observe.Interval,
		"evaluation_interval: 5s": "evaluation_interval: " + s.Observe.Interval,
		"scrape_timeout: 4s":      "scrape_timeout: " + s.Observe.Interval,
		"rules/*.yml":             filepath.Join(deploy, "prometheus", "rules", "*.yml"),
		"targets/compose.yml":     filepath.Join(s.observeDir(), "targets.yml"),
		"alertmanager:9093":       address(p.Alertmanager),
	})
	if err != nil {
		return nil, err
	}
	alertmanager, err := rewritten(filepath.Join(deploy, "alertmanager", "alertmanager.yml"), map[string]string{
		"http://catcher:8025/slack": httpURL(p.Catcher, "/slack"),
		"group_wait: 5s":            "group_wait: " + s.Observe.Wait,
	})
	return map[string]string{"prometheus.yml": prometheus, "alertmanager.yml": alertmanager, "targets.yml": s.targets()}, err
}

// rewritten reads a file and replaces each old text, which must be in it, by its new
// one.
func rewritten(path string, replacements map[string]string) (string, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	text := string(raw)
	for before, after := range replacements {
		if !strings.Contains(text, before) {
			return "", fmt.Errorf("%s: there is no %q", path, before)
		}
		text = strings.ReplaceAll(text, before, after)
	}
	return text, nil
}

// targets lists what Prometheus scrapes. The simulators are not among it: they stand
// for others' systems.
func (s System) targets() string {
	var list strings.Builder
	add := func(job, target string) {
		fmt.Fprintf(&list, "- targets: [%q]\n  labels: {job: %s}\n", target, job)
	}
	p := s.Backends.Ports
	for _, of := range s.programs() {
		ready, err := url.Parse(of.ready(p)) // on the admin listener, as the metrics are
		for _, job := range []string{"queue-gateway", "booking-api", "worker"} {
			if err == nil && strings.HasPrefix(of.name, job) {
				add(job, ready.Host)
			}
		}
	}
	add("rabbitmq", address(p.RabbitMQMetrics))
	for _, monitor := range s.monitors() {
		add(strings.TrimSuffix(monitor.name, "-exporter"), address(monitor.ports(p)[0]))
	}
	return list.String()
}

// monitors is the table of what watches the system.
func (s System) monitors() []service {
	p, in := s.Backends.Ports, func(name string) string { return filepath.Join(s.observeDir(), name) }
	monitor := func(name, path string, port int, ready string, settings map[string]string, args ...string) service {
		return service{
			name: name, path: path, args: args,
			ports: func(Ports) []int { return []int{port} },
			ready: func(Ports) string { return httpURL(port, ready) },
			own:   func(Ports, string) map[string]string { return settings },
		}
	}
	return []service{
		monitor("alertmanager", "/usr/bin/prometheus-alertmanager", p.Alertmanager, "/-/ready", s.digest("alertmanager.yml"),
			"--config.file="+in("alertmanager.yml"), "--storage.path="+in("alertmanager"),
			"--web.listen-address="+address(p.Alertmanager), "--cluster.listen-address="),
		monitor("prometheus", "/usr/bin/prometheus", p.Prometheus, "/-/ready", s.digest("prometheus.yml", "targets.yml"),
			"--config.file="+in("prometheus.yml"), "--storage.tsdb.path="+in("prometheus"), "--storage.tsdb.retention.time=15d",
			"--web.listen-address="+address(p.Prometheus), "--web.enable-remote-write-receiver"),
		monitor("node-exporter", "/usr/bin/prometheus-node-exporter", p.NodeExporter, "/", nil,
			"--web.listen-address="+address(p.NodeExporter), "--collector.disable-defaults",
			"--collector.cpu", "--collector.meminfo", "--collector.loadavg", "--collector.diskstats", "--collector.filesystem", "--collector.netdev"),
		monitor("redis-exporter", "/usr/bin/prometheus-redis-exporter", p.RedisExporter, "/health", nil,
			"-redis.addr=redis://"+s.Backends.RedisAddr(), "-web.listen-address="+address(p.RedisExporter)),
		monitor("postgres-exporter", "/usr/bin/prometheus-postgres-exporter", p.PostgresExporter, "/",
			map[string]string{"DATA_SOURCE_NAME": s.Backends.PostgresURL(databaseName)},
			"--web.listen-address="+address(p.PostgresExporter), "--disable-settings-metrics"),
	}
}

// digest is a setting that changes with the files, so that whoever reads them is
// started again.
func (s System) digest(names ...string) map[string]string {
	h := sha256.New()
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(s.observeDir(), name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			text = []byte(err.Error())
		}
		_, _ = h.Write(text)
	}
	rules, _ := filepath.Glob(filepath.Join(s.Root, "deploy", "prometheus", "rules", "*.yml"))
	for _, path := range rules {
		text, _ := os.ReadFile(path)
		_, _ = h.Write(text)
	}
	return map[string]string{"CONFIGURATION": hex.EncodeToString(h.Sum(nil)[:8])}
}
