package arch

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"slices"
)

const maxLines = 500

// checkHabits returns a line for each breach of the house style that a parser can see.
func checkHabits(sources []source) []string {
	var violations []string
	for _, s := range sources {
		violations = append(violations, checkFile(s)...)
		if s.isTest() {
			continue
		}
		violations = append(violations, checkInit(s)...)
		violations = append(violations, checkGoroutines(s)...)
		violations = append(violations, checkTypedNils(s)...)
		violations = append(violations, checkBodies(s)...)
		violations = append(violations, checkCookies(s)...)
		violations = append(violations, checkReads(s)...)
		violations = append(violations, checkAccept(s)...)
		if s.file.Name.Name != "main" {
			violations = append(violations, checkExits(s)...)
		}
	}
	return append(violations, checkGlobals(sources)...)
}

func checkFile(s source) []string {
	var violations []string
	if s.lines > maxLines {
		violations = append(violations, fmt.Sprintf("%s has %d lines: a file must fit in mind, at most %d", s.path, s.lines, maxLines))
	}
	vague := []string{"util", "utils", "common", "helper", "helpers", "types", "model", "models", "misc", "base"}
	if name := path.Base(s.dir()); slices.Contains(vague, name) || slices.Contains(vague, s.file.Name.Name) {
		violations = append(violations, fmt.Sprintf("%s: package %s says nothing about what is in it", s.path, s.file.Name.Name))
	}
	from := placeOf(s.dir())
	if known := from.isRing0() || from.inNoun() || isPlatform(from) || from.room == "schema" || from.room == ""; from.isShared() && !known {
		violations = append(violations, fmt.Sprintf("%s: shared has ring 0, nouns, platform and schema; list a new noun in deploy/arch", s.path))
	}
	return violations
}

func checkInit(s source) []string {
	var violations []string
	for _, declaration := range s.file.Decls {
		if f, ok := declaration.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
			violations = append(violations, s.at(f)+": init runs behind the reader's back and cannot be given anything")
		}
	}
	return violations
}

// checkAccept finds who decides by Accept on its own whether an answer is a page.
func checkAccept(s source) []string {
	// The contract's recorder keeps what a caller said and decides nothing.
	if s.dir() == "shared/platform/httpd" || s.path == "deploy/contract/recorder.go" {
		return nil
	}
	var violations []string
	ast.Inspect(s.file, func(node ast.Node) bool {
		call, ok := node.(*ast.CallExpr)
		if !ok || len(call.Args) == 0 {
			return true
		}
		selector, ok := call.Fun.(*ast.SelectorExpr)
		pkg, name := qualified(call.Args[0])
		literal, _ := call.Args[0].(*ast.BasicLit)
		isAccept := pkg == "fiber" && name == "HeaderAccept" || literal != nil && (literal.Value == `"Accept"` || literal.Value == `"Sec-Fetch-Mode"`)
		if ok && isAccept && slices.Contains([]string{"Get", "Peek", "Accepts"}, selector.Sel.Name) {
			violations = append(violations, s.at(call)+": httpd.WantsPage is the one rule by which an answer is a page or JSON")
		}
		return true
	})
	return violations
}

// checkExits finds calls that end the process, which only a command may do.
func checkExits(s source) []string {
	enders := map[string][]string{"log": {"Fatal", "Fatalf", "Fatalln"}, "os": {"Exit"}}
	var violations []string
	ast.Inspect(s.file, func(node ast.Node) bool {
		call, ok := node.(*ast.CallExpr)
		if !ok {
			return true
		}
		if pkg, name := qualified(call.Fun); slices.Contains(enders[pkg], name) {
			violations = append(violations, fmt.Sprintf("%s: %s.%s skips every deferred call; return an error", s.at(call), pkg, name))
		}
		return true
	})
	return violations
}

func qualified(expression ast.Expr) (pkg, name string) {
	selector, ok := expression.(*ast.SelectorExpr)
	if !ok {
		return "", ""
	}
	if x, ok := selector.X.(*ast.Ident); ok {
		return x.Name, selector.Sel.Name
	}
	return "", ""
}

// checkGlobals finds package variables that hold state: ones without a value, made
// by make, new or &, or written anywhere in their package. Sentinel errors,
// embedded files, compiled expressions and tables that nobody changes may stay.
func checkGlobals(sources []source) []string { return globalsBut(exceptions(), sources) }

// globalsBut is checkGlobals with a list of its own.
func globalsBut(list map[string]string, sources []source) []string {
	written := map[string]map[string]bool{} // package → names that are written
	for _, s := range sources {
		if s.isTest() {
			continue
		}
		if written[s.dir()] == nil {
			written[s.dir()] = map[string]bool{}
		}
		collectWrites(s, written[s.dir()])
	}
	var violations []string
	for _, s := range sources {
		if s.isTest() {
			continue
		}
		for _, declaration := range s.file.Decls {
			if d, ok := declaration.(*ast.GenDecl); ok && d.Tok == token.VAR {
				violations = append(violations, checkVariables(list, s, d, written[s.dir()])...)
			}
		}
	}
	return violations
}

