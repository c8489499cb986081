// Package contract compares HTTP answers with the OpenAPI 3.1 document that promises
// them: the address, the method, the status, the media type, the body's schema, the code
// of a problem and the headers. The acceptance tests send all their requests through a
// Recorder, so that whatever they are answered is in the document.
package contract

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/fairgate/fairgate/shared/platform/httpd"
)

const documentURL = "https://fairgate.test/openapi.json" // a name; nothing is fetched

// Document is an OpenAPI document to judge by. Safe for concurrent use.
type Document struct {
	root      map[string]any
	templates []template

	mu       sync.Mutex
	compiler *jsonschema.Compiler
	schemas  map[string]*jsonschema.Schema // by JSON pointer
}

// template is one path of the document, "/v1/holds/{id}".
type template struct {
	path  string
	parts []string
}

// Read parses a document.
func Read(raw []byte) (*Document, error) {
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	root, ok := parsed.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("contract: the document is no object")
	}
	d := &Document{root: root, compiler: jsonschema.NewCompiler(), schemas: map[string]*jsonschema.Schema{}}
	d.compiler.AssertFormat()
	if err := d.compiler.AddResource(documentURL, root); err != nil {
		return nil, err
	}
	for path := range object(root, "paths") {
		d.templates = append(d.templates, template{path, strings.Split(path, "/")})
	}
	// The most literal first: /v1/me/holds is not /v1/{x}/holds.
	slices.SortFunc(d.templates, func(a, b template) int {
		if by := strings.Count(a.path, "{") - strings.Count(b.path, "{"); by != 0 {
			return by
		}
		return strings.Compare(a.path, b.path)
	})
	return d, nil
}

// Exchange is one request and its answer.
type Exchange struct {
	Method, Path string // the path as it was sent, without the query
	Accept       string
	Status       int
	Header       http.Header
	Body         []byte // nil: not known, as of a stream
}

