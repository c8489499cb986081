package apidoc

import (
	"slices"
	"strings"
)

// OptionalTakeNull says of the optional members of bodies that null stands for absent,
// as it does where huma reads them. Patches refuse null where nothing can be cleared.
func OptionalTakeNull(d Document) {
	for _, item := range member(d, "paths") {
		methods, _ := item.(map[string]any)
		for method, described := range methods {
			operation, _ := described.(map[string]any)
			if operation == nil || method == "patch" || operation["requestBody"] == nil {
				continue
			}
			media := member(member(member(operation, "requestBody"), "content"), "application/json")
			allowNull(d, media["schema"])
		}
	}
}

func allowNull(d Document, value any) {
	schema, _ := value.(map[string]any)
	if ref, ok := schema["$ref"].(string); ok {
		schema = member(member(member(d, "components"), "schemas"), strings.TrimPrefix(ref, "#/components/schemas/"))
	}
	required, _ := schema["required"].([]any)
	properties, _ := schema["properties"].(map[string]any)
	for name, property := range properties {
		described, _ := property.(map[string]any)
		kind, isOne := described["type"].(string)
		if _, filled := described["minItems"]; filled {
			continue // null is no list with something in it, and is refused
		}
		if isOne && !slices.Contains(required, any(name)) {
			described["type"] = []any{kind, "null"}
			if choice, ok := described["enum"].([]any); ok {
				described["enum"] = append(slices.Clone(choice), nil)
			}
		}
		allowNull(d, property)
	}
}
