package web

import (
	"fmt"
	"strings"
	"testing"
)

func joined(files map[string]string) (string, error) {
	j := joiner{done: map[string][]string{}, names: map[string]string{}, source: func(name string) (string, error) {
		body, found := files[name]
		if !found {
			return "", fmt.Errorf("no %s", name)
		}
		return body, nil
	}}
	err := j.add("main.js")
	return j.out.String(), err
}

func TestRemarksAreLeftOut(t *testing.T) {
	t.Parallel()
	got, err := joined(map[string]string{"main.js": "let a = 1; // one's own\nlet b = \"x\"; // b\nlet c = \"a // b\";\nlet d = /a // b/;\nlet e = `a // b`;\n"})
	if want := "let a = 1;\nlet b = \"x\";\nlet c = \"a // b\";\nlet d = /a // b/;\nlet e = `a // b`;\n"; err != nil || got != want {
		t.Errorf("joined: %v\n%s\nwant:\n%s", err, got, want)
	}
}

func TestTypesOfExpressionsAreLeftOut(t *testing.T) {
	t.Parallel()
	got, err := joined(map[string]string{"main.js": "const a = (/** @type {{b: number}} */ c) => /** @type {any} */ (c);\nlet d = \"/** d */\";\n"})
	if want := "const a = (c) => (c);\nlet d = \"/** d */\";\n"; err != nil || got != want {
		t.Errorf("joined: %v\n%s\nwant:\n%s", err, got, want)
	}
}

func TestModulesAreJoinedInTheOrderOfTheirImports(t *testing.T) {
	t.Parallel()
	got, err := joined(map[string]string{
		"main.js": "// About it.\nimport { a } from \"./a.js\";\nimport { b } from \"./b.js\";\n\n/** words\n * more\n */\nfunction run() {\n  return a + b;\n}\n",
		"a.js":    "import { b } from \"./b.js\";\nexport const a = 1 + b;\n",
		"b.js":    "export const b = \"import { x }\";\n",
	})
	if want := "const b = \"import { x }\";\nconst a = 1 + b;\nfunction run() {\nreturn a + b;\n}\n"; err != nil || got != want {
		t.Errorf("joined: %v\n%s\nwant:\n%s", err, got, want)
	}
}

// What the joiner would misread stops the service at its start.
func TestModulesThatCannotBeJoinedAreRefused(t *testing.T) {
	t.Parallel()
	for source, fault := range map[string]string{
		"import \"./a.js\";\n":                                 "imports are written as",
		"import a from \"./a.js\";\n":                          "imports are written as",
		"import { a as x } from \"./a.js\";\n":                 "exports no a as x",
		"import {\n  a,\n} from \"./a.js\";\n":                 "imports are written as",
		"import { nothing } from \"./a.js\";\n":                "exports no nothing",
		"import { a } from \"./gone.js\";\n":                   "no gone.js",
		"import { a } from \"./a.js\";\nconst a = 1;\n":        "declares a too",
		"import { a } from \"./a.js\";\nfunction a() {}\n":     "declares a too",
		"const x = await import(\"./a.js\");\n":                "cannot ask for modules",
		"export { x };\n":                                      "only declarations",
		"export default 1;\n":                                  "only declarations",
		"const x = `a\n  b`;\n":                                "over several lines",
		"const { x, y } = z;\n":                                "one name a declaration",
		"/* a */ const x = 1;\n":                               "code behind a comment",
		"/* a\n":                                               "has no end",
		"import { a } from \"./a.js\";\nasync function a() {}": "declares a too",
	} {
		_, err := joined(map[string]string{"main.js": source, "a.js": "export const a = 1;\n"})
		if err == nil || !strings.Contains(err.Error(), fault) {
			t.Errorf("%q: %v, want %q", source, err, fault)
		}
	}
}
