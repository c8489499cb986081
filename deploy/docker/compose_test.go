package docker

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/fairgate/fairgate/deploy/envdoc"
	"github.com/fairgate/fairgate/deploy/stack"
)

const projectRoot = "../.."

// jobs run to their end; everything else stays up.
func jobs() []string { return []string{"migrate", "seed"} }

func load(t *testing.T, text []byte) (*types.Project, error) {
	t.Helper()
	root, err := filepath.Abs(projectRoot)
	if err != nil {
		t.Fatal(err)
	}
	return loader.LoadWithContext(context.Background(), types.ConfigDetails{
		WorkingDir:  root,
		ConfigFiles: []types.ConfigFile{{Filename: "docker-compose.yml", Content: text}},
		Environment: types.Mapping{},
	}, func(o *loader.Options) {
		o.SetProjectName("fairgate", true)
		o.Profiles = []string{"observe"}
	})
}

func composeFile(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(projectRoot, "docker-compose.yml"))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestComposeFileDescribesTheWholeSystem(t *testing.T) {
	t.Parallel()
	project, err := load(t, composeFile(t))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"alertmanager", "booking-api", "catcher", "grafana", "migrate", "postgres", "prometheus", "queue-gateway", "rabbitmq", "redis", "seed", "toss-sim", "worker"}
	if got := slices.Sorted(maps.Keys(project.Services)); !slices.Equal(got, want) {
		t.Errorf("services %v, want %v", got, want)
	}
	for _, fault := range faults(t, project) {
		t.Error(fault)
	}
}

