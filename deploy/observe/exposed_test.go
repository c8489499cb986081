//go:build acceptance || observe

package observe

import (
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// exposed is a metric as a running service shows it.
type exposed struct {
	kind     string
	labels   map[string]bool
	services map[string]bool
}

// serviceNames are those of FAIRGATE_METRICS_URLS, in its order.
func serviceNames() []string { return []string{"queue-gateway", "booking-api", "worker"} }

// scrape reads the metrics of all services. It calls each of the HTTP services first,
// so that they have something to tell.
func scrape(t *testing.T) map[string]exposed {
	t.Helper()
	urls := strings.Fields(os.Getenv("FAIRGATE_METRICS_URLS"))
	if len(urls) != len(serviceNames()) {
		t.Fatal("no system to test: make test-system and make test-observe start one")
	}
	for _, path := range []string{"/v1/queues/demo-onsale", "/", "/v1/performances"} {
		fetch(t, os.Getenv("FAIRGATE_URL")+path)
	}
	found := map[string]exposed{}
	for i, service := range serviceNames() {
		parser := expfmt.NewTextParser(model.LegacyValidation)
		families, err := parser.TextToMetricFamilies(strings.NewReader(fetch(t, urls[i])))
		if err != nil {
			t.Fatalf("%s: %v", service, err)
		}
		for name, family := range families {
			metric, known := found[name]
			if !known {
				metric = exposed{strings.ToLower(family.GetType().String()), map[string]bool{}, map[string]bool{}}
				found[name] = metric
			}
			metric.services[service] = true
			for _, m := range family.GetMetric() {
				for _, pair := range m.GetLabel() {
					metric.labels[pair.GetName()] = true
				}
			}
		}
	}
	return found
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	client := http.Client{Timeout: 10 * time.Second}
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", url, response.Status, err)
	}
	return string(body)
}

// eventually polls for at most a minute; check returns what is still wrong.
func eventually(t *testing.T, check func() []string) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		wrong := check()
		if len(wrong) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still after a minute:\n%s", strings.Join(wrong, "\n"))
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// TestTheTableSaysWhatTheServicesExpose compares both directions: name, type, labels,
// services. Jobs measure every few seconds, so that it takes a moment until all is there.
func TestTheTableSaysWhatTheServicesExpose(t *testing.T) {
	t.Parallel()
	table := metricsTable(t)
	eventually(t, func() []string { return differences(table, scrape(t)) })
}

func differences(table map[string]row, running map[string]exposed) []string {
	var wrong []string
	for name, metric := range running {
		if _, documented := table[name]; !documented && strings.HasPrefix(name, "fairgate_") {
			wrong = append(wrong, name+" is exposed and not in the table")
		}
		if documented := table[name]; documented.kind != "" && documented.kind != metric.kind {
			wrong = append(wrong, name+" is a "+metric.kind+", not a "+documented.kind)
		}
	}
	for name, documented := range table {
		metric, there := running[name]
		if !there {
			wrong = append(wrong, name+" is in the table and nobody exposes it")
			continue
		}
		if got := sortedKeys(metric.labels); !slices.Equal(got, documented.labels) {
			wrong = append(wrong, name+" has the labels "+strings.Join(got, ", ")+"; the table says "+strings.Join(documented.labels, ", "))
		}
		if got := sortedKeys(metric.services); !slices.Equal(got, documented.services) {
			wrong = append(wrong, name+" is exposed by "+strings.Join(got, ", ")+"; the table says "+strings.Join(documented.services, ", "))
		}
	}
	return wrong
}

func sortedKeys(set map[string]bool) []string {
	var keys []string
	for key := range set {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// TestRoutesArePatterns looks at what the other tests, if any, have asked for: no id
// of anything may have become a label.
func TestRoutesArePatterns(t *testing.T) {
	t.Parallel()
	scrape(t)
	id := regexp.MustCompile(`route="[^"]*[a-z]+_[0-9a-z]{20,}|route="[^"]*demo-onsale`)
	for _, url := range strings.Fields(os.Getenv("FAIRGATE_METRICS_URLS")) {
		if found := id.FindString(fetch(t, url)); found != "" {
			t.Errorf("%s: %s", url, found)
		}
	}
}
