package envdoc

import (
	"encoding/base64"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/fairgate/fairgate/shared/platform/config"
)

const projectRoot = "../.."

func TestExampleIsCurrent(t *testing.T) {
	t.Parallel()
	want, err := Example(projectRoot)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(projectRoot, ".env.example"))
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error(".env.example does not match the Config structs: run make env-example")
	}
}

func write(t *testing.T, root, name, text string) {
	t.Helper()
	path := filepath.Join(root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestReadFollowsStructsAndComments(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write(t, root, "svc/config.go", "package svc\n"+`
import (
	"time"
	"github.com/fairgate/fairgate/shared/store"
)
type Config struct {
	// Addr is where
	// it listens.
	Addr  string        `+"`env:\"ADDR\" envDefault:\"127.0.0.1:1\"`"+`
	Grace time.Duration `+"`env:\"GRACE,required\"`"+` // how long
	Store store.Settings
	Other local `+"`envPrefix:\"O_\"`"+`
	clock time.Time
}
type local struct { Key store.Secret `+"`env:\"KEY\" envDefault:\"x\"`"+` }
`)
	write(t, root, "shared/store/store.go", "package store\ntype Secret string\ntype Settings struct { URL string `env:\"URL\"` }\n")
	got, err := Read(root, "svc", "Config")
	if err != nil {
		t.Fatal(err)
	}
	want := []Setting{
		{Name: "ADDR", Default: "127.0.0.1:1", Doc: "Addr is where it listens."},
		{Name: "GRACE", Doc: "how long", Required: true},
		{Name: "URL"},
		{Name: "O_KEY", Default: "x", Secret: true},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestRenderGroupsAndHidesSecrets(t *testing.T) {
	t.Parallel()
	got := render([]*entry{
		{Setting: Setting{Name: "KEY", Doc: "a key", Default: "hush", Secret: true}, users: []string{"worker"}, defaults: []string{"hush"}},
		{Setting: Setting{Name: "ADDR", Doc: "where"}, users: []string{"queue-gateway", "booking-api"}, defaults: []string{":1", ":2"}},
		{Setting: Setting{Name: "LEVEL", Doc: "how much", Default: "info"}, users: []string{"queue-gateway", "booking-api", "worker"}, defaults: []string{"info", "info", "info"}},
	})
	want := []string{"# ---- queue-gateway, booking-api, worker", "#LEVEL=info", "# ---- queue-gateway, booking-api\n",
		"# defaults: queue-gateway :1, booking-api :2", "# ---- worker\n", "#KEY=\n"}
	at := 0
	for _, line := range want {
		next := strings.Index(got[at:], line)
		if next < 0 {
			t.Fatalf("%q is missing or out of order in:\n%s", line, got)
		}
		at += next
	}
	if strings.Contains(got, "hush") {
		t.Errorf("a secret is printed:\n%s", got)
	}
}

// builtInKeys returns the keys that the services have built in, as bytes, by setting, after
// checking that production refuses each, and every other secret that is built in.
func builtInKeys(t *testing.T) map[string]string {
	t.Helper()
	keys := map[string]string{}
	for _, program := range Programs() {
		settings, err := Read(projectRoot, program.Dir, "Config")
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range settings {
			if s.Default == "" || !s.Secret && !strings.HasSuffix(s.Name, "_KEY") {
				continue
			}
			set := map[string]string{s.Name: s.Default}
			own := config.Own{Words: set}
			if raw, err := base64.StdEncoding.DecodeString(s.Default); err == nil && len(raw) >= 32 {
				keys[s.Name], own = string(raw), config.Own{Keys: set}
			} else if strings.Contains(s.Default, "://") {
				own = config.Own{Backends: set}
			}
			if err := config.Production.Check(own); err == nil || !strings.Contains(err.Error(), s.Name) {
				t.Errorf("%s: production starts with the built-in %s: %v", program.Name, s.Name, err)
			}
		}
	}
	return keys
}

// Nobody may build in a secret that production does not know, nor leave one in its list
// that is built in nowhere.
func TestProductionKnowsTheBuiltInSecretsAndNoOthers(t *testing.T) {
	t.Parallel()
	keys := builtInKeys(t)
	if len(keys) < 6 {
		t.Fatalf("only %d built-in keys are found: %v", len(keys), keys)
	}
	text, err := os.ReadFile(filepath.Join(projectRoot, "shared/platform/config/production.go"))
	if err != nil {
		t.Fatal(err)
	}
	listed := regexp.MustCompile(`"(fairgate-development-[^"]+)"`).FindAllStringSubmatch(string(text), -1)
	for _, key := range listed {
		if !slices.Contains(slices.Collect(maps.Values(keys)), key[1]) {
			t.Errorf("%q is refused and built in nowhere", key[1])
		}
	}
	if len(listed) != len(keys) {
		t.Errorf("%d keys are listed, %d built in", len(listed), len(keys))
	}
}
