package arch

import (
	"fmt"
	"go/ast"
	"go/token"
	"strings"
)

// checkSums finds bare arithmetic on amounts of money outside the money package: a sum may
// wrap, a difference be negative. money.Sum has the bounds. What is an amount is told by
// its declared type: fields of the type money.KRW anywhere, and variables, parameters and
// results of it in the same function.
func checkSums(sources []source) []string { return moneyBut(soundSums(), sources) }

// soundSums are the functions whose arithmetic cannot leave the bounds, and why.
func soundSums() map[string]string {
	return map[string]string{
		"shared/booking/book.go sum":                       "a price and its discount are both 0 … money.Max",
		"shared/booking/booking.go Event":                  "a price and its discount are both 0 … money.Max",
		"shared/booking/bookingpg/move.go movePaymentAlso": "one payment or refund, at most money.Max, onto a balance that the statement compares with the stored one",
	}
}

func moneyBut(excused map[string]string, sources []source) []string {
	fields := map[string]bool{}
	for _, s := range sources {
		ast.Inspect(s.file, func(node ast.Node) bool {
			if structure, ok := node.(*ast.StructType); ok {
				addMoney(fields, structure.Fields)
			}
			return true
		})
	}
	var violations []string
	for _, s := range sources {
		if s.isTest() || !isProduct(s.dir()) || s.dir() == "shared/money" {
			continue
		}
		for _, declaration := range s.file.Decls {
			f, ok := declaration.(*ast.FuncDecl)
			if !ok || f.Body == nil || excused[s.path+" "+f.Name.Name] != "" {
				continue
			}
			for _, node := range sumsIn(f, fields) {
				violations = append(violations, fmt.Sprintf("%s: %s calculates with money: use money.Sum, or say in deploy/arch/sums.go why no bound can be left", s.at(node), f.Name.Name))
			}
		}
	}
	return violations
}

// sumsIn returns the places in a function where amounts are calculated with.
func sumsIn(f *ast.FuncDecl, fields map[string]bool) []ast.Node {
	locals := map[string]bool{}
	ast.Inspect(f, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.FuncType:
			addMoney(locals, n.Params)
			addMoney(locals, n.Results)
		case *ast.ValueSpec:
			if isMoney(n.Type) {
				for _, name := range n.Names {
					locals[name.Name] = true
				}
			}
		}
		return true
	})
	isAmount := func(e ast.Expr) bool {
		switch x := e.(type) {
		case *ast.Ident:
			return locals[x.Name]
		case *ast.SelectorExpr:
			return fields[x.Sel.Name]
		case *ast.CallExpr: // a conversion
			return isMoney(x.Fun)
		}
		return false
	}
	var found []ast.Node
	ast.Inspect(f.Body, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.BinaryExpr:
			if (n.Op == token.ADD || n.Op == token.SUB || n.Op == token.MUL) && (isAmount(n.X) || isAmount(n.Y)) {
				found = append(found, n)
			}
		case *ast.AssignStmt:
			if (n.Tok == token.ADD_ASSIGN || n.Tok == token.SUB_ASSIGN || n.Tok == token.MUL_ASSIGN) && isAmount(n.Lhs[0]) {
				found = append(found, n)
			}
		}
		return true
	})
	return found
}

func addMoney(names map[string]bool, list *ast.FieldList) {
	if list == nil {
		return
	}
	for _, field := range list.List {
		if isMoney(field.Type) {
			for _, name := range field.Names {
				names[name.Name] = true
			}
		}
	}
}

// isMoney reports whether an expression names the type money.KRW.
func isMoney(e ast.Expr) bool {
	pkg, name := qualified(e)
	return strings.HasSuffix(pkg, "money") && name == "KRW"
}
