package arch

import (
	"fmt"
	"go/ast"
	"go/token"
	"strings"
)

// checkGuards returns a line for each condition that takes an error for an answer: a
// guard written so lets everybody through as soon as what it asks cannot be asked.
//
//	if err != nil || !sale.Queued { return nil, nil }   the error is told to nobody
//	if err == nil && sale.Queued { … }                  and err is not looked at below
//	if sale, err := read(); err == nil { … }            the error ends with the block
//	if read() == nil { … }                              there is not even a name for it
//
// Those that are right stand in openGuards, each with its reason.
func checkGuards(sources []source) []string { return guardsBut(openGuards(), sources) }

// guardsBut is checkGuards with a list of its own.
func guardsBut(list map[string]string, sources []source) []string {
	var violations []string
	for _, s := range sources {
		if s.isTest() || !isProduct(s.dir()) {
			continue
		}
		for _, declaration := range s.file.Decls {
			f, ok := declaration.(*ast.FuncDecl)
			if !ok || f.Body == nil {
				continue
			}
			if _, excused := list[s.path+" "+f.Name.Name]; excused {
				continue
			}
			ast.Inspect(f.Body, func(node ast.Node) bool {
				for at, fault := range openIn(node) {
					violations = append(violations, fmt.Sprintf("%s: %s: %s: only the error that a guard names may let anyone through (deploy/arch/guards.go)", s.at(at), f.Name.Name, fault))
				}
				return true
			})
		}
	}
	return violations
}

// isProduct reports whether a folder is of a service or of the business.
func isProduct(dir string) bool {
	for _, test := range []string{"backendtest", "tracingtest"} {
		if strings.Contains(dir, test) {
			return false
		}
	}
	for _, module := range []string{"shared", "booking-api", "queue-gateway", "worker"} {
		if dir == module || strings.HasPrefix(dir, module+"/") {
			return true
		}
	}
	return false
}

// openIn returns what is wrong with the statements of a block.
func openIn(node ast.Node) map[ast.Node]string {
	var list []ast.Stmt
	switch n := node.(type) {
	case *ast.BlockStmt:
		list = n.List
	case *ast.CaseClause:
		list = n.Body
	case *ast.CommClause:
		list = n.Body
	}
	found := map[ast.Node]string{}
	for i, statement := range list {
		branch, ok := statement.(*ast.IfStmt)
		if !ok {
			continue
		}
		if name := failed(branch.Cond); name != "" && returnsNoError(branch.Body) {
			found[branch] = name + " != nil or something else, and no error is returned"
		}
		if branch.Else != nil {
			continue
		}
		name, unnamed := succeeded(branch.Cond)
		switch {
		case unnamed:
			found[branch] = "a call's error is only compared with nil"
		case name != "" && declares(branch.Init, name):
			found[branch] = name + " is dropped where it is not nil"
		case name != "" && len(split(branch.Cond, token.LAND)) > 1 && !read(list[i+1:], name):
			found[branch] = name + " is not looked at where it is not nil"
		}
	}
	return found
}

// split returns the operands of a chain of && or ||.
func split(cond ast.Expr, operator token.Token) []ast.Expr {
	switch c := cond.(type) {
	case *ast.ParenExpr:
		return split(c.X, operator)
	case *ast.BinaryExpr:
		if c.Op == operator {
			return append(split(c.X, operator), split(c.Y, operator)...)
		}
	}
	return []ast.Expr{cond}
}

// failed returns the name of an error that makes a condition true together with
// something that is no error: "" if there is none.
func failed(cond ast.Expr) string {
	name, others := "", 0
	for _, operand := range split(cond, token.LOR) {
		if compared, _ := comparedWithNil(operand, token.NEQ); compared != "" {
			name = compared
		} else {
			others++
		}
	}
	if others == 0 {
		return ""
	}
	return name
}

// succeeded returns the name of an error that has to be nil for a condition to be
// true; unnamed says that it is a call's own.
func succeeded(cond ast.Expr) (name string, unnamed bool) {
	for _, operand := range split(cond, token.LAND) {
		if name, unnamed = comparedWithNil(operand, token.EQL); name != "" || unnamed {
			return name, unnamed
		}
	}
	return "", false
}