func checkVariables(list map[string]string, s source, declaration *ast.GenDecl, written map[string]bool) []string {
	var violations []string
	for _, spec := range declaration.Specs {
		spec, ok := spec.(*ast.ValueSpec)
		if !ok || isEmbedded(declaration, spec) {
			continue
		}
		for i, name := range spec.Names {
			if name.Name == "_" {
				continue
			}
			stateful := len(spec.Values) <= i && !staysZero(spec.Type) || len(spec.Values) > i && makesState(spec.Values[i])
			if _, excused := list[s.path+" "+name.Name]; !excused && (stateful || written[name.Name]) {
				violations = append(violations, fmt.Sprintf("%s: variable %s is global state; inject it, so that several services fit in one process", s.at(name), name.Name))
			}
		}
	}
	return violations
}

// exceptions are the globals that cannot be avoided, each with its reason.
func exceptions() map[string]string {
	return map[string]string{
		"booking-api/internal/api/problem.go problemsOnce":  "huma renders errors by one hook for the whole process",
		"shared/guard/guard.go panics":                      "a panic is an event of the process, whichever service it is in",
		"shared/platform/backendtest/pgtest/pgtest.go made": "all tests of a process copy one template database",
	}
}

// staysZero reports whether a variable of that type without a value is only a name
// for zero, as long as nobody writes it.
func staysZero(declared ast.Expr) bool {
	if basic, ok := declared.(*ast.Ident); ok {
		return slices.Contains([]string{"int", "int64", "string", "bool", "float64"}, basic.Name)
	}
	pkg, name := qualified(declared)
	return pkg == "time" && name == "Time"
}

func isEmbedded(declaration *ast.GenDecl, spec *ast.ValueSpec) bool {
	for _, group := range []*ast.CommentGroup{declaration.Doc, spec.Doc} {
		if group == nil {
			continue
		}
		for _, comment := range group.List {
			if len(comment.Text) > 10 && comment.Text[:10] == "//go:embed" {
				return true
			}
		}
	}
	return false
}

func makesState(value ast.Expr) bool {
	switch v := value.(type) {
	case *ast.UnaryExpr:
		if literal, ok := v.X.(*ast.CompositeLit); ok && v.Op == token.AND {
			pkg, name := qualified(literal.Type)
			return pkg != "errs" || name != "Error" // a sentinel error, which nobody changes
		}
		return v.Op == token.AND
	case *ast.CallExpr:
		if f, ok := v.Fun.(*ast.Ident); ok {
			return f.Name == "make" || f.Name == "new"
		}
		pkg, _ := qualified(v.Fun)
		return slices.Contains([]string{"prometheus", "promauto", "sync", "atomic"}, pkg)
	case *ast.CompositeLit:
		pkg, _ := qualified(v.Type)
		return slices.Contains([]string{"sync", "atomic"}, pkg)
	}
	return false
}

// collectWrites notes the names that a file assigns to, directly or by an index or
// a field. Names that the file also
// declares inside a function are taken for those.
func collectWrites(s source, written map[string]bool) {
	local := localNames(s)
	note := func(target ast.Expr) {
		if name := root(target); name != "" && !local[name] {
			written[name] = true
		}
	}
	ast.Inspect(s.file, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.AssignStmt:
			if n.Tok != token.DEFINE {
				for _, target := range n.Lhs {
					note(target)
				}
			}
		case *ast.IncDecStmt:
			note(n.X)
		}
		return true
	})
}

// localNames returns the names that the file declares inside functions.
func localNames(s source) map[string]bool {
	names := map[string]bool{}
	add := func(identifiers ...*ast.Ident) {
		for _, identifier := range identifiers {
			names[identifier.Name] = true
		}
	}
	for _, declaration := range s.file.Decls {
		f, ok := declaration.(*ast.FuncDecl)
		if !ok {
			continue
		}
		ast.Inspect(f, func(node ast.Node) bool {
			switch n := node.(type) {
			case *ast.Field:
				add(n.Names...)
			case *ast.ValueSpec:
				add(n.Names...)
			case *ast.AssignStmt:
				for _, target := range n.Lhs {
					if identifier, ok := target.(*ast.Ident); ok && n.Tok == token.DEFINE {
						add(identifier)
					}
				}
			case *ast.RangeStmt:
				for _, target := range []ast.Expr{n.Key, n.Value} {
					if identifier, ok := target.(*ast.Ident); ok && n.Tok == token.DEFINE {
						add(identifier)
					}
				}
			}
			return true
		})
	}
	return names
}

func root(expression ast.Expr) string {
	for {
		switch e := expression.(type) {
		case *ast.Ident:
			return e.Name
		case *ast.IndexExpr:
			expression = e.X
		case *ast.SelectorExpr:
			expression = e.X
		case *ast.StarExpr:
			expression = e.X
		case *ast.ParenExpr:
			expression = e.X
		default:
			return ""
		}
	}
}
