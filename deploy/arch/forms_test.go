package arch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestNoFormPutsSecretsIntoAnAddress(t *testing.T) {
	t.Parallel()
	violations, forms, err := checkForms(projectRoot)
	if err != nil {
		t.Fatal(err)
	}
	if forms < 8 {
		t.Fatalf("only %d forms found", forms)
	}
	for _, violation := range violations {
		t.Error(violation)
	}
}

func TestTheCheckerCatchesForms(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ file, text, want string }{
		"no method":         {"a.html", `<form id="login" novalidate><input name="password" type="password"></form>`, "not written out"},
		"method of a value": {"a.html", `<form method="{{.Method}}"><input name="email"></form>`, "not written out"},
		"get with e-mail":   {"a.html", `<form method="get"><input name="email"></form>`, `"email" would be part`},
		"get with password": {"a.html", `<FORM METHOD=GET action="/"><input type=password></form>`, "not written out"},
		"button sends get":  {"a.html", `<form method="post"><button formmethod="get">x</button></form>`, "a button sends"},
		"hidden by action":  {"a.html", `<form method="get" action="{{if gt 1 0}}/{{end}}"><input name="token"></form>`, `"token" would be part`},
		"made by a script":  {"a.js", "x.innerHTML = `<form><input name=\"code\"></form>`", "not written out"},
		"made by Go":        {"a.go", "package a\nconst form = `<form action=\"/\">`", "not written out"},
		"search":            {"a.html", `<form method="get"><input name="q"><button>x</button></form>`, ""},
		"log-in":            {"a.html", `<form method="post" action="/login"><input name="password" type="password"></form>`, ""},
		"for its script":    {"a.html", `<form method="dialog"><select id="count"></select></form>`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			if err := os.WriteFile(filepath.Join(root, c.file), []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			violations, forms, err := checkForms(root)
			if err != nil || forms != 1 {
				t.Fatalf("%d forms, %v", forms, err)
			}
			if got := strings.Join(violations, "\n"); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