func comparedWithNil(operand ast.Expr, operator token.Token) (name string, unnamed bool) {
	comparison, ok := operand.(*ast.BinaryExpr)
	if !ok || comparison.Op != operator {
		return "", false
	}
	if right, ok := comparison.Y.(*ast.Ident); !ok || right.Name != "nil" {
		return "", false
	}
	switch left := comparison.X.(type) {
	case *ast.Ident:
		if left.Name == "err" || strings.HasSuffix(left.Name, "Err") {
			return left.Name, false
		}
	case *ast.CallExpr:
		// Of calls only those that read or check something are known to return an error.
		_, called := qualified(left.Fun)
		return "", called == "Unmarshal" || called == "Decode" || strings.HasPrefix(called, "Check") || strings.HasPrefix(called, "Verify")
	}
	return "", false
}

// returnsNoError reports whether a block ends in a return whose last result is nil.
func returnsNoError(body *ast.BlockStmt) bool {
	if len(body.List) == 0 {
		return false
	}
	leave, ok := body.List[len(body.List)-1].(*ast.ReturnStmt)
	if !ok || len(leave.Results) == 0 {
		return false
	}
	last, ok := leave.Results[len(leave.Results)-1].(*ast.Ident)
	return ok && last.Name == "nil"
}

func declares(init ast.Stmt, name string) bool {
	assignment, ok := init.(*ast.AssignStmt)
	if !ok || assignment.Tok != token.DEFINE {
		return false
	}
	for _, target := range assignment.Lhs {
		if identifier, ok := target.(*ast.Ident); ok && identifier.Name == name {
			return true
		}
	}
	return false
}

// read reports whether the statements look at a name before they give it another value.
func read(list []ast.Stmt, name string) bool {
	for _, statement := range list {
		switch of(statement, name) {
		case looks:
			return true
		case overwrites:
			return false
		}
	}
	return false
}

type mention int

const (
	none mention = iota
	looks
	overwrites
)

// of returns what a statement does first with a name. A bare return hands out what it
// has, which a named result may be.
func of(statement ast.Stmt, name string) mention {
	if assignment, ok := statement.(*ast.AssignStmt); ok {
		for _, value := range assignment.Rhs {
			if mentions(value, name) {
				return looks
			}
		}
		for _, target := range assignment.Lhs {
			if mentions(target, name) {
				return overwrites
			}
		}
		return none
	}
	if branch, ok := statement.(*ast.IfStmt); ok && branch.Init != nil {
		if m := of(branch.Init, name); m != none {
			return m
		}
	}
	if leave, ok := statement.(*ast.ReturnStmt); ok && len(leave.Results) == 0 || mentions(statement, name) {
		return looks
	}
	return none
}

func mentions(node ast.Node, name string) bool {
	found := false
	ast.Inspect(node, func(n ast.Node) bool {
		if identifier, ok := n.(*ast.Ident); ok && identifier.Name == name {
			found = true
		}
		return !found
	})
	return found
}

// openGuards are the functions in which an error may be passed over, each with its
// reason: none of them decides who may do something.
func openGuards() map[string]string {
	return map[string]string{
		"booking-api/internal/api/payments.go preferredWait": "a preference that cannot be read is none (RFC 7240)",
		"booking-api/internal/api/request.go bodyOf":         "what is no JSON is refused by requireReadable as it was sent",
		"queue-gateway/lines.go Figures":                     "a figure that cannot be had is left out of what is shown",
		"queue-gateway/metrics.go Collect":                   "a scrape shows what there is",
		"queue-gateway/metrics.go measure":                   "a scrape shows what there is",
		"shared/booking/bookingprom/store.go countBooking":   "counts outcomes; the error goes on to the caller",
		"shared/booking/bookingprom/store.go countPayment":   "counts outcomes; the error goes on to the caller",
		"shared/catalogue/kopis/schedule.go clocks":          "a time that cannot be read is none of the imported schedule",
		"shared/platform/audit/log.go Finish":                "goes round again until its context ends",
		"shared/platform/config/production.go decodedKey":    "tries each form of base64; a key in none of them is compared as it is written",
		"shared/platform/rabbit/publish.go markReturned":     "a return of nobody's message marks none",
		"shared/queue/queueredis/front.go Run":               "the list of lines is read again a second later",
	}
}