// TestWhatWatchesComesOnlyWhenAskedFor looks at the profiles, and that what is mounted
// is there.
func TestWhatWatchesComesOnlyWhenAskedFor(t *testing.T) {
	t.Parallel()
	project, err := load(t, composeFile(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, service := range project.Services {
		watches := slices.Contains([]string{"prometheus", "alertmanager", "grafana"}, name)
		if watches != slices.Contains(service.Profiles, "observe") {
			t.Errorf("%s has the profiles %v", name, service.Profiles)
		}
		for _, volume := range service.Volumes {
			if volume.Type != types.VolumeTypeBind {
				continue
			}
			if _, err := os.Stat(volume.Source); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestComposeChecksCatchMistakes plants mistakes in the real file.
func TestComposeChecksCatchMistakes(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, old, planted, want string }{
		{"no health check", "    healthcheck:\n      test: [CMD, redis-cli, ping]\n      interval: 2s\n      timeout: 3s\n      retries: 30\n", "", "redis has no health check"},
		{"unknown setting", "      BOOKING_API_URL:", "      BOOKING_URL:", "BOOKING_URL"},
		{"unknown package", "./worker/cmd/worker", "./worker/cmd/wroker", "wroker"},
		{"open to the world", `"127.0.0.1:8080:8080"`, `"8080:8080"`, "queue-gateway is published on"},
		{"other port than make up", `"127.0.0.1:8090:8090"`, `"127.0.0.1:8095:8090"`, "8095"},
		{"waits for a job to be healthy", "migrate: {condition: service_completed_successfully}", "migrate: {condition: service_started}", "seed does not wait until migrate is done"},
		{"no image", "    image: redis:7\n", "", "redis"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(string(composeFile(t)), c.old, c.planted, 1)
			if text == string(composeFile(t)) {
				t.Fatalf("%q is not in the file", c.old)
			}
			project, err := load(t, []byte(text))
			if err != nil {
				if !strings.Contains(err.Error(), c.want) {
					t.Fatal(err)
				}
				return
			}
			if found := faults(t, project); !strings.Contains(strings.Join(found, "\n"), c.want) {
				t.Errorf("found %q, want %q", found, c.want)
			}
		})
	}
}

func faults(t *testing.T, project *types.Project) []string {
	t.Helper()
	var found []string
	for _, service := range project.Services {
		found = append(found, buildFaults(service)...)
		found = append(found, healthFaults(service)...)
		found = append(found, environmentFaults(t, service)...)
		found = append(found, portFaults(service)...)
		found = append(found, dependencyFaults(project, service)...)
		for _, volume := range service.Volumes {
			if _, declared := project.Volumes[volume.Source]; volume.Type == "volume" && !declared {
				found = append(found, fmt.Sprintf("%s: volume %s is not declared", service.Name, volume.Source))
			}
		}
	}
	return found
}

func buildFaults(service types.ServiceConfig) []string {
	if service.Build == nil {
		if service.Image == "" {
			return []string{service.Name + " has neither image nor build"}
		}
		return nil
	}
	var found []string
	if _, err := os.Stat(filepath.Join(projectRoot, service.Build.Dockerfile)); err != nil {
		found = append(found, fmt.Sprintf("%s: %v", service.Name, err))
	}
	pkg := service.Build.Args["PACKAGE"]
	if pkg == nil {
		return append(found, service.Name+" does not say which PACKAGE to build")
	}
	if _, err := os.Stat(filepath.Join(projectRoot, *pkg, "main.go")); err != nil {
		found = append(found, fmt.Sprintf("%s: %v", service.Name, err))
	}
	return found
}

func healthFaults(service types.ServiceConfig) []string {
	has := service.HealthCheck != nil && len(service.HealthCheck.Test) > 1
	if job := slices.Contains(jobs(), service.Name); job && has {
		return []string{service.Name + " is a job and needs no health check"}
	} else if !job && !has {
		return []string{service.Name + " has no health check"}
	}
	return nil
}

// settingsOf returns the names of the settings that a program of ours reads.
func settingsOf(t *testing.T, name string) []string {
	t.Helper()
	config := map[string]struct{ dir, typeName string }{
		"queue-gateway": {"queue-gateway", "Config"},
		"booking-api":   {"booking-api", "Config"},
		"worker":        {"worker", "Config"},
		"migrate":       {"worker", "MigrateConfig"},
		"seed":          {"worker", "MigrateConfig"},
		"toss-sim":      {"deploy/sim/toss", "Config"},
		"catcher":       {"deploy/sim/catcher", "Config"},
	}[name]
	settings, err := envdoc.Read(projectRoot, config.dir, config.typeName)
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, len(settings))
	for i, setting := range settings {
		names[i] = setting.Name
	}
	return names
}

func environmentFaults(t *testing.T, service types.ServiceConfig) []string {
	if service.Build == nil {
		return nil
	}
	known := settingsOf(t, service.Name)
	var found []string
	for name := range service.Environment {
		if !slices.Contains(known, name) {
			found = append(found, fmt.Sprintf("%s is given %s, which it does not read", service.Name, name))
		}
	}
	return found
}

// portFaults compares what is published with the ports of "make up".
func portFaults(service types.ServiceConfig) []string {
	p := stack.PortsFrom(stack.DefaultPortBase)
	known := []int{p.Gateway, p.API, p.Toss, p.Catcher, p.Postgres, p.Redis, p.RabbitMQ, p.RabbitMQUI, p.RabbitMQMetrics, p.Prometheus, p.Alertmanager, p.Grafana}
	var found []string
	for _, port := range service.Ports {
		if port.HostIP != "127.0.0.1" {
			found = append(found, fmt.Sprintf("%s is published on %q, not on loopback", service.Name, port.HostIP))
		}
		if !slices.ContainsFunc(known, func(n int) bool { return fmt.Sprint(n) == port.Published }) {
			found = append(found, fmt.Sprintf("%s is published on port %s, which is none of the stack's", service.Name, port.Published))
		}
	}
	return found
}

func dependencyFaults(project *types.Project, service types.ServiceConfig) []string {
	var found []string
	for name, dependency := range service.DependsOn {
		other, exists := project.Services[name]
		switch {
		case !exists:
			found = append(found, fmt.Sprintf("%s depends on %s, which does not exist", service.Name, name))
		case slices.Contains(jobs(), name) && dependency.Condition != types.ServiceConditionCompletedSuccessfully:
			found = append(found, fmt.Sprintf("%s does not wait until %s is done", service.Name, name))
		case dependency.Condition == types.ServiceConditionHealthy && other.HealthCheck == nil:
			found = append(found, fmt.Sprintf("%s waits for %s to be healthy, which has no check", service.Name, name))
		}
	}
	return found
}

func TestImageRunsAsNobodyWithoutAShell(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	stages := regexp.MustCompile(`(?m)^FROM `).Split(string(text), -1)
	final := stages[len(stages)-1]
	for _, want := range []string{"scratch\n", "USER 65532:65532\n", "/out/healthcheck", "ENTRYPOINT [\"/app\"]"} {
		if !strings.Contains(final, want) {
			t.Errorf("the final stage has no %q:\n%s", want, final)
		}
	}
	if !strings.Contains(string(text), "CGO_ENABLED=0") {
		t.Error("an image without a C library needs a static program")
	}
	modules, err := filepath.Glob(filepath.Join(projectRoot, "*", "go.mod"))
	if err != nil || len(modules) == 0 {
		t.Fatal("no modules", err)
	}
	for _, module := range modules {
		name := filepath.Base(filepath.Dir(module))
		if !strings.Contains(string(text), name+"/go.mod") {
			t.Errorf("the Dockerfile does not copy %s/go.mod, so go.work cannot be read", name)
		}
	}
}
