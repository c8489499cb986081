// Package apidoc completes OpenAPI documents and serves them. A service describes what
// an operation does and which refusals are its own; what any request of a kind may be
// answered (400, 413, 500, 503, 304 …) is added here, once, for the documents of all
// services, so that no operation can forget it.
//
// A Document has the shape of encoding/json: maps, slices, strings, float64, bool, nil.
package apidoc

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/platform/httpd"
)

// Document is an OpenAPI 3.1 document.
type Document map[string]any

// XCodes is the member of a response that lists the codes of its problems. Complete
// makes of it a schema, a description and headers.
const XCodes = "x-codes"

// Refusals are the codes of problems by HTTP status.
type Refusals map[int][]string

// Of collects the statuses and codes of errors.
func Of(list ...*errs.Error) Refusals {
	r := Refusals{}
	for _, e := range list {
		r.add(httpd.Status(e.Kind), e.Code)
	}
	return r
}

func (r Refusals) add(status int, codes ...string) {
	for _, code := range codes {
		if !slices.Contains(r[status], code) {
			r[status] = append(r[status], code)
		}
	}
}

// Kind is what all operations of one kind may be refused with.
type Kind struct {
	Is       func(Operation) bool
	Refusals Refusals
}

// Read makes a document of anything that encoding/json marshals into one.
func Read(v any) (Document, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var d Document
	return d, json.Unmarshal(raw, &d)
}

// Complete adds to each operation of d what requests of its kind are answered: the
// kinds that every service knows and those given. It also adds 304 to operations with
// the parameter If-None-Match and a HEAD to each GET that is no event stream.
func Complete(d Document, kinds ...Kind) {
	components := member(d, "components")
	member(components, "schemas")["Problem"] = problemSchema()
	c := completion{kinds: append(common(), kinds...), responses: member(components, "responses")}
	for path, item := range member(d, "paths") {
		methods, _ := item.(map[string]any)
		for method, operation := range methods {
			if members, ok := operation.(map[string]any); ok && isMethod(method) {
				c.complete(Operation{Method: strings.ToUpper(method), Path: path, members: members})
			}
		}
		addHead(methods)
	}
}

// completion is one run of Complete.
type completion struct {
	kinds     []Kind
	responses map[string]any // components.responses, shared by all operations
}

func (c completion) complete(o Operation) {
	responses := member(o.members, "responses")
	delete(responses, "default")
	own, kept := Refusals{}, map[string]bool{}
	// First what the operation says itself, so that its own codes are listed first.
	for status, response := range responses {
		number, err := strconv.Atoi(status)
		if err != nil || number < http.StatusBadRequest {
			continue
		}
		described, _ := response.(map[string]any)
		content, _ := described["content"].(map[string]any)
		kept[status] = len(content) > 0 && content[httpd.ContentTypeProblem] == nil
		codes, _ := described[XCodes].([]any)
		for _, code := range codes {
			own.add(number, fmt.Sprint(code))
		}
	}
	for _, kind := range c.kinds {
		if kind.Is(o) {
			for status, codes := range kind.Refusals {
				own.add(status, codes...)
			}
		}
	}
	for number, codes := range own {
		if status := strconv.Itoa(number); !kept[status] { // what is no problem is described by the operation alone
			responses[status] = c.shared(number, codes)
		}
	}
	if o.HasParameter("header", "If-None-Match") {
		describeTag(responses)
	}
}

// shared returns a reference to the response of these codes, which it makes if no
// other operation has it yet.
func (c completion) shared(status int, codes []string) map[string]any {
	slices.Sort(codes)
	name := strconv.Itoa(status) + "." + strings.Join(codes, ".")
	if c.responses[name] == nil {
		c.responses[name] = refusal(status, codes)
	}
	return map[string]any{"$ref": "#/components/responses/" + name}
}

func refusal(status int, codes []string) map[string]any {
	named := make([]any, len(codes))
	for i, code := range codes {
		named[i] = code
	}
	headers := map[string]any{httpd.HeaderRequestID: header("Names the request in our logs.")}
	switch status {
	case http.StatusTooManyRequests:
		headers["RateLimit"] = header("What is left of the limit that was hit, and the seconds until there is more.")
		headers["RateLimit-Policy"] = header("The limit that was hit and its window in seconds.")
		headers["Retry-After"] = header("Seconds.")
	case http.StatusServiceUnavailable:
		headers["Retry-After"] = header("Seconds.")
	case http.StatusUnauthorized:
		headers["WWW-Authenticate"] = header("Bearer, where an access token is asked for.")
	}
	return map[string]any{
		"description": http.StatusText(status) + ": `" + strings.Join(codes, "`, `") + "`.",
		XCodes:        named,
		"headers":     headers,
		"content": map[string]any{httpd.ContentTypeProblem: map[string]any{"schema": map[string]any{
			"allOf": []any{
				map[string]any{"$ref": "#/components/schemas/Problem"},
				map[string]any{"properties": map[string]any{"status": map[string]any{"const": status}, "code": map[string]any{"enum": named}}},
			},
		}}},
	}
}

func problemSchema() map[string]any {
	text := func(description string) map[string]any {
		return map[string]any{"type": "string", "description": description}
	}
	return map[string]any{
		"type": "object", "description": "How every error looks (RFC 9457). Some codes carry more members.",
		"required": []any{"type", "title", "status", "detail", "code"},
		"properties": map[string]any{
			"type": text("about:blank"), "title": text("What the status is called."), "detail": text("One sentence for a developer."),
			"code":           text("Stable; clients may rely on it."),
			"status":         map[string]any{"type": "integer"},
			"retry_after_ms": map[string]any{"type": "integer", "description": "When to try again."},
			"errors": map[string]any{
				"type": "array", "description": "The faulty fields of validation_failed.",
				"items": map[string]any{
					"type": "object", "required": []any{"location", "message"},
					"properties": map[string]any{"location": text("E.g. body.seats[2]."), "message": text("What is wrong with it.")},
				},
			},
		},
	}
}

// describeTag adds what a conditional read needs: the ETag of 200, and 304.
func describeTag(responses map[string]any) {
	tag := header("Names this state of the resource; send it as If-None-Match.")
	if found, ok := responses["200"].(map[string]any); ok {
		member(found, "headers")["ETag"] = tag
	}
	responses["304"] = map[string]any{"description": "Not modified: what If-None-Match names is still right.", "headers": map[string]any{"ETag": tag}}
}

// addHead describes HEAD for a GET: the same answers without their bodies.
func addHead(methods map[string]any) {
	get, ok := methods["get"].(map[string]any)
	if !ok || methods["head"] != nil || (Operation{members: get}).IsStream() {
		return
	}
	head := maps.Clone(get)
	if id, ok := get["operationId"].(string); ok {
		head["operationId"] = id + "-head"
	}
	head["summary"] = fmt.Sprint(get["summary"], " (headers only)")
	responses := map[string]any{}
	for status, response := range member(get, "responses") {
		if described, ok := response.(map[string]any); ok && described["$ref"] == nil {
			bare := maps.Clone(described)
			delete(bare, "content")
			response = bare
		}
		responses[status] = response
	}
	head["responses"] = responses
	methods["head"] = head
}

func header(description string) map[string]any {
	return map[string]any{"description": description, "schema": map[string]any{"type": "string"}}
}

// member returns the object called name, which it makes if there is none.
func member(of map[string]any, name string) map[string]any {
	object, ok := of[name].(map[string]any)
	if !ok {
		object = map[string]any{}
		of[name] = object
	}
	return object
}
