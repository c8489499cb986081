package stack

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// inherited are the variables that every program takes from the caller, if set.
func inherited() []string {
	return []string{"PATH", "HOME", "TMPDIR", "TZ", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"}
}

// environ builds a program's whole environment. Nothing else of the caller's gets
// in: a stray ADDR must not move a service, and the same settings must give the
// same environment from any shell.
func (s System) environ(of service) []string {
	settings := map[string]string{}
	for _, name := range slices.Concat(inherited(), documented(s.Root)) {
		if value, ok := os.LookupEnv(name); ok {
			settings[name] = value
		}
	}
	reached := s.Backends
	if s.Detoured {
		reached.Ports = reached.Ports.detoured()
	}
	for name, value := range defaults(reached.Ports) {
		if _, ok := settings[name]; !ok {
			settings[name] = value
		}
	}
	for _, need := range of.needs {
		maps.Copy(settings, need(reached))
	}
	maps.Copy(settings, of.own(s.Backends.Ports, s.Backends.supervisor().dataDir()))
	settings["ENV"] = "development"
	lines := make([]string, 0, len(settings))
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		lines = append(lines, name+"="+settings[name])
	}
	return lines
}

// documented returns the names of the settings in .env.example.
func documented(root string) []string {
	text, err := os.ReadFile(filepath.Join(root, ".env.example"))
	if err != nil {
		return nil
	}
	var names []string
	for line := range strings.Lines(string(text)) {
		name, _, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "#"), "=")
		if ok && name != "" && !strings.ContainsAny(name, " \t") {
			names = append(names, name)
		}
	}
	return names
}
