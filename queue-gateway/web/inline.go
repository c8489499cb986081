package web

import (
	"fmt"
	"html/template"
	"io/fs"
	"slices"
	"strings"

	"github.com/fairgate/fairgate/shared/platform/page"
)

// inlineModules joins main.js and all it imports to one module, so that the
// waiting page is one request.
func inlineModules() (template.JS, error) {
	j := joiner{source: source, done: map[string][]string{}, names: map[string]string{}}
	if err := j.add("main.js"); err != nil {
		return "", fmt.Errorf("waiting page: %w", err)
	}
	return template.JS(j.out.String()), nil //nolint:gosec // our own files
}

func inlineStyles() (template.CSS, error) {
	tokens, err := source("tokens.css")
	if err != nil {
		return "", err
	}
	own, err := source("waiting.css")
	if err != nil {
		return "", err
	}
	// The spaces that a reader needs and a browser does not; no text of ours has them.
	squeezed := strings.NewReplacer(" { ", "{", " {", "{", "; }", "}", ";}", "}", "; ", ";", ": ", ":", ", ", ",")
	var b strings.Builder
	for line := range strings.Lines(tokens + own) {
		b.WriteString(squeezed.Replace(strings.TrimSpace(line)))
	}
	return template.CSS(b.String()), nil //nolint:gosec // our own files
}

// source reads a file of this page, else one that all pages share.
func source(name string) (string, error) {
	body, err := fs.ReadFile(files, "static/"+name)
	if err != nil {
		body, err = fs.ReadFile(page.Static(), name)
	}
	if err != nil {
		return "", fmt.Errorf("waiting page: %w", err)
	}
	return string(body), nil
}

// joiner puts modules behind one another in one scope, where the imports and
// exports between them fall away. It knows a few forms of lines and refuses every
// other that could mean something else once joined: a module that it misreads
// stops the service at its start rather than the page in a browser.
type joiner struct {
	source func(name string) (string, error)
	out    strings.Builder
	done   map[string][]string // what each module exports
	names  map[string]string   // top-level name → its module
}

// add appends a module after those it imports.
func (j *joiner) add(name string) error {
	if _, done := j.done[name]; done {
		return nil
	}
	text, err := j.source(name)
	if err != nil {
		return err
	}
	j.done[name] = nil
	var body strings.Builder
	inComment := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if inComment, err = j.line(&body, name, line, inComment); err != nil {
			return fmt.Errorf("%s: %q: %w", name, line, err)
		}
	}
	if inComment {
		return fmt.Errorf("%s: a comment has no end", name)
	}
	j.out.WriteString(body.String())
	return nil
}

// line reads one line; it returns whether the next is still inside a comment.
func (j *joiner) line(body *strings.Builder, module, line string, inComment bool) (bool, error) {
	trimmed := strings.TrimSpace(line)
	switch {
	case inComment || strings.HasPrefix(trimmed, "/*"):
		_, after, closed := strings.Cut(trimmed, "*/")
		if after != "" {
			return false, fmt.Errorf("code behind a comment")
		}
		return !closed, nil
	case trimmed == "" || strings.HasPrefix(trimmed, "//"):
		return false, nil
	case strings.HasPrefix(line, "import"):
		return false, j.importLine(line)
	case strings.Contains(line, "import(") || strings.Contains(line, "import.meta"):
		return false, fmt.Errorf("a module that is joined cannot ask for modules while it runs")
	case strings.Count(line, "`")%2 != 0:
		return false, fmt.Errorf("a text over several lines would lose its indentation")
	}
	exported := strings.HasPrefix(line, "export ")
	line = strings.TrimPrefix(line, "export ")
	if err := j.declare(module, line, exported); err != nil {
		return false, err
	}
	body.WriteString(withoutRemark(withoutTypes(strings.TrimLeft(line, " \t"))) + "\n")
	return false, nil
}

// withoutTypes takes the types of expressions, /** @type {…} */, out of a line of code.
func withoutTypes(line string) string {
	for {
		before, rest, found := strings.Cut(line, "/** @type {")
		_, after, closed := strings.Cut(rest, "} */")
		if !found || !closed {
			return line
		}
		line = before + strings.TrimLeft(after, " ")
	}
}

// withoutRemark takes a comment off the end of a line of code. Where "//" may stand in a
// text or a pattern, the line stays as it is.
func withoutRemark(line string) string {
	code, _, found := strings.Cut(line, " // ")
	if !found || strings.Contains(code, "/") {
		return line
	}
	for _, quote := range []string{`"`, "'", "`"} {
		if strings.Count(code, quote)%2 != 0 {
			return line
		}
	}
	return code
}

// importLine reads `import { a, b } from "./x.js";`, the only form there is.
func (j *joiner) importLine(line string) error {
	list, rest, found := strings.Cut(strings.TrimPrefix(line, "import { "), ` } from "./`)
	name, end, closed := strings.Cut(rest, `"`)
	if !strings.HasPrefix(line, "import { ") || !found || !closed || end != ";" {
		return fmt.Errorf("imports are written as import { a, b } from \"./x.js\";")
	}
	if err := j.add(name); err != nil {
		return err
	}
	for one := range strings.SplitSeq(list, ", ") {
		if !slices.Contains(j.done[name], one) {
			return fmt.Errorf("%s exports no %s", name, one)
		}
	}
	return nil
}

// declare notes the name that a line at the top level declares: in one scope each
// is there once.
func (j *joiner) declare(module, line string, exported bool) error {
	words := strings.FieldsFunc(strings.TrimPrefix(line, "async "), func(r rune) bool { return strings.ContainsRune(" ({=;", r) })
	isDeclaration := len(words) > 1 && slices.Contains([]string{"const", "let", "var", "function", "class"}, words[0])
	if !isDeclaration {
		if exported {
			return fmt.Errorf("only declarations are exported here")
		}
		return nil
	}
	if line[0] == ' ' || line[0] == '\t' {
		return nil
	}
	if after := strings.TrimSpace(strings.TrimPrefix(strings.TrimPrefix(line, "async "), words[0])); strings.ContainsRune("{[*", rune(after[0])) {
		return fmt.Errorf("one name a declaration at the top level")
	}
	name := words[1]
	if other, twice := j.names[name]; twice {
		return fmt.Errorf("%s declares %s too", other, name)
	}
	j.names[name] = module
	if exported {
		j.done[module] = append(j.done[module], name)
	}
	return nil
}
