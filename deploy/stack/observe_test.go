package stack

import (
	"io"
	"strings"
	"testing"
)

func observedSystem(t *testing.T, shape Shape) System {
	t.Helper()
	return System{
		Root: "../..", Shape: shape, Observe: Observation{On: true, Interval: "1s", Wait: "2s"},
		Backends: Backends{Dir: t.TempDir(), Ports: PortsFrom(9000), Progress: NewProgress(io.Discard)},
	}
}

func TestTheConfigurationsOfDeployAreMovedToTheStack(t *testing.T) {
	t.Parallel()
	files, err := observedSystem(t, Single).monitorFiles()
	if err != nil {
		t.Fatal(err)
	}
	for name, wanted := range map[string][]string{
		"prometheus.yml":   {"scrape_interval: 1s", "evaluation_interval: 1s", "127.0.0.1:9092", "/targets.yml"},
		"alertmanager.yml": {"http://127.0.0.1:9025/slack", "group_wait: 2s"},
		"targets.yml":      {`["127.0.0.1:9082"]`, "job: queue-gateway", `["127.0.0.1:9084"]`, "job: worker", `["127.0.0.1:9076"]`, "job: rabbitmq", "job: redis"},
	} {
		for _, want := range wanted {
			if !strings.Contains(files[name], want) {
				t.Errorf("%s has no %q:\n%s", name, want, files[name])
			}
		}
	}
	for _, simulator := range []string{"127.0.0.1:9090", "127.0.0.1:9025"} {
		if strings.Contains(files["targets.yml"], simulator) {
			t.Errorf("a simulator is scraped: %s", simulator)
		}
	}
}

func TestBothOfAPairAreScraped(t *testing.T) {
	t.Parallel()
	targets := observedSystem(t, Paired).targets()
	for _, job := range []string{"queue-gateway", "booking-api", "worker"} {
		if n := strings.Count(targets, "job: "+job+"}"); n != instances {
			t.Errorf("%d targets of %s, want %d:\n%s", n, job, instances, targets)
		}
	}
}

func TestAnUnobservedSystemHasNoMonitors(t *testing.T) {
	t.Parallel()
	s := observedSystem(t, Single)
	with := len(s.services())
	s.Observe = Observation{}
	if without := len(s.services()); with != without+len(s.monitors()) {
		t.Errorf("%d services with monitors, %d without", with, without)
	}
}
