package queuegateway

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"net/http"
	"os"
	"testing"
)

// TestEveryNumberOfALineIsBounded: each number that operators may set says between what,
// and what lies outside is refused and changes nothing.
func TestEveryNumberOfALineIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.line(sale, nil)
	g := w.gateway()
	admin := []string{"Authorization", w.bearer("adm-1", "admin")}
	path := "/v1/admin/queues/" + sale
	settings := func() string {
		line := g.call("GET", path, "", admin...).json
		delete(line, "live")
		raw, _ := json.Marshal(line)
		return string(raw)
	}
	before := settings()
	numbers := patchNumbers(t)
	if len(numbers) != 7 {
		t.Errorf("the document has %d numbers in a patch: %v; want 7", len(numbers), numbers)
	}
	for name, bounds := range numbers {
		low, high := bounds["minimum"], bounds["maximum"]
		if low == nil || high == nil {
			t.Errorf("%s has no minimum or no maximum", name)
			continue
		}
		for _, value := range beyond(*low, *high) {
			a := g.call("PATCH", path, fmt.Sprintf(`{%q:%s}`, name, value), admin...)
			if a.StatusCode != http.StatusUnprocessableEntity && a.StatusCode != http.StatusBadRequest {
				t.Errorf("%s = %s: %d %s; want it refused", name, value, a.StatusCode, a.code())
			}
		}
	}
	for _, value := range beyond(1, 500) {
		if a := g.call("GET", "/v1/admin/queues?limit="+value, "", admin...); a.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("limit = %s: %d", value, a.StatusCode)
		}
	}
	if after := settings(); after != before {
		t.Errorf("what was refused changed the line:\n%s\n%s", before, after)
	}
}

// beyond are numbers beyond the bounds, and where programs break.
func beyond(low, high float64) []string {
	whole := func(f float64) *big.Int { n, _ := big.NewFloat(f).Int(nil); return n }
	one := big.NewInt(1)
	all := []string{new(big.Int).Sub(whole(low), one).String(), new(big.Int).Add(whole(high), one).String(), "1e400"}
	for _, bits := range []float64{31, 53, 63, 64} {
		if edge := math.Exp2(bits); edge > high {
			all = append(all, whole(edge).String())
		}
		all = append(all, whole(-math.Exp2(bits)).String())
	}
	return all
}

// patchNumbers are the numbers of a patch as the document has them, with their bounds.
func patchNumbers(t *testing.T) map[string]map[string]*float64 {
	t.Helper()
	var document struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]map[string]any `json:"properties"`
			} `json:"schemas"`
		} `json:"components"`
	}
	raw, err := os.ReadFile("internal/api/openapi.json")
	if err == nil {
		err = json.Unmarshal(raw, &document)
	}
	if err != nil {
		t.Fatal(err)
	}
	numbers := map[string]map[string]*float64{}
	for name, schema := range document.Components.Schemas["LinePatch"].Properties {
		if schema["type"] != "integer" && schema["type"] != "number" {
			continue
		}
		numbers[name] = map[string]*float64{}
		for _, bound := range []string{"minimum", "maximum"} {
			if value, ok := schema[bound].(float64); ok {
				numbers[name][bound] = &value
			}
		}
	}
	return numbers
}
