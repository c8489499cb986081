package arch

import (
	"fmt"
	"go/ast"
	"reflect"
	"strings"
)

// checkCookies finds reads of one cookie by its name. A browser may send several of a name,
// as another program on the host or a site of the parent domain has set one; who reads the
// first, or the last, may read theirs.
func checkCookies(s source) []string {
	if s.dir() == "shared/platform/httpd" {
		return nil
	}
	const instead = "a browser may send several of a name; use httpd.Cookies and try each"
	contexts := fiberContexts(s)
	var violations []string
	ast.Inspect(s.file, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.CallExpr:
			if method, ok := n.Fun.(*ast.SelectorExpr); ok && readsCookie(method, contexts) {
				violations = append(violations, fmt.Sprintf("%s: %s reads one cookie: %s", s.at(n), method.Sel.Name, instead))
			}
		case *ast.Field:
			if n.Tag != nil && reflect.StructTag(strings.Trim(n.Tag.Value, "`")).Get("cookie") != "" {
				violations = append(violations, fmt.Sprintf("%s: the tag cookie reads one cookie: %s", s.at(n), instead))
			}
		}
		return true
	})
	return violations
}

// readsCookie reports whether a method gives the value of one cookie: of a Fiber context,
// of the head of its request.
func readsCookie(method *ast.SelectorExpr, contexts map[string]bool) bool {
	switch method.Sel.Name {
	case "Cookies", "CookieParser":
		return isContext(method.X, contexts)
	case "Cookie", "CookieBytes", "PeekCookie":
		of, ok := method.X.(*ast.SelectorExpr)
		return ok && of.Sel.Name == "Header"
	}
	return false
}
