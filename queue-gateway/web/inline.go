package web

import (
	"fmt"
	"html/template"
	"io/fs"
	"regexp"
	"strings"

	"github.com/fairgate/fairgate/shared/platform/page"
)

// modules in the order in which they can run as one.
var modules = []struct {
	shared bool
	name   string
}{
	{true, "session.js"},
	{true, "format.js"},
	{false, "line.js"},
	{false, "view.js"},
	{false, "main.js"},
}

var (
	importLine  = regexp.MustCompile(`(?m)^import [^;]*;\n`)
	exportWord  = regexp.MustCompile(`(?m)^export `)
	commentLine = regexp.MustCompile(`(?m)^\s*(//.*|/\*\*.*\*/|/\*\*|\*( .*)?|\*/)\n`)
	indentation = regexp.MustCompile(`(?m)^[ \t]+`)
)

// inlineModules joins the modules to one: all names are then in one scope, so
// imports and exports between them fall away. Comment lines stay at home.
func inlineModules() (template.JS, error) {
	var b strings.Builder
	for _, module := range modules {
		source, err := read(module.shared, module.name)
		if err != nil {
			return "", err
		}
		source = importLine.ReplaceAllString(source, "")
		source = exportWord.ReplaceAllString(source, "")
		b.WriteString(commentLine.ReplaceAllString(source, ""))
	}
	return template.JS(indentation.ReplaceAllString(b.String(), "")), nil //nolint:gosec // our own files
}

func inlineStyles() (template.CSS, error) {
	tokens, err := read(true, "tokens.css")
	if err != nil {
		return "", err
	}
	own, err := read(false, "waiting.css")
	if err != nil {
		return "", err
	}
	return template.CSS(indentation.ReplaceAllString(tokens+own, "")), nil //nolint:gosec // our own files
}

func read(shared bool, name string) (string, error) {
	from, path := fs.FS(files), "static/"+name
	if shared {
		from, path = page.Static(), name
	}
	source, err := fs.ReadFile(from, path)
	if err != nil {
		return "", fmt.Errorf("waiting page: %w", err)
	}
	return string(source), nil
}
