// Package arch holds the project's import rules and habits as tests over all
// modules. Each rule carries its reason, which is what a violation prints.
package arch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const modulePrefix = "github.com/fairgate/fairgate/"

// source is one Go file.
type source struct {
	path    string // below the project folder, with slashes
	imports []string
	lines   int
	file    *ast.File
	files   *token.FileSet
}

func (s source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") }

// dir is the file's package, as its path below the project folder.
func (s source) dir() string { return filepath.ToSlash(filepath.Dir(s.path)) }

// at formats a position for a violation.
func (s source) at(node ast.Node) string {
	return fmt.Sprintf("%s:%d", s.path, s.files.Position(node.Pos()).Line)
}

// load parses every Go file below root that belongs to the project.
func load(root string) ([]source, error) {
	var sources []source
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if path != root && isForeign(entry.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		s, err := parse(root, path)
		sources = append(sources, s)
		return err
	})
	return sources, err
}

func isForeign(dir string) bool {
	return strings.HasPrefix(dir, ".") || dir == "node_modules" || dir == "testdata"
}

func parse(root, path string) (source, error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return source{}, err
	}
	below, err := filepath.Rel(root, path)
	if err != nil {
		return source{}, err
	}
	s := source{path: filepath.ToSlash(below), file: file, files: files, lines: files.Position(file.FileEnd).Line}
	for _, spec := range file.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return source{}, err
		}
		s.imports = append(s.imports, name)
	}
	return s, nil
}

// ours returns an import's path below the project folder; ok is false for
// everybody else's packages.
func ours(name string) (path string, ok bool) { return strings.CutPrefix(name, modulePrefix) }

// isStandard reports whether an import belongs to the standard library.
func isStandard(name string) bool {
	first, _, _ := strings.Cut(name, "/")
	return !strings.Contains(first, ".")
}

// The rooms of shared.
func ring0() []string {
	return []string{"errs", "clock", "ident", "locale", "money", "event", "guard", "text"}
}

// nouns maps each noun to the nouns that it, and its adapters, may import.
func nouns() map[string][]string {
	return map[string][]string{
		"queue":     nil,
		"catalogue": nil,
		"coupon":    nil,
		"account":   nil,
		"notify":    nil,
		"search":    nil,
		"booking":   {"catalogue", "coupon"},
	}
}

func services() []string { return []string{"queue-gateway", "booking-api", "worker"} }

// A place says where a package lies: its module, and inside shared its room.
type place struct {
	module string
	room   string // inside shared: the first folder
	inner  string // below that, or inside other modules: the rest
}

func placeOf(dir string) place {
	module, rest, _ := strings.Cut(dir, "/")
	if module != "shared" {
		return place{module: module, inner: rest}
	}
	room, inner, _ := strings.Cut(rest, "/")
	return place{module: module, room: room, inner: inner}
}

func (p place) isShared() bool { return p.module == "shared" }
func (p place) isRing0() bool  { return p.isShared() && slices.Contains(ring0(), p.room) }

func (p place) inNoun() bool {
	_, found := nouns()[p.room]
	return p.isShared() && found
}

func (p place) isNoun() bool    { return p.inNoun() && p.inner == "" }
func (p place) isAdapter() bool { return p.inNoun() && p.inner != "" }
func (p place) isService() bool { return slices.Contains(services(), p.module) }

func (p place) isCommand() bool {
	return p.inner == "cmd" || strings.HasPrefix(p.inner, "cmd/") || strings.Contains(p.inner, "/cmd/")
}
