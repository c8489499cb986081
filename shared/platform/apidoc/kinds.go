package apidoc

import (
	"net/http"
	"slices"
	"strings"

	"github.com/fairgate/fairgate/shared/errs"
)

// Operation is one operation of a document, as kinds see it.
type Operation struct {
	Method, Path string
	members      map[string]any
}

// HasParameter reports whether the operation takes the parameter.
func (o Operation) HasParameter(in, name string) bool {
	list, _ := o.members["parameters"].([]any)
	return slices.ContainsFunc(list, func(p any) bool {
		parameter, _ := p.(map[string]any)
		said, _ := parameter["name"].(string)
		return parameter["in"] == in && (strings.EqualFold(said, name) || name == "")
	})
}

// NeedsAccount reports whether only an access token lets a caller in.
func (o Operation) NeedsAccount() bool {
	ways, _ := o.members["security"].([]any)
	return len(ways) > 0 && !slices.ContainsFunc(ways, func(w any) bool {
		way, _ := w.(map[string]any)
		return way["account"] == nil
	})
}

// IsStream reports whether the answer is a stream of events.
func (o Operation) IsStream() bool {
	responses, _ := o.members["responses"].(map[string]any)
	found, _ := responses["200"].(map[string]any)
	content, _ := found["content"].(map[string]any)
	return content["text/event-stream"] != nil
}

// Any is the kind of every operation.
func Any(Operation) bool { return true }

// With is the kind of operations that take a parameter.
func With(in, name string) func(Operation) bool {
	return func(o Operation) bool { return o.HasParameter(in, name) }
}

// Under is the kind of operations whose path begins with prefix.
func Under(prefix string) func(Operation) bool {
	return func(o Operation) bool { return strings.HasPrefix(o.Path, prefix) }
}

func isMethod(name string) bool {
	return slices.Contains([]string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}, name)
}

// common are the kinds that every service has, through httpd.
func common() []Kind {
	return []Kind{
		{Any, Refusals{
			http.StatusBadRequest:                  {"bad_request", errs.ErrMalformedJSON.Code},
			http.StatusRequestTimeout:              {"request_timeout"},
			http.StatusRequestEntityTooLarge:       {"body_too_large"},
			http.StatusUnsupportedMediaType:        {"unsupported_media_type"},
			http.StatusUnprocessableEntity:         {errs.ErrValidationFailed.Code},
			http.StatusRequestHeaderFieldsTooLarge: {"headers_too_large"},
			http.StatusInternalServerError:         {errs.ErrInternal.Code},
			http.StatusServiceUnavailable:          {errs.ErrUpstream.Code},
		}},
		{With("path", ""), Of(errs.ErrNotFound)},
		{With("query", "cursor"), Of(errs.ErrBadCursor)},
		{Operation.IsStream, Of(errs.ErrRateLimited)},
		{Operation.NeedsAccount, Of(errs.ErrUnauthenticated)},
	}
}
