package observe

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

const (
	rulesGlob      = "../prometheus/rules/*.yml"
	dashboardsGlob = "../grafana/dashboards/*.json"
)

// rules returns the rules of all files.
func rules(t *testing.T) []rulefmt.Rule {
	t.Helper()
	var all []rulefmt.Rule
	for _, path := range glob(t, rulesGlob) {
		groups, errs := rulefmt.ParseFile(path, false, model.LegacyValidation)
		for _, err := range errs {
			t.Error(err)
		}
		for _, group := range groups.Groups {
			all = append(all, group.Rules...)
		}
	}
	return all
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %v, %d files", pattern, err, len(paths))
	}
	return paths
}

// dashboard is what the tests need to know of one.
type dashboard struct {
	path string

	UID           string `json:"uid"`
	Title         string `json:"title"`
	SchemaVersion int    `json:"schemaVersion"`
	Templating    struct {
		List []struct {
			Name       string
			Definition string
		}
	}
	Annotations struct {
		List []struct{ Expr string }
	}
	Panels []panel
}

type panel struct {
	ID          int
	Type, Title string
	Datasource  struct{ UID string }
	GridPos     struct{ X, Y, W, H int }
	FieldConfig struct{ Defaults struct{ Unit string } }
	Targets     []struct{ RefID, Expr string }
}

func dashboards(t *testing.T) []dashboard {
	t.Helper()
	var all []dashboard
	for _, path := range glob(t, dashboardsGlob) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		board := dashboard{path: filepath.Base(path)}
		if err := json.Unmarshal(text, &board); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all = append(all, board)
	}
	return all
}

// expression is a piece of PromQL and where it stands.
type expression struct{ where, text string }

// grafanaVariable is what Grafana replaces before it asks Prometheus.
var (
	grafanaRange    = regexp.MustCompile(`\$__(range|interval|rate_interval)`)
	grafanaVariable = regexp.MustCompile(`\$[a-z_]+`)
	labelValues     = regexp.MustCompile(`^label_values\((.+), (\w+)\)$`)
)

// expressions returns all PromQL of rules and dashboards, with Grafana's variables
// filled in. A variable's own query becomes one that asks for its label.
func expressions(t *testing.T) []expression {
	t.Helper()
	var all []expression
	for _, rule := range rules(t) {
		all = append(all, expression{"rule " + rule.Alert + rule.Record, rule.Expr})
	}
	for _, board := range dashboards(t) {
		add := func(what, text string) {
			text = grafanaVariable.ReplaceAllString(grafanaRange.ReplaceAllString(text, "5m"), ".*")
			all = append(all, expression{board.path + ": " + what, text})
		}
		for _, variable := range board.Templating.List {
			query := labelValues.FindStringSubmatch(variable.Definition)
			if query == nil {
				t.Errorf("%s: variable %s: %q is no label_values(…)", board.path, variable.Name, variable.Definition)
				continue
			}
			add("variable "+variable.Name, "count by ("+query[2]+") ("+query[1]+")")
		}
		for _, annotation := range board.Annotations.List {
			add("annotation", annotation.Expr)
		}
		for _, panel := range board.Panels {
			for _, target := range panel.Targets {
				add(panel.Title, target.Expr)
			}
		}
	}
	return all
}

// use is one metric in an expression with the labels that are asked of it.
type use struct {
	where, metric string
	labels        []string
}

// uses returns the metrics of an expression.
func uses(t *testing.T, e expression) []use {
	t.Helper()
	tree, err := parser.ParseExpr(e.text)
	if err != nil {
		t.Errorf("%s: %v\n%s", e.where, err, e.text)
		return nil
	}
	var found []use
	parser.Inspect(tree, func(node parser.Node, path []parser.Node) error {
		selector, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		wanted, metric := grouping(append(slices.Clone(path), node)), selector.Name
		for _, matcher := range selector.LabelMatchers {
			if matcher.Name == model.MetricNameLabel {
				metric = matcher.Value
			} else if matcher.Type == labels.MatchEqual || matcher.Type == labels.MatchRegexp {
				wanted[matcher.Name] = true
			}
		}
		found = append(found, use{e.where, metric, slices.Sorted(maps.Keys(wanted))})
		return nil
	})
	return found
}

// grouping returns the labels that what stands above the last node of path asks of
// it. The right side of a matching has only to have the labels of the matching.
func grouping(path []parser.Node) map[string]bool {
	wanted := map[string]bool{}
	for i, above := range path[:len(path)-1] {
		switch above := above.(type) {
		case *parser.AggregateExpr:
			if !above.Without {
				for _, label := range above.Grouping {
					wanted[label] = true
				}
			}
		case *parser.BinaryExpr:
			if above.VectorMatching == nil || !above.VectorMatching.On {
				continue
			}
			if above.RHS == path[i+1] {
				wanted = map[string]bool{}
			}
			for _, label := range above.VectorMatching.MatchingLabels {
				wanted[label] = true
			}
		}
	}
	return wanted
}

// allUses returns every metric of every expression.
func allUses(t *testing.T) []use {
	t.Helper()
	var all []use
	for _, e := range expressions(t) {
		all = append(all, uses(t, e)...)
	}
	return all
}

// recorded returns the names that recording rules make.
func recorded(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, rule := range rules(t) {
		if rule.Record != "" {
			names[rule.Record] = true
		}
	}
	return names
}

// family strips what a histogram appends to its name.
func family(metric string) string {
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if base, ok := strings.CutSuffix(metric, suffix); ok {
			return base
		}
	}
	return metric
}
