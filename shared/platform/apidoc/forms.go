package apidoc

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/platform/httpd"
)

// Forms are the ways in which one document is served, each whole.
type Forms map[string]form // by path

type form struct {
	mediaType string
	body      []byte
	tag       string
}

// Paths returns the addresses at which Forms answers.
func Paths() []string {
	return []string{"/openapi.json", "/openapi.yaml", "/openapi-3.0.json", "/openapi-3.0.yaml"}
}

// Render writes d as OpenAPI 3.1 and 3.0, as JSON and YAML.
func Render(d Document) (Forms, error) {
	forms := Forms{}
	for suffix, document := range map[string]Document{"": d, "-3.0": Downgrade(d)} {
		version := "3.1"
		if suffix != "" {
			version = "3.0"
		}
		body, err := json.Marshal(document)
		if err != nil {
			return nil, err
		}
		text := YAML(document)
		forms["/openapi"+suffix+".json"] = form{"application/vnd.oai.openapi+json;version=" + version, body, tagOf(body)}
		forms["/openapi"+suffix+".yaml"] = form{"application/vnd.oai.openapi;version=" + version, text, tagOf(text)}
	}
	return forms, nil
}

func tagOf(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
}

// Serve answers with the form of the request's path, or 304.
func (f Forms) Serve(c *fiber.Ctx) error {
	asked, ok := f[c.Path()]
	if !ok {
		return fiber.ErrNotFound
	}
	c.Set(fiber.HeaderCacheControl, "public, max-age=60")
	c.Set(fiber.HeaderETag, asked.tag)
	if httpd.MatchesTag(c.Get(fiber.HeaderIfNoneMatch), asked.tag) {
		return c.SendStatus(fiber.StatusNotModified)
	}
	c.Set(fiber.HeaderContentType, asked.mediaType)
	return c.Send(asked.body)
}

// Downgrade returns d as OpenAPI 3.0.3, for tools that know no 3.1.
func Downgrade(d Document) Document {
	old, _ := older(map[string]any(d), false).(map[string]any)
	old["openapi"] = "3.0.3"
	return old
}

// older returns a copy of value in the words of 3.0. In an object of names (properties,
// paths, …) the members are not keywords.
func older(value any, names bool) any {
	switch value := value.(type) {
	case []any:
		list := make([]any, len(value))
		for i, item := range value {
			list[i] = older(item, false)
		}
		return list
	case map[string]any:
		object := make(map[string]any, len(value))
		for key, member := range value {
			object[key] = older(member, !names && isNames(key))
		}
		if !names {
			olderKeywords(object)
		}
		return object
	}
	return value
}

// isNames reports whether the object under a keyword maps names that authors chose.
func isNames(keyword string) bool {
	return slices.Contains([]string{
		"properties", "paths", "schemas", "responses", "parameters", "headers", "securitySchemes", "content", "example", "default", "mapping",
	}, keyword)
}

func olderKeywords(object map[string]any) {
	if kinds, ok := object["type"].([]any); ok {
		rest := slices.DeleteFunc(slices.Clone(kinds), func(kind any) bool { return kind == "null" })
		if len(rest) < len(kinds) {
			object["nullable"] = true
		}
		delete(object, "type")
		if len(rest) == 1 {
			object["type"] = rest[0]
		}
	}
	if constant, ok := object["const"]; ok {
		object["enum"] = []any{constant}
		delete(object, "const")
	}
	if examples, ok := object["examples"].([]any); ok {
		delete(object, "examples")
		if len(examples) > 0 {
			object["example"] = examples[0]
		}
	}
	for _, side := range []string{"Minimum", "Maximum"} {
		if bound, ok := object["exclusive"+side].(float64); ok {
			object[strings.ToLower(side)], object["exclusive"+side] = bound, true
		}
	}
	if object["contentEncoding"] == "base64" {
		object["format"] = "byte"
		delete(object, "contentEncoding")
	}
	// A schema may be true in 3.1 only; {} says the same.
	if items, ok := object["items"].(bool); ok && items {
		object["items"] = map[string]any{}
	}
	if object["type"] == "array" && object["items"] == nil {
		object["items"] = map[string]any{}
	}
	delete(object, "prefixItems")
}

// YAML writes d as YAML 1.2, keys in order, strings as JSON writes them.
func YAML(d Document) []byte {
	var out bytes.Buffer
	writeYAML(&out, map[string]any(d), 0)
	return out.Bytes()
}

// writeYAML writes value behind "key:" or "-", on the same line if it has no members.
func writeYAML(out *bytes.Buffer, value any, depth int) {
	indent := strings.Repeat("  ", depth)
	switch value := value.(type) {
	case map[string]any:
		if len(value) == 0 {
			out.WriteString(" {}\n")
			return
		}
		if depth > 0 {
			out.WriteByte('\n')
		}
		for _, key := range slices.Sorted(maps.Keys(value)) {
			out.WriteString(indent + quoted(key) + ":")
			writeYAML(out, value[key], depth+1)
		}
	case []any:
		if len(value) == 0 {
			out.WriteString(" []\n")
			return
		}
		out.WriteByte('\n')
		for _, item := range value {
			out.WriteString(indent + "-")
			writeYAML(out, item, depth+1)
		}
	case string:
		out.WriteString(" " + quoted(value) + "\n")
	case float64:
		out.WriteString(" " + strconv.FormatFloat(value, 'f', -1, 64) + "\n")
	default: // bool, int, nil
		raw, _ := json.Marshal(value)
		out.WriteString(" " + string(raw) + "\n")
	}
}

// quoted returns s as a double-quoted scalar, which JSON and YAML write alike.
func quoted(s string) string {
	raw, _ := json.Marshal(s)
	return string(raw)
}
