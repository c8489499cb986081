package contract

import (
	"maps"
	"slices"
	"strings"
)

// Operation is one operation of the document with its references followed.
type Operation struct {
	Method, Path string
	Parameters   []Parameter
	Body         map[string]any // schema of its JSON; nil: it takes none
	NeedsAccount bool
	IsStream     bool
}

// Parameter is one parameter of an operation.
type Parameter struct {
	In, Name string
	Schema   map[string]any
}

// Has reports whether the operation takes the parameter.
func (o Operation) Has(in, name string) bool {
	return slices.ContainsFunc(o.Parameters, func(p Parameter) bool { return p.In == in && strings.EqualFold(p.Name, name) })
}

// Operations returns all operations but HEAD, in the order of their paths.
func (d *Document) Operations() []Operation {
	var all []Operation
	paths := object(d.root, "paths")
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		item := object(paths, path)
		for _, method := range slices.Sorted(maps.Keys(item)) {
			if method != "head" {
				all = append(all, d.operation(strings.ToUpper(method), path, object(item, method)))
			}
		}
	}
	return all
}

func (d *Document) operation(method, path string, described map[string]any) Operation {
	o := Operation{Method: method, Path: path}
	list, _ := described["parameters"].([]any)
	for _, item := range list {
		parameter := d.resolve(item)
		in, _ := parameter["in"].(string)
		name, _ := parameter["name"].(string)
		o.Parameters = append(o.Parameters, Parameter{in, name, d.resolve(parameter["schema"])})
	}
	content := object(d.resolve(described["requestBody"]), "content")
	if media := object(content, "application/json"); media != nil {
		o.Body = d.resolve(media["schema"])
	}
	security, _ := described["security"].([]any)
	o.NeedsAccount = len(security) > 0 && !slices.ContainsFunc(security, func(way any) bool {
		named, _ := way.(map[string]any)
		return named["account"] == nil
	})
	o.IsStream = object(described, "responses", "200", "content", "text/event-stream") != nil
	return o
}

// resolve follows a reference to the object that it names.
func (d *Document) resolve(value any) map[string]any {
	found, _ := value.(map[string]any)
	for range 5 {
		ref, ok := found["$ref"].(string)
		if !ok {
			break
		}
		found = object(d.root, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
	}
	return found
}

// Fields are the members of an object's schema, by path: "best_available.count".
func (d *Document) Fields(schema map[string]any) map[string]map[string]any {
	fields := map[string]map[string]any{}
	properties := object(schema, "properties")
	for name := range properties {
		field := d.resolve(properties[name])
		fields[name] = field
		for inner, member := range d.Fields(field) {
			fields[name+"."+inner] = member
		}
	}
	return fields
}

// Example returns the smallest value that an object's schema allows: its required
// members with their examples, or something of their type.
func (d *Document) Example(schema map[string]any) map[string]any {
	value := map[string]any{}
	required, _ := schema["required"].([]any)
	for _, name := range required {
		value[name.(string)] = d.example(d.resolve(object(schema, "properties")[name.(string)]))
	}
	return value
}

func (d *Document) example(schema map[string]any) any {
	if examples, ok := schema["examples"].([]any); ok && len(examples) > 0 {
		return examples[0]
	}
	if enum, ok := schema["enum"].([]any); ok {
		return enum[0]
	}
	switch Type(schema) {
	case "string":
		return "x"
	case "integer", "number":
		return 1
	case "boolean":
		return true
	case "array":
		return []any{}
	case "object":
		return d.Example(schema)
	}
	return nil
}

// Type is a schema's type beside null.
func Type(schema map[string]any) string {
	switch kind := schema["type"].(type) {
	case string:
		return kind
	case []any:
		for _, one := range kind {
			if one != "null" {
				return one.(string)
			}
		}
	}
	return ""
}

// TakesNull reports whether a schema allows null.
func TakesNull(schema map[string]any) bool {
	kinds, _ := schema["type"].([]any)
	return slices.Contains(kinds, any("null"))
}
