package api

import (
	"encoding/json"
	"net/http"
	"regexp"
	"sort"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/queue-gateway/web"
)

func TestTheDocumentDescribesExactlyTheRoutes(t *testing.T) {
	t.Parallel()
	pages, err := web.New()
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]any `json:"paths"`
	}
	if err := json.Unmarshal(gatewayAPI, &doc); err != nil {
		t.Fatal(err)
	}
	var described, routed []string
	for path, item := range doc.Paths {
		for method := range item {
			described = append(described, strings.ToUpper(method)+" "+path)
		}
	}
	parameter := regexp.MustCompile(`:(\w+)`)
	for _, r := range (&API{Config: Config{Pages: pages}}).routes() {
		for method := range r.methods {
			routed = append(routed, method+" "+parameter.ReplaceAllString(r.path, "{$1}"))
		}
	}
	sort.Strings(described)
	sort.Strings(routed)
	if got, want := strings.Join(described, "\n"), strings.Join(routed, "\n"); got != want {
		t.Errorf("described:\n%s\nrouted:\n%s", got, want)
	}
}

func newRequest(t *testing.T, path string) *http.Request {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return request
}

func TestDocumentsAreMerged(t *testing.T) {
	t.Parallel()
	base, over := map[string]any{}, map[string]any{}
	_ = json.Unmarshal([]byte(`{"openapi":"3.1.0","info":{"title":"API"},"tags":[{"name":"a"}],"paths":{"/v1/x":{"get":{}}},"components":{"schemas":{"X":{"type":"object"}}}}`), &base)
	_ = json.Unmarshal([]byte(`{"info":{"title":"All"},"tags":[{"name":"b"}],"paths":{"/v1/y":{"get":{}}},"components":{"schemas":{"Y":{}},"securitySchemes":{"bearer":{}}}}`), &over)
	merged, err := json.Marshal(mergeMaps(base, over, 2))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"components":{"schemas":{"X":{"type":"object"},"Y":{}},"securitySchemes":{"bearer":{}}},"info":{"title":"All"},"openapi":"3.1.0","paths":{"/v1/x":{"get":{}},"/v1/y":{"get":{}}},"tags":[{"name":"a"},{"name":"b"}]}`
	if string(merged) != want {
		t.Errorf("%s", merged)
	}
}

func TestTheDocsPageLoadsNothingFromElsewhere(t *testing.T) {
	t.Parallel()
	if found := regexp.MustCompile(`(?i)https?://|//[a-z]+\.[a-z]`).Find(docsPage); found != nil {
		t.Errorf("the page mentions %q", found)
	}
	app := fiber.New()
	app.Get("/docs", (&API{}).docs)
	response, err := app.Test(newRequest(t, "/docs"), -1)
	if err != nil {
		t.Fatal(err)
	}
	policy := response.Header.Get("Content-Security-Policy")
	if response.StatusCode != 200 || !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "'sha256-") {
		t.Errorf("%d %q", response.StatusCode, policy)
	}
}
