package arch

import (
	"fmt"
	"go/ast"
	"reflect"
	"slices"
	"strings"
)

// checkTexts returns a line for each place of a door where text from outside comes in by
// hand and nobody has said how it is normalised: a handler that reads a parameter or a
// field of a form itself, and an input whose tag takes a string out of what the API does
// to all others (booking-api/internal/api/text.go).
func checkTexts(sources []source) []string { return textsBut(textsRead(), sources) }

// textsBut is checkTexts with a list of its own.
func textsBut(list map[string]string, sources []source) []string {
	var violations []string
	for _, s := range sources {
		if s.isTest() || !strings.HasPrefix(s.path, "booking-api/") && !strings.HasPrefix(s.path, "queue-gateway/") {
			continue
		}
		contexts := fiberContexts(s)
		for _, declaration := range s.file.Decls {
			name := ""
			if f, ok := declaration.(*ast.FuncDecl); ok {
				name = f.Name.Name
			}
			ast.Inspect(declaration, func(node ast.Node) bool {
				switch node := node.(type) {
				case *ast.CallExpr:
					if readsText(node, contexts) && list[s.path+" "+name] == "" {
						violations = append(violations, fmt.Sprintf("%s: %s reads text from outside: normalise it with shared/text and list it in deploy/arch/texts.go", s.at(node), name))
					}
				case *ast.Field:
					if fault := rawTag(node); fault != "" {
						violations = append(violations, fmt.Sprintf("%s: %s", s.at(node), fault))
					}
				}
				return true
			})
		}
	}
	return violations
}

// textsRead are the functions that read text by hand, and what they do with it.
func textsRead() map[string]string {
	return map[string]string{
		"booking-api/web/pages.go home":                                "text.Query; the cursor is parsed",
		"booking-api/web/pages.go seats":                               "compared with the showtimes that there are",
		"booking-api/web/login.go login":                               "page.Next parses the address",
		"booking-api/web/login.go signup":                              "page.Next parses the address",
		"booking-api/web/login.go credentials":                         "asks only whether it is there",
		"booking-api/web/login.go field":                               "the accounts normalise what a form enters",
		"booking-api/web/delete.go deleteAccount":                      "one of a list",
		"booking-api/web/site.go chosenLanguage":                       "one of a list",
		"booking-api/internal/api/notifications.go notificationEvents": "a number",
		"booking-api/internal/api/request.go requireReadable":          "refuses what is no text",
		"booking-api/internal/api/showtime.go sinceOf":                 "a number",
		"queue-gateway/web/web.go lostAddress":                         "handed back escaped, kept nowhere",
		"queue-gateway/web/web.go Handler":                             "asks only whether it is there",
		"queue-gateway/internal/api/forms.go keptQuery":                "matched with a pattern",
		"queue-gateway/internal/api/admin.go listLines":                "a number, and a sale's id by its pattern",
	}
}

// rawInputs are the strings of inputs that the API leaves as they are: the noun
// normalises them, or they are parsed and nothing of them is kept.
func rawInputs() []string {
	return []string{"noun email", "noun password", "noun name", "noun locale", "opaque near", "opaque cursor"}
}

// readsText reports whether a call reads a parameter or a form of a request.
func readsText(call *ast.CallExpr, contexts map[string]bool) bool {
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	switch method.Sel.Name {
	case "QueryArgs", "PostArgs":
		return true
	case "Query", "Queries", "QueryParser", "QueryInt", "QueryBool", "QueryFloat":
		return isContext(method.X, contexts) || strings.HasPrefix(method.Sel.Name, "Quer") && isQueryOfURL(call, method)
	}
	return false
}

// isQueryOfURL reports whether the call is from.Query(), of a URL: it has no argument.
func isQueryOfURL(call *ast.CallExpr, method *ast.SelectorExpr) bool {
	return method.Sel.Name == "Query" && len(call.Args) == 0
}

// rawTag returns what is wrong with a field whose tag says that nobody normalises it.
func rawTag(field *ast.Field) string {
	if field.Tag == nil {
		return ""
	}
	tag := reflect.StructTag(strings.Trim(field.Tag.Value, "`"))
	kind := tag.Get("text")
	name, _, _ := strings.Cut(tag.Get("json")+tag.Get("query"), ",")
	known := []string{"", "line", "note", "query", "token"}
	if slices.Contains(known, kind) || slices.Contains(rawInputs(), kind+" "+name) {
		return ""
	}
	return fmt.Sprintf("the tag text:%q leaves %q as it comes: list it in deploy/arch/texts.go with who normalises it", kind, name)
}

// functionsOf returns the names of the functions and methods of a file.
func functionsOf(s source) []string {
	var names []string
	for _, declaration := range s.file.Decls {
		if f, ok := declaration.(*ast.FuncDecl); ok {
			names = append(names, f.Name.Name)
		}
	}
	return names
}
