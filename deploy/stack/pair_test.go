package stack

import (
	"io"
	"slices"
	"strings"
	"testing"
)

func paired(t *testing.T) System {
	t.Helper()
	return System{Root: t.TempDir(), Shape: Paired, Detoured: true, Out: io.Discard,
		Backends: Backends{Dir: t.TempDir(), Ports: PortsFrom(20000)}}
}

func TestAPairedSystemHasTwoOfEachServiceOnPortsOfTheirOwn(t *testing.T) {
	t.Parallel()
	s := paired(t)
	var names []string
	owner := map[int]string{}
	for _, of := range s.services() {
		names = append(names, of.name)
		for _, port := range of.ports(s.Backends.Ports) {
			if other := owner[port]; other != "" {
				t.Errorf("%s and %s both listen on %d", other, of.name, port)
			}
			owner[port] = of.name
			if !slices.Contains(s.Backends.Ports.all(), port) {
				t.Errorf("nobody looks whether port %d of %s is free", port, of.name)
			}
		}
	}
	want := []string{"toss-sim", "catcher", "booking-api-1", "booking-api-2", "queue-gateway-1", "queue-gateway-2", "worker-1", "worker-2", "haproxy"}
	slices.Sort(names)
	slices.Sort(want)
	if !slices.Equal(names, want) {
		t.Errorf("services %v, want %v", names, want)
	}
	if owner[s.Backends.Ports.Gateway] != "haproxy" || owner[s.Backends.Ports.API] != "haproxy" {
		t.Errorf("fans meet %s, gateways meet %s; want haproxy", owner[s.Backends.Ports.Gateway], owner[s.Backends.Ports.API])
	}
}

func TestADetouredServiceKnowsOnlyTheDetours(t *testing.T) {
	t.Parallel()
	s := paired(t)
	direct := s
	direct.Detoured = false
	for _, of := range s.services() {
		if of.name != "worker-2" {
			continue
		}
		for name, straight := range map[string]string{"POSTGRES_URL": ":20032/", "REDIS_ADDRS": ":20079", "RABBITMQ_URL": ":20072/", "TOSS_BASE_URL": ":20090"} {
			if got := settingOf(direct.environ(of), name); !strings.Contains(got, straight) {
				t.Errorf("without detours: %s=%s", name, got)
			}
			if got := settingOf(s.environ(of), name); got == "" || strings.Contains(got, straight) {
				t.Errorf("with detours: %s=%s", name, got)
			}
		}
		return
	}
	t.Fatal("no second worker")
}

func settingOf(environ []string, name string) string {
	for _, line := range environ {
		if value, ok := strings.CutPrefix(line, name+"="); ok {
			return value
		}
	}
	return ""
}
