//go:build observe

package observe

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fairgate/fairgate/deploy/stack"
)

// watched is the system under test, whose parts this test may stop.
func watched(t *testing.T) stack.System {
	t.Helper()
	base, err := stack.ParsePortBase(os.Getenv("OBSERVE_PORT_BASE"))
	if err != nil {
		t.Fatalf("no system to break: use make test-observe (%v)", err)
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return stack.System{
		Root: root, Out: io.Discard,
		Backends: stack.Backends{Dir: os.Getenv("OBSERVE_DIR"), Ports: stack.PortsFrom(base), Progress: stack.NewProgress(io.Discard)},
	}
}

// ask reads an answer of Prometheus' API into data.
func ask(t *testing.T, path string, query url.Values, data any) {
	t.Helper()
	body := fetch(t, os.Getenv("FAIRGATE_PROMETHEUS_URL")+"/api/v1/"+path+"?"+query.Encode())
	answer := struct{ Data any }{data}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatalf("%s: %v\n%s", path, err, body)
	}
}

func TestPromtoolTakesRulesAndTheirUnitTests(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		append([]string{"check", "rules"}, glob(t, rulesGlob)...),
		append([]string{"test", "rules"}, glob(t, "../prometheus/tests/*.yml")...),
		{"check", "config", filepath.Join(os.Getenv("OBSERVE_DIR"), "data", "observe", "prometheus.yml")},
	} {
		if out, err := exec.Command("promtool", args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	if out, err := exec.Command("amtool", "check-config", "../alertmanager/alertmanager.yml").CombinedOutput(); err != nil {
		t.Errorf("amtool: %v\n%s", err, out)
	}
}

func TestEveryTargetIsScrapedAndEveryRuleEvaluated(t *testing.T) {
	t.Parallel()
	eventually(t, func() []string {
		var targets struct {
			ActiveTargets []struct {
				Labels            map[string]string
				Health, LastError string
			}
		}
		ask(t, "targets", nil, &targets)
		var wrong []string
		for _, target := range targets.ActiveTargets {
			if target.Health != "up" {
				wrong = append(wrong, fmt.Sprintf("%v is %s: %s", target.Labels, target.Health, target.LastError))
			}
		}
		if len(targets.ActiveTargets) < 8 {
			wrong = append(wrong, fmt.Sprintf("only %d targets", len(targets.ActiveTargets)))
		}
		return append(wrong, rulesInTrouble(t)...)
	})
}

func rulesInTrouble(t *testing.T) []string {
	t.Helper()
	var loaded struct {
		Groups []struct {
			Rules []struct{ Name, Health, LastError string }
		}
	}
	ask(t, "rules", nil, &loaded)
	count := 0
	var wrong []string
	for _, group := range loaded.Groups {
		for _, rule := range group.Rules {
			count++
			if rule.Health != "ok" {
				wrong = append(wrong, fmt.Sprintf("rule %s is %s: %s", rule.Name, rule.Health, rule.LastError))
			}
		}
	}
	if want := len(rules(t)); count != want {
		wrong = append(wrong, fmt.Sprintf("%d rules are loaded, want %d", count, want))
	}
	return wrong
}

// TestEverythingUsedIsThere asks Prometheus for each metric and label of rules and
// dashboards, those of the exporters and of Prometheus included. k6's are there only
// during a load run, and what is recorded of errors only after one.
func TestEverythingUsedIsThere(t *testing.T) {
	t.Parallel()
	scrape(t)
	eventually(t, func() []string {
		var wrong []string
		known := map[string][]string{}
		for _, u := range allUses(t) {
			if strings.HasPrefix(u.metric, "k6_") || strings.Contains(u.metric, ":") || u.metric == "ALERTS" {
				continue
			}
			if _, asked := known[u.metric]; !asked {
				known[u.metric] = labelsOf(t, u.metric)
			}
			if known[u.metric] == nil {
				wrong = append(wrong, u.where+": there is no "+u.metric)
			}
			for _, label := range u.labels {
				if known[u.metric] != nil && !slices.Contains(known[u.metric], label) {
					wrong = append(wrong, u.where+": "+u.metric+" has no label "+label)
				}
			}
		}
		return wrong
	})
}

func labelsOf(t *testing.T, metric string) []string {
	t.Helper()
	var names []string
	ask(t, "labels", url.Values{"match[]": {metric}}, &names)
	if len(names) == 0 {
		return nil
	}
	return names
}

// post is what the Slack catcher caught.
type post struct {
	Text       string
	Body       json.RawMessage
	ReceivedAt time.Time `json:"received_at"`
}

func posts(t *testing.T) []post {
	t.Helper()
	var caught struct{ Items []post }
	if err := json.Unmarshal([]byte(fetch(t, os.Getenv("FAIRGATE_CATCHER_URL")+"/api/slack")), &caught); err != nil {
		t.Fatal(err)
	}
	return caught.Items
}

// TestATrippedBreakerReachesSlack stops the booking API: the gateway's breaker opens,
// Prometheus sees it, Alertmanager posts it. It runs alone, and ends with all as it
// was.
func TestATrippedBreakerReachesSlack(t *testing.T) {
	s := watched(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	if err := s.Stop(ctx, "booking-api"); err != nil {
		t.Fatal(err)
	}
	defer restore(t, s)
	stopped := time.Now()
	var tripped time.Time
	eventually(t, func() []string {
		metrics := fetch(t, strings.Fields(os.Getenv("FAIRGATE_METRICS_URLS"))[0])
		if !strings.Contains(metrics, "fairgate_upstream_breaker_state{class=\"all\"} 2") && !strings.Contains(metrics, "fairgate_upstream_breaker_state{class=\"all\"} 1") {
			return []string{"the breaker is closed"}
		}
		tripped = time.Now()
		return nil
	})
	firing := awaitPost(t, "FIRING BreakerOpen")
	for _, want := range []string{"lets nobody in", "runbook.md#breakeropen"} {
		if !strings.Contains(string(firing.Body), want) {
			t.Errorf("the post has no %q: %s", want, firing.Body)
		}
	}
	figures := fmt.Sprintf("alert: %.1f s from the API's end to the trip, %.1f s from the trip to the post\n",
		tripped.Sub(stopped).Seconds(), firing.ReceivedAt.Sub(tripped).Seconds())
	t.Log(figures)
	if report := os.Getenv("OBSERVE_REPORT"); report != "" { // make test-observe prints it
		if err := os.WriteFile(report, []byte(figures), 0o600); err != nil {
			t.Error(err)
		}
	}
}

// restore starts the API again and waits until the gateway hands requests on.
func restore(t *testing.T, s stack.System) {
	t.Helper()
	if err := s.Start(context.Background(), "booking-api"); err != nil {
		t.Error(err)
		return
	}
	eventually(t, func() []string {
		response, err := http.Get(os.Getenv("FAIRGATE_URL") + "/")
		if err != nil {
			return []string{err.Error()}
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return []string{response.Status}
		}
		return nil
	})
}

// awaitPost returns the post with that title.
func awaitPost(t *testing.T, title string) post {
	t.Helper()
	var found post
	eventually(t, func() []string {
		for _, p := range posts(t) {
			if strings.Contains(string(p.Body), title) {
				found = p
				return nil
			}
		}
		return []string{"no post says " + title}
	})
	return found
}
