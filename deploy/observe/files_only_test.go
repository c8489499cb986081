package observe

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestEveryExpressionParses(t *testing.T) {
	t.Parallel()
	if n := len(allUses(t)); n < 100 {
		t.Errorf("only %d metrics are used: were the files read?", n)
	}
}

func TestExpressionsUseRecordedNamesThatExist(t *testing.T) {
	t.Parallel()
	names := recorded(t)
	for _, u := range allUses(t) {
		if strings.Contains(u.metric, ":") && !names[u.metric] {
			t.Errorf("%s asks for %s, which no rule records", u.where, u.metric)
		}
	}
}

func TestEveryAlertHasSeverityTextRunbookEntryAndUnitTest(t *testing.T) {
	t.Parallel()
	entries := headings(t, "../prometheus/runbook.md")
	tested, err := os.ReadFile("../prometheus/tests/rules_test.yml")
	if err != nil {
		t.Fatal(err)
	}
	var alerts []string
	for _, rule := range rules(t) {
		if rule.Alert == "" {
			continue
		}
		alerts = append(alerts, rule.Alert)
		if severity := rule.Labels["severity"]; severity != "page" && severity != "ticket" {
			t.Errorf("%s has severity %q", rule.Alert, severity)
		}
		if rule.Annotations["summary"] == "" {
			t.Errorf("%s says nothing", rule.Alert)
		}
		if want := "deploy/prometheus/runbook.md#" + strings.ToLower(rule.Alert); rule.Annotations["runbook"] != want {
			t.Errorf("%s points at %q, not at %s", rule.Alert, rule.Annotations["runbook"], want)
		}
		if !slices.Contains(entries, rule.Alert) {
			t.Errorf("%s has no entry in the runbook", rule.Alert)
		}
		for _, name := range []string{rule.Alert + " fires", rule.Alert + " is quiet"} {
			if !strings.Contains(string(tested), "- name: "+name+"\n") {
				t.Errorf("there is no unit test %q", name)
			}
		}
	}
	for _, entry := range entries {
		if !slices.Contains(alerts, entry) {
			t.Errorf("the runbook has an entry %s, which is no alert", entry)
		}
	}
	if len(alerts) < 20 {
		t.Errorf("only %d alerts", len(alerts))
	}
}

// headings returns the second-level headings of a page.
func headings(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, match := range regexp.MustCompile(`(?m)^## (\w+)$`).FindAllStringSubmatch(string(text), -1) {
		found = append(found, match[1])
	}
	return found
}

func TestDashboardsAreWellFormed(t *testing.T) {
	t.Parallel()
	boards := dashboards(t)
	seen := map[string]string{}
	for _, board := range boards {
		if board.UID == "" || board.Title == "" || board.SchemaVersion < 36 {
			t.Errorf("%s: uid %q, title %q, schema version %d", board.path, board.UID, board.Title, board.SchemaVersion)
		}
		if other, taken := seen[board.UID]; taken {
			t.Errorf("%s and %s have the same uid", board.path, other)
		}
		seen[board.UID] = board.path
		for _, fault := range panelFaults(board.Panels) {
			t.Errorf("%s: %s", board.path, fault)
		}
	}
	if len(boards) != 4 {
		t.Errorf("%d dashboards, want sale night, booking and money, messages, machine and load run", len(boards))
	}
}

