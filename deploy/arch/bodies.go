package arch

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
)

// unpacking are the methods of a Fiber context and a fasthttp message that unpack the
// body by its Content-Encoding, or read it through one that does.
func unpacking() []string {
	return []string{
		"Body", "BodyParser", "FormValue", "FormFile", "MultipartForm", "SaveFile",
		"BodyGunzip", "BodyInflate", "BodyUnbrotli", "BodyUnzstd", "BodyUncompressed",
	}
}

// checkBodies finds reads of a request's body that unpack it first: a limit on what was
// sent says nothing about what it grows to. The baselines of the load test, which show
// what others do, may.
func checkBodies(s source) []string {
	if strings.HasPrefix(s.path, "loadtest/baseline/") {
		return nil
	}
	contexts := fiberContexts(s)
	var violations []string
	ast.Inspect(s.file, func(node ast.Node) bool {
		call, ok := node.(*ast.CallExpr)
		if !ok {
			return true
		}
		method, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || !slices.Contains(unpacking(), method.Sel.Name) {
			return true
		}
		if isContext(method.X, contexts) || strings.HasPrefix(method.Sel.Name, "BodyUn") || slices.Contains([]string{"BodyGunzip", "BodyInflate"}, method.Sel.Name) {
			violations = append(violations, fmt.Sprintf("%s: %s unpacks the body, whose size then no limit has measured; use httpd.Body or httpd.Form", s.at(call), method.Sel.Name))
		}
		return true
	})
	return violations
}

// fiberContexts returns the names that the file gives to parameters and fields of type
// *fiber.Ctx.
func fiberContexts(s source) map[string]bool {
	names := map[string]bool{}
	ast.Inspect(s.file, func(node ast.Node) bool {
		field, ok := node.(*ast.Field)
		if !ok {
			return true
		}
		if pointer, ok := field.Type.(*ast.StarExpr); ok {
			if pkg, name := qualified(pointer.X); pkg == "fiber" && name == "Ctx" {
				for _, identifier := range field.Names {
					names[identifier.Name] = true
				}
			}
		}
		return true
	})
	return names
}

// isContext reports whether an expression is a Fiber context: one of names, alone or as
// a field, or what humafiber.Unwrap returns.
func isContext(expression ast.Expr, names map[string]bool) bool {
	switch e := expression.(type) {
	case *ast.Ident:
		return names[e.Name]
	case *ast.SelectorExpr:
		return names[e.Sel.Name]
	case *ast.CallExpr:
		pkg, name := qualified(e.Fun)
		return pkg == "humafiber" && name == "Unwrap"
	}
	return false
}
