package arch

import (
	"fmt"
	"go/ast"
)

// checkReads finds readers that are read to their end without a limit. The limit stands
// last in the chain, after whatever unpacks: io.ReadAll(io.LimitReader(unpacked, most)).
func checkReads(s source) []string {
	if s.isTest() || !isProduct(s.dir()) {
		return nil
	}
	var violations []string
	ast.Inspect(s.file, func(node ast.Node) bool {
		call, ok := node.(*ast.CallExpr)
		if !ok || len(call.Args) != 1 {
			return true
		}
		if pkg, name := qualified(call.Fun); pkg != "io" || name != "ReadAll" {
			return true
		}
		if limit, ok := call.Args[0].(*ast.CallExpr); ok {
			if pkg, name := qualified(limit.Fun); pkg == "io" && name == "LimitReader" {
				return true
			}
		}
		violations = append(violations, fmt.Sprintf("%s: io.ReadAll without io.LimitReader: what is read may have no end, or be unpacked on the way", s.at(call)))
		return true
	})
	return violations
}
