package apidoc

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/platform/httpd"
)

func sample(t *testing.T) Document {
	t.Helper()
	var d Document
	if err := json.Unmarshal([]byte(`{
	 "openapi": "3.1.0", "info": {"title": "t: \"x\"", "version": "1"}, "tags": [], "security": [{"account": []}],
	 "paths": {
	  "/v1/things/{id}": {
	   "get": {"operationId": "get-thing", "summary": "A thing",
	    "parameters": [{"name": "id", "in": "path"}, {"name": "if-none-match", "in": "header"}, {"name": "cursor", "in": "query"}],
	    "responses": {"200": {"description": "", "content": {"application/json": {"schema": {"type": ["string", "null"], "examples": ["a", "b"]}}}}, "404": {"x-codes": ["thing_not_found"]}, "default": {"description": ""}}},
	   "delete": {"security": [{"account": []}], "parameters": [{"name": "Its-Key", "in": "header"}], "responses": {"204": {"description": ""}, "503": {"description": "", "content": {"text/plain": {}}}}}
	  },
	  "/v1/events": {"get": {"responses": {"200": {"description": "", "content": {"text/event-stream": {}}}}}}
	 }, "components": {"schemas": {"T": {"type": "object", "properties": {"type": {"const": 1}, "const": {"type": "array"}}}}}
	}`), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestEveryOperationSaysWhatItsKindIsAnswered(t *testing.T) {
	t.Parallel()
	d := sample(t)
	Complete(d, Kind{With("header", "Its-Key"), Of(errs.New(errs.Conflict, "key_in_use", ""))})
	paths := d["paths"].(map[string]any)
	for call, want := range map[string]map[string]string{
		"get /v1/things/{id}":    {"200": "", "304": "", "400": "400.bad_cursor.bad_request.malformed_json", "404": "404.not_found.thing_not_found", "422": "422.validation_failed"},
		"head /v1/things/{id}":   {"200": "", "304": "", "404": "404.not_found.thing_not_found"},
		"delete /v1/things/{id}": {"204": "", "400": "400.bad_request.malformed_json", "401": "401.unauthenticated", "409": "409.key_in_use", "503": ""},
		"get /v1/events":         {"200": "", "503": "503.upstream_unavailable"},
	} {
		method, path, _ := strings.Cut(call, " ")
		responses := paths[path].(map[string]any)[method].(map[string]any)["responses"].(map[string]any)
		if responses["default"] != nil {
			t.Errorf("%s has a default, which says nothing", call)
		}
		for status, name := range want {
			response, _ := responses[status].(map[string]any)
			if ref, _ := response["$ref"].(string); response == nil || strings.TrimPrefix(ref, "#/components/responses/") != name {
				t.Errorf("%s %s: %v, want %s", call, status, response, name)
			}
		}
	}
	if paths["/v1/events"].(map[string]any)["head"] != nil {
		t.Error("a stream has no HEAD")
	}
	shared := d["components"].(map[string]any)["responses"].(map[string]any)["409.key_in_use"]
	raw, _ := json.Marshal(shared)
	if !bytes.Contains(raw, []byte(`{"enum":["key_in_use"]}`)) || !bytes.Contains(raw, []byte("application/problem+json")) {
		t.Errorf("%s", raw)
	}
}

func TestTheOlderDocumentHasNoNewWords(t *testing.T) {
	t.Parallel()
	d := sample(t)
	before, _ := json.Marshal(d)
	old, _ := json.Marshal(Downgrade(d))
	for _, want := range []string{`"openapi":"3.0.3"`, `{"example":"a","nullable":true,"type":"string"}`, `"type":{"enum":[1]}`, `"const":{"items":{},"type":"array"}`} {
		if !bytes.Contains(old, []byte(want)) {
			t.Errorf("no %s in %s", want, old)
		}
	}
	if after, _ := json.Marshal(d); !bytes.Equal(before, after) {
		t.Error("the newer document was changed")
	}
}

func TestEveryFormIsServedOnceAndTagged(t *testing.T) {
	t.Parallel()
	forms, err := Render(sample(t))
	if err != nil {
		t.Fatal(err)
	}
	app := fiber.New()
	for _, path := range Paths() {
		app.Get(path, forms.Serve)
		first := get(t, app, path, "")
		tag := first.Header.Get("ETag")
		if first.StatusCode != 200 || tag == "" || !strings.HasPrefix(first.Header.Get("Content-Type"), "application/vnd.oai.openapi") {
			t.Errorf("%s: %d %v", path, first.StatusCode, first.Header)
		}
		if again := get(t, app, path, "W/"+tag); again.StatusCode != http.StatusNotModified {
			t.Errorf("%s: %d for what we have", path, again.StatusCode)
		}
	}
}

func get(t *testing.T, app *fiber.App, path, tag string) *http.Response {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if tag != "" {
		request.Header.Set("If-None-Match", tag)
	}
	response, err := app.Test(request, -1)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response
}

// The codes of the common kinds are those that httpd answers.
func TestTheCommonRefusalsAreThoseOfHTTPD(t *testing.T) {
	t.Parallel()
	for status, codes := range common()[0].Refusals {
		if status == http.StatusServiceUnavailable || status == http.StatusUnprocessableEntity || status == http.StatusBadRequest {
			continue // not the router's
		}
		if got := routerCode(t, status); !reflect.DeepEqual(codes, []string{got}) {
			t.Errorf("%d: documented are %v, httpd answers %s", status, codes, got)
		}
	}
	if strconv.Itoa(http.StatusBadRequest) != "400" || routerCode(t, http.StatusBadRequest) != "bad_request" {
		t.Error("400 is bad_request")
	}
}

// routerCode is the code of the problem that httpd makes of a router's refusal.
func routerCode(t *testing.T, status int) string {
	t.Helper()
	app := httpd.New(httpd.Options{Name: "test", Log: slog.New(slog.DiscardHandler)})
	app.Get("/", func(*fiber.Ctx) error { return fiber.NewError(status) })
	request, err := http.NewRequest(http.MethodGet, "http://fairgate.test/", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := app.Test(request, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var problem struct{ Code string }
	if err := json.NewDecoder(response.Body).Decode(&problem); err != nil {
		t.Fatal(err)
	}
	return problem.Code
}