func panelFaults(panels []panel) []string {
	var faults []string
	ids := map[int]bool{}
	for i, p := range panels {
		if ids[p.ID] {
			faults = append(faults, p.Title+" has the id of another panel")
		}
		ids[p.ID] = true
		at := p.GridPos
		if at.W <= 0 || at.H <= 0 || at.X < 0 || at.X+at.W > 24 {
			faults = append(faults, p.Title+" is outside the grid")
		}
		for _, other := range panels[:i] {
			o := other.GridPos
			if at.X < o.X+o.W && o.X < at.X+at.W && at.Y < o.Y+o.H && o.Y < at.Y+at.H {
				faults = append(faults, p.Title+" lies over "+other.Title)
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.FieldConfig.Defaults.Unit == "" || p.Datasource.UID != "prometheus" || len(p.Targets) == 0 || p.Title == "" {
			faults = append(faults, p.Title+" lacks a unit, the data source, a query or a title")
		}
		for j, target := range p.Targets {
			if target.RefID == "" || slices.ContainsFunc(p.Targets[:j], func(o struct{ RefID, Expr string }) bool { return o.RefID == target.RefID }) {
				faults = append(faults, p.Title+" has queries without names of their own")
			}
		}
	}
	return faults
}

func TestPanelFaultsAreFound(t *testing.T) {
	t.Parallel()
	good := func() []panel {
		a, b := panel{ID: 1, Title: "a", Type: "stat"}, panel{ID: 2, Title: "b", Type: "stat"}
		for _, p := range []*panel{&a, &b} {
			p.GridPos.W, p.GridPos.H, p.GridPos.X = 12, 8, 12*(p.ID-1)
			p.FieldConfig.Defaults.Unit, p.Datasource.UID = "s", "prometheus"
			p.Targets = []struct{ RefID, Expr string }{{"A", "up"}}
		}
		return []panel{a, b}
	}
	if faults := panelFaults(good()); len(faults) > 0 {
		t.Errorf("faults in good panels: %v", faults)
	}
	for want, plant := range map[string]func(p *panel){
		"lies over":        func(p *panel) { p.GridPos.X = 11 },
		"outside the grid": func(p *panel) { p.GridPos.X = 13 },
		"lacks a unit":     func(p *panel) { p.FieldConfig.Defaults.Unit = "" },
		"the id of":        func(p *panel) { p.ID = 1 },
		"names of their":   func(p *panel) { p.Targets = append(p.Targets, p.Targets[0]) },
	} {
		panels := good()
		plant(&panels[1])
		if faults := strings.Join(panelFaults(panels), "\n"); !strings.Contains(faults, want) {
			t.Errorf("want a fault that says %q, got %q", want, faults)
		}
	}
}

func TestGrafanaFindsDataSourceAndDashboards(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"datasources/prometheus.yml": "uid: prometheus ",
		"dashboards/fairgate.yml":    "path: /var/lib/grafana/dashboards ",
	} {
		text, err := os.ReadFile(filepath.Join("../grafana/provisioning", path))
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %v, want %q in it", path, err, want)
		}
	}
}

// nameScheme is fairgate_<noun>_<thing>_<unit>.
var nameScheme = regexp.MustCompile(`^fairgate_(audit|catalogue|http|queue|upstream|booking|provider|message|outbox|notify|job|process|redis|postgres)(_[a-z]+)+$`)

// units are the last words that a name may have.
func units() []string {
	return []string{"total", "seconds", "ratio", "fans", "sessions", "lines", "streams", "connections", "processes",
		"messages", "consumers", "events", "items", "violations", "minute", "state"}
}

func TestNamesFollowTheScheme(t *testing.T) {
	t.Parallel()
	for name, row := range metricsTable(t) {
		unit := name[strings.LastIndex(name, "_")+1:]
		if !nameScheme.MatchString(name) || !slices.Contains(units(), unit) {
			t.Errorf("%s is no fairgate_<noun>_<thing>_<unit>", name)
		}
		if (row.kind == "counter") != (unit == "total") {
			t.Errorf("%s is a %s: counters, and only they, end in _total", name, row.kind)
		}
	}
}

// row is a line of the table in deploy/prometheus/README.md.
type row struct {
	kind             string
	labels, services []string
}

func metricsTable(t *testing.T) map[string]row {
	t.Helper()
	text, err := os.ReadFile("../prometheus/README.md")
	if err != nil {
		t.Fatal(err)
	}
	table := map[string]row{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 5 || !strings.Contains(cells[0], "`fairgate_") {
			continue
		}
		name := strings.Trim(cells[0], " `")
		if _, twice := table[name]; twice {
			t.Errorf("%s is in the table twice", name)
		}
		table[name] = row{strings.TrimSpace(cells[1]), list(cells[2]), list(cells[4])}
		if strings.TrimSpace(cells[3]) == "" {
			t.Errorf("%s has no meaning", name)
		}
	}
	if len(table) < 40 {
		t.Fatalf("only %d metrics in the table: was it read?", len(table))
	}
	return table
}

func list(cell string) []string {
	cell = strings.TrimSpace(cell)
	if cell == "–" {
		return nil
	}
	names := strings.Split(cell, ", ")
	slices.Sort(names)
	return names
}

func TestRulesAndDashboardsUseOnlyMetricsOfTheTable(t *testing.T) {
	t.Parallel()
	table := metricsTable(t)
	fromScraping := []string{"job", "instance", "le"}
	for _, u := range allUses(t) {
		if !strings.HasPrefix(u.metric, "fairgate_") || strings.Contains(u.metric, ":") {
			continue
		}
		row, known := table[u.metric]
		if !known {
			row, known = table[family(u.metric)]
		}
		if !known {
			t.Errorf("%s: there is no metric %s", u.where, u.metric)
			continue
		}
		for _, label := range u.labels {
			if !slices.Contains(row.labels, label) && !slices.Contains(fromScraping, label) {
				t.Errorf("%s: %s has no label %s", u.where, u.metric, label)
			}
		}
	}
}
