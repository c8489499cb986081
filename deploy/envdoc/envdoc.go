// Package envdoc reads the settings of the services from their Config structs'
// source (names and defaults from the tags, meanings from the comments) and
// writes them as .env.example.
package envdoc

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
)

const modulePrefix = "github.com/fairgate/fairgate/"

// Setting is one environment variable of one program.
type Setting struct {
	Name     string
	Default  string
	Doc      string // one line
	Secret   bool
	Required bool
}

// Read returns the settings of the struct typeName in the package in dir, a path
// below root with slashes. Fields that are structs of ours are followed.
func Read(root, dir, typeName string) ([]Setting, error) {
	return reader{root: root}.structOf(dir, typeName, "")
}

type reader struct{ root string }

func (r reader) structOf(dir, typeName, prefix string) ([]Setting, error) {
	paths, err := filepath.Glob(filepath.Join(r.root, filepath.FromSlash(dir), "*.go"))
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		if definition := find(file, typeName); definition != nil {
			return r.fields(dir, file, definition, prefix)
		}
	}
	return nil, fmt.Errorf("%s: no struct %s", dir, typeName)
}

func find(file *ast.File, typeName string) *ast.StructType {
	var found *ast.StructType
	ast.Inspect(file, func(node ast.Node) bool {
		if spec, ok := node.(*ast.TypeSpec); ok && spec.Name.Name == typeName {
			found, _ = spec.Type.(*ast.StructType)
		}
		return found == nil
	})
	return found
}

func (r reader) fields(dir string, file *ast.File, definition *ast.StructType, prefix string) ([]Setting, error) {
	var settings []Setting
	for _, field := range definition.Fields.List {
		more, err := r.field(dir, file, field, prefix)
		if err != nil {
			return nil, err
		}
		settings = append(settings, more...)
	}
	return settings, nil
}

func (r reader) field(dir string, file *ast.File, field *ast.Field, prefix string) ([]Setting, error) {
	tag := tagOf(field)
	value, tagged := tag.Lookup("env")
	if !tagged {
		return r.nested(dir, file, field, prefix+tag.Get("envPrefix"))
	}
	name, options, _ := strings.Cut(value, ",")
	_, _, typeName := typeOf(file, field.Type)
	return []Setting{{
		Name:     prefix + name,
		Default:  tag.Get("envDefault"),
		Doc:      docOf(field) + boundsOf(tag),
		Secret:   typeName == "Secret" || strings.HasSuffix(name, "PASSWORD"),
		Required: strings.Contains(options, "required") || strings.Contains(options, "notEmpty"),
	}}, nil
}

// boundsOf says between what a number lies.
func boundsOf(tag reflect.StructTag) string {
	if tag.Get("min") == "" {
		return ""
	}
	return " (" + tag.Get("min") + " to " + tag.Get("max") + ")"
}

// nested follows a field whose type is a struct of ours.
func (r reader) nested(dir string, file *ast.File, field *ast.Field, prefix string) ([]Setting, error) {
	imported, ok, typeName := typeOf(file, field.Type)
	switch {
	case typeName == "":
		return nil, nil
	case !ok:
		return r.structOf(dir, typeName, prefix)
	case strings.HasPrefix(imported, modulePrefix):
		return r.structOf(strings.TrimPrefix(imported, modulePrefix), typeName, prefix)
	}
	return nil, nil
}

// typeOf names a type and, if another package declares it, that package's path.
func typeOf(file *ast.File, expression ast.Expr) (imported string, ok bool, name string) {
	switch t := expression.(type) {
	case *ast.Ident:
		return "", false, t.Name
	case *ast.SelectorExpr:
		x, isIdent := t.X.(*ast.Ident)
		if !isIdent {
			return "", false, ""
		}
		return importPath(file, x.Name), true, t.Sel.Name
	}
	return "", false, ""
}

func importPath(file *ast.File, name string) string {
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		if (spec.Name != nil && spec.Name.Name == name) || (spec.Name == nil && path.Base(imported) == name) {
			return imported
		}
	}
	return ""
}

func tagOf(field *ast.Field) reflect.StructTag {
	if field.Tag == nil {
		return ""
	}
	text, err := strconv.Unquote(field.Tag.Value)
	if err != nil {
		return ""
	}
	return reflect.StructTag(text)
}

// docOf joins the comments above and beside a field into one line.
func docOf(field *ast.Field) string {
	text := field.Doc.Text() + " " + field.Comment.Text()
	return strings.Join(strings.Fields(text), " ")
}
