package arch

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
)

// checkGoroutines finds goroutines that could end a service: a panic that nobody
// recovers ends the process, and with it whatever else the process has in hand. Those
// that package guard starts recover, log and count.
//
// Tests, and programs that run to their end before somebody's eyes (the stack command,
// the load tests), may start them as they like: there a panic must be seen.
func checkGoroutines(s source) []string {
	if s.isTest() || !mustGuard(s.dir()) {
		return nil
	}
	var violations []string
	breach := func(node ast.Node, what string) {
		violations = append(violations, fmt.Sprintf("%s: %s; a panic there would end the process: use package guard", s.at(node), what))
	}
	if slices.Contains(s.imports, "golang.org/x/sync/errgroup") {
		breach(s.file, "errgroup starts goroutines that nobody guards")
	}
	ast.Inspect(s.file, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.GoStmt:
			breach(n, "a bare go statement")
		case *ast.CallExpr:
			if what := startsGoroutine(n); what != "" {
				breach(n, what)
			}
		}
		return true
	})
	return violations
}

func mustGuard(dir string) bool {
	from := placeOf(dir)
	if dir == "shared/guard" || strings.HasPrefix(dir, "shared/platform/backendtest") {
		return false
	}
	return from.isShared() || from.isService() || strings.HasPrefix(dir, "deploy/sim")
}

// startsGoroutine says how a call starts a goroutine without the guard, or "".
func startsGoroutine(call *ast.CallExpr) string {
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || len(call.Args) == 0 {
		return ""
	}
	switch selector.Sel.Name {
	case "Go": // guard's take the part as well
		if len(call.Args) == 1 {
			return "Go of a sync.WaitGroup or the like"
		}
	case "AfterFunc":
		last, _ := call.Args[len(call.Args)-1].(*ast.CallExpr)
		if last == nil {
			return "AfterFunc without guard.Func"
		}
		if pkg, name := qualified(last.Fun); pkg != "guard" || name != "Func" {
			return "AfterFunc without guard.Func"
		}
	case "SetBodyStreamWriter":
		return "a stream writer, which the server calls on a goroutine of its own"
	}
	return ""
}

// checkTypedNils finds functions that return a nil of a concrete error type. Assigned
// to an error, or logged, it is not nil, and most Error methods panic on it.
func checkTypedNils(s source) []string { return typedNilsBut(typedNils(), s) }

// typedNilsBut is checkTypedNils with a list of its own.
func typedNilsBut(list map[string]string, s source) []string {
	if s.isTest() {
		return nil
	}
	var violations []string
	for _, declaration := range s.file.Decls {
		f, ok := declaration.(*ast.FuncDecl)
		if !ok || f.Body == nil || f.Type.Results == nil {
			continue
		}
		if _, excused := list[s.path+" "+f.Name.Name]; excused {
			continue
		}
		concrete := concreteErrors(f.Type.Results)
		ast.Inspect(f.Body, func(node ast.Node) bool {
			switch n := node.(type) {
			case *ast.FuncLit:
				return false // returns for itself
			case *ast.ReturnStmt:
				for i, result := range n.Results {
					if name, ok := result.(*ast.Ident); ok && name.Name == "nil" && i < len(concrete) && concrete[i] {
						violations = append(violations, s.at(n)+": "+f.Name.Name+": returns nil as a concrete error type; as an error that is not nil, and its text panics: return error")
					}
				}
			}
			return true
		})
	}
	return violations
}

// typedNils are the functions that may, each with its reason.
func typedNils() map[string]string {
	return map[string]string{
		"shared/errs/errs.go From": "its callers look at fields, and the type's methods bear nil",
	}
}

// concreteErrors says of each result whether its type is a pointer to an error type.
func concreteErrors(results *ast.FieldList) []bool {
	var concrete []bool
	for _, field := range results.List {
		pointer, isPointer := field.Type.(*ast.StarExpr)
		isError := false
		if isPointer {
			switch t := pointer.X.(type) {
			case *ast.Ident:
				isError = strings.HasSuffix(t.Name, "Error")
			case *ast.SelectorExpr:
				isError = strings.HasSuffix(t.Sel.Name, "Error")
			}
		}
		for range max(1, len(field.Names)) {
			concrete = append(concrete, isError)
		}
	}
	return concrete
}