// Check returns what the document does not say about the answer, each as one line
// beginning with the operation; nil when it says it all.
func (d *Document) Check(e Exchange) []string {
	path, item := d.find(e.Path)
	if item == nil {
		return e.checkNowhere()
	}
	name := e.Method + " " + path
	operation := object(item, strings.ToLower(e.Method))
	if operation == nil {
		return e.checkMethod(name, item)
	}
	if e.Status >= 400 && e.isPage() {
		return nil // a browser gets a page for a problem
	}
	at := pointer("paths", path, strings.ToLower(e.Method), "responses", strconv.Itoa(e.Status))
	response := object(operation, "responses", strconv.Itoa(e.Status))
	if response == nil {
		return []string{fmt.Sprintf("%s: answers %d %s, which is not documented", name, e.Status, e.code())}
	}
	if ref, ok := response["$ref"].(string); ok {
		at = strings.TrimPrefix(ref, "#")
		response = object(d.root, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
	}
	faults := e.checkHeaders(response)
	faults = append(faults, d.checkBody(e, at, response)...)
	for i, fault := range faults {
		faults[i] = fmt.Sprintf("%s: %d %s: %s", name, e.Status, e.code(), fault)
	}
	return faults
}

// Operation returns the "METHOD template" that a request is one of, "" for none.
func (d *Document) Operation(method, path string) string {
	template, item := d.find(path)
	if object(item, strings.ToLower(method)) == nil {
		return ""
	}
	return method + " " + template
}

// find returns the most literal path that path is one of; a slash at the end counts for
// nothing, as for the services' routers.
func (d *Document) find(path string) (string, map[string]any) {
	if len(path) > 1 {
		path = strings.TrimSuffix(path, "/")
	}
	parts := strings.Split(path, "/")
	for _, t := range d.templates {
		if slices.EqualFunc(t.parts, parts, func(want, got string) bool {
			return want == got || strings.HasPrefix(want, "{") && got != ""
		}) {
			return t.path, object(d.root, "paths", t.path)
		}
	}
	return "", nil
}

// checkNowhere judges an answer at an address that is not in the document: of the API
// there is nothing else, pages are no part of it.
func (e Exchange) checkNowhere() []string {
	ofAPI := strings.HasPrefix(e.Path, "/v1/") || strings.HasPrefix(e.Path, "/.well-known/") || strings.HasPrefix(e.Path, "/openapi")
	if !ofAPI || e.Status == http.StatusNotFound && e.code() == "not_found" {
		return nil
	}
	if e.Status == http.StatusMethodNotAllowed && e.code() == "method_not_allowed" {
		return nil
	}
	return []string{fmt.Sprintf("%s %s: answers %d %s, and the address is not documented", e.Method, e.Path, e.Status, e.code())}
}

// checkMethod judges the answer to a method that an address of the document lacks.
func (e Exchange) checkMethod(name string, item map[string]any) []string {
	if e.Status != http.StatusMethodNotAllowed {
		return []string{fmt.Sprintf("%s: answers %d %s, and the method is not documented", name, e.Status, e.code())}
	}
	var documented []string
	for method := range item {
		if method != "head" { // goes with GET
			documented = append(documented, strings.ToUpper(method))
		}
	}
	var allowed []string
	for method := range strings.SplitSeq(e.Header.Get("Allow"), ",") {
		if method = strings.TrimSpace(method); method != http.MethodHead {
			allowed = append(allowed, method)
		}
	}
	slices.Sort(documented)
	slices.Sort(allowed)
	if !slices.Equal(documented, allowed) {
		return []string{fmt.Sprintf("%s: 405 allows %v, documented are %v", name, allowed, documented)}
	}
	return nil
}

// telling are headers that clients act upon: an answer has them only if it says so.
func telling() []string {
	return []string{"ETag", "Retry-After", "RateLimit", "RateLimit-Policy", "Location", "Preference-Applied", "WWW-Authenticate", "Deprecation", "Sunset"}
}

func (e Exchange) checkHeaders(response map[string]any) []string {
	var faults []string
	documented := map[string]bool{}
	for name, described := range object(response, "headers") {
		documented[http.CanonicalHeaderKey(name)] = true
		if header, _ := described.(map[string]any); header["required"] == true && e.Header.Get(name) == "" {
			faults = append(faults, "lacks the header "+name)
		}
	}
	for _, name := range telling() {
		if e.Header.Get(name) != "" && !documented[http.CanonicalHeaderKey(name)] {
			faults = append(faults, "has the header "+name+", which is not documented")
		}
	}
	return faults
}

// checkBody compares the body with the response at the JSON pointer at.
func (d *Document) checkBody(e Exchange, at string, response map[string]any) []string {
	content := object(response, "content")
	if e.Method == http.MethodHead || e.Body == nil && len(content) == 0 {
		return nil
	}
	if len(content) == 0 {
		if len(e.Body) > 0 {
			return []string{"has a body, which is not documented"}
		}
		return nil
	}
	kind := e.mediaType()
	if content[kind] == nil {
		return []string{fmt.Sprintf("is %q, documented are %v", kind, slices.Sorted(maps.Keys(content)))}
	}
	if e.Body == nil || !strings.HasSuffix(kind, "json") || object(content, kind, "schema") == nil {
		return nil
	}
	body, err := jsonschema.UnmarshalJSON(bytes.NewReader(e.Body))
	if err != nil {
		return []string{"is not JSON: " + err.Error()}
	}
	schema, err := d.schema(at + pointer("content", kind, "schema"))
	if err == nil {
		err = schema.Validate(body)
	}
	if err != nil {
		return []string{strings.Join(strings.Fields(err.Error()), " ")}
	}
	return nil
}

func (d *Document) schema(at string) (*jsonschema.Schema, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if schema := d.schemas[at]; schema != nil {
		return schema, nil
	}
	schema, err := d.compiler.Compile(documentURL + "#" + at)
	if err == nil {
		d.schemas[at] = schema
	}
	return schema, err
}

func (e Exchange) mediaType() string {
	kind, _, _ := strings.Cut(e.Header.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(kind))
}

func (e Exchange) isPage() bool {
	return e.mediaType() == "text/html" && httpd.AcceptsPage(e.Accept, "")
}

// code is the code of a problem.
func (e Exchange) code() string {
	if e.Status < 400 {
		return ""
	}
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(e.Body))
	if err != nil {
		return ""
	}
	problem, _ := parsed.(map[string]any)
	code, _ := problem["code"].(string)
	return code
}

// object follows names through objects; nil where there is none.
func object(of map[string]any, names ...string) map[string]any {
	for _, name := range names {
		of, _ = of[name].(map[string]any)
	}
	return of
}

// pointer is the JSON pointer of names, as it stands in the fragment of a URL.
func pointer(names ...string) string {
	var out strings.Builder
	for _, name := range names {
		name = strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
		out.WriteString("/" + strings.NewReplacer("%", "%25", "{", "%7B", "}", "%7D", "+", "%2B").Replace(name))
	}
	return out.String()
}
