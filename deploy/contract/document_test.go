package contract

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const sample = `{
 "openapi": "3.1.0", "info": {"title": "t", "version": "1"},
 "paths": {
  "/v1/things/{id}": {
   "get": {"responses": {
    "200": {"description": "", "headers": {"ETag": {"required": true}}, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}},
    "404": {"$ref": "#/components/responses/404.thing_not_found"}}},
   "delete": {"responses": {"204": {"description": ""}}}
  },
  "/v1/things/me": {"post": {"responses": {"303": {"description": ""}}}}
 },
 "components": {
  "schemas": {"Thing": {"type": "object", "required": ["at"], "additionalProperties": false, "properties": {"at": {"type": "string", "format": "date-time"}}}},
  "responses": {"404.thing_not_found": {"description": "", "content": {"application/problem+json": {"schema": {"properties": {"code": {"enum": ["thing_not_found"]}}}}}}}
 }
}`

func TestEveryDifferenceIsFound(t *testing.T) {
	t.Parallel()
	d, err := Read([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	const right, problem = `{"at":"2026-12-12T18:00:00Z"}`, "application/problem+json"
	tagged := http.Header{"Etag": {`"1"`}}
	for name, c := range map[string]struct {
		call, kind, body string
		status           int
		more             http.Header
		want             string // in the only fault; empty: none
	}{
		"as documented":           {"GET /v1/things/1", "application/json; charset=utf-8", right, 200, tagged, ""},
		"a documented problem":    {"GET /v1/things/1", problem, `{"code":"thing_not_found"}`, 404, nil, ""},
		"HEAD without a document": {"HEAD /v1/things/1", "application/json", "", 200, tagged, "method is not documented"},
		"a page for a browser":    {"GET /v1/things/1", "text/html", "<p>", 404, http.Header{"Accept": {"text/html,*/*"}}, ""},
		"another status":          {"GET /v1/things/1", problem, `{"code":"nope"}`, 403, nil, "answers 403 nope, which is not documented"},
		"another code":            {"GET /v1/things/1", problem, `{"code":"other"}`, 404, nil, "404 other"},
		"another media type":      {"GET /v1/things/1", "text/plain", right, 200, tagged, `is "text/plain"`},
		"a format":                {"GET /v1/things/1", "application/json", `{"at":"tomorrow"}`, 200, tagged, "date-time"},
		"a member too much":       {"GET /v1/things/1", "application/json", `{"at":"2026-12-12T18:00:00Z","x":1}`, 200, tagged, "additional"},
		"no JSON":                 {"GET /v1/things/1", "application/json", `error`, 200, tagged, "is not JSON"},
		"a header that lacks":     {"GET /v1/things/1", "application/json", right, 200, nil, "lacks the header ETag"},
		"a header too much":       {"DELETE /v1/things/1", "", "", 204, http.Header{"Retry-After": {"1"}}, "Retry-After"},
		"a body too much":         {"DELETE /v1/things/1", "text/plain", "x", 204, nil, "has a body"},
		"the literal address":     {"POST /v1/things/me", "", "", 303, nil, ""},
		"405 that says what":      {"PUT /v1/things/1", problem, `{"code":"method_not_allowed"}`, 405, http.Header{"Allow": {"GET, DELETE, HEAD"}}, ""},
		"405 that forgets one":    {"PUT /v1/things/1", problem, `{"code":"method_not_allowed"}`, 405, http.Header{"Allow": {"GET"}}, "405 allows"},
		"an unknown method":       {"PUT /v1/things/1", problem, `{"code":"x"}`, 400, nil, "method is not documented"},
		"nowhere":                 {"GET /v1/nothing", problem, `{"code":"not_found"}`, 404, nil, ""},
		"something nowhere":       {"GET /v1/nothing", "application/json", `{}`, 200, nil, "address is not documented"},
		"a page":                  {"GET /login", "text/html", "<p>", 200, nil, ""},
	} {
		method, path, _ := strings.Cut(c.call, " ")
		e := Exchange{Method: method, Path: path, Status: c.status, Header: http.Header{"Content-Type": {c.kind}}, Body: []byte(c.body), Accept: c.more.Get("Accept")}
		for name, values := range c.more {
			e.Header[name] = values
		}
		faults := d.Check(e)
		if c.want == "" && len(faults) > 0 || c.want != "" && (len(faults) != 1 || !strings.Contains(faults[0], c.want)) {
			t.Errorf("%s: %q, want one with %q", name, faults, c.want)
		}
	}
}

func TestTheRecorderSeesEveryAnswer(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/openapi.json":
			_, _ = io.WriteString(w, sample)
		case "/v1/things/stream":
			w.Header().Set("Content-Type", "text/event-stream")
		default:
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("ETag", `"1"`)
			_, _ = io.WriteString(w, `{"at":1}`)
		}
	}))
	t.Cleanup(server.Close)
	recorder, err := NewRecorder(server.URL, http.DefaultTransport)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/v1/things/1", "/v1/things/2", "/v1/things/stream"} {
		response, err := (&http.Client{Transport: recorder}).Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.ReadAll(response.Body)
		response.Body.Close()
	}
	faults := recorder.Faults()
	if len(faults) != 3 || !strings.Contains(recorder.Report(), "GET /v1/things/{id}: 200") {
		t.Errorf("%q, want one of the body and two of the stream", faults)
	}
}
