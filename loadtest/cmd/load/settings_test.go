package main

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/fairgate/fairgate/loadtest/drive"
)

func read(args []string, environ map[string]string) (drive.Settings, error) {
	return settings(args, func(name string) (string, bool) { value, ok := environ[name]; return value, ok }, io.Discard)
}

func TestSettingsComeFromFlagsThenTheEnvironment(t *testing.T) {
	t.Parallel()
	s, err := read([]string{"-fans=7"}, map[string]string{"FANS": "8", "SEATS": "9", "ENTER_RATE": "60", "DURATION": "90", "ARRIVE": "250ms", "RATE": ""})
	if err != nil {
		t.Fatal(err)
	}
	if s.Fans != 7 || s.Seats != 9 || s.EnterRate != 60 || s.Duration != 90*time.Second || s.Arrive != 250*time.Millisecond || s.Rate != -1 {
		t.Errorf("%+v", s)
	}
}

func TestALocalSystemIsAssumedUnlessAnotherIsNamed(t *testing.T) {
	t.Parallel()
	local, err := read(nil, map[string]string{"PORT_BASE": "9000"})
	if err != nil {
		t.Fatal(err)
	}
	if local.BaseURL != "http://127.0.0.1:9080" || local.ProviderURL != "http://127.0.0.1:9090" || !strings.Contains(local.PostgresURL, ":9032/") ||
		local.PrometheusURL != "http://127.0.0.1:9091" || len(local.MetricsURLs) != 3 {
		t.Errorf("local: %+v", local)
	}
	elsewhere, err := read(nil, map[string]string{"BASE_URL": "https://tickets.example.com/", "METRICS_URLS": "a=http://x/m,b=http://y/m"})
	if err != nil {
		t.Fatal(err)
	}
	if elsewhere.BaseURL != "https://tickets.example.com" || elsewhere.ProviderURL != "" || elsewhere.PostgresURL != "" || elsewhere.PrometheusURL != "" || len(elsewhere.MetricsURLs) != 2 {
		t.Errorf("elsewhere: %+v", elsewhere)
	}
}

func TestWrongSettingsAreNamed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		args    []string
		environ map[string]string
		says    string
	}{
		{environ: map[string]string{"FANS": "many"}, says: "FANS=many"},
		{environ: map[string]string{"DURATION": "soon"}, says: "DURATION=soon: give a time such as"},
		{environ: map[string]string{"ARRIVE": "-1s"}, says: "ARRIVE=-1s"},
		{args: []string{"fast"}, says: `"fast" is not a flag`},
	}
	for _, test := range tests {
		if _, err := read(test.args, test.environ); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%v %v: %v, want %q", test.args, test.environ, err, test.says)
		}
	}
}

func TestAMisspelledScenarioListsThoseThereAre(t *testing.T) {
	t.Parallel()
	var faults strings.Builder
	code := load(t.Context(), []string{"-scenario=flash_sal", "-dir=../.."}, func(string) (string, bool) { return "", false }, io.Discard, &faults)
	if code != misused {
		t.Errorf("exit code %d", code)
	}
	for _, name := range []string{"browse", "flash_sale", "seat_contention", "soak", "spike", "status_poll"} {
		if !strings.Contains(faults.String(), "  "+name+" ") {
			t.Errorf("%s is not listed in\n%s", name, &faults)
		}
	}
}
