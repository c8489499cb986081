package arch

import (
	"strings"
	"testing"
)

func TestEveryDoorNormalisesText(t *testing.T) {
	t.Parallel()
	sources, err := load(projectRoot)
	if err != nil {
		t.Fatal(err)
	}
	for _, violation := range checkTexts(sources) {
		t.Error(violation)
	}
	functions := map[string]bool{}
	for _, s := range sources {
		for _, name := range functionsOf(s) {
			functions[s.path+" "+name] = true
		}
	}
	for listed := range textsRead() {
		if !functions[listed] {
			t.Errorf("%s is listed and no longer there", listed)
		}
	}
}

func TestTheCheckerCatchesDoorsThatTakeTextAsItIs(t *testing.T) {
	t.Parallel()
	const head = "package x\nimport \"github.com/gofiber/fiber/v2\"\n"
	for name, c := range map[string]struct {
		code string
		want int
	}{
		"a parameter":   {`func find(c *fiber.Ctx) string { return c.Query("q") }`, 1},
		"all of them":   {`func find(c *fiber.Ctx) map[string]string { return c.Queries() }`, 1},
		"a form":        {`func send(c *fiber.Ctx) []byte { return c.Request().PostArgs().Peek("name") }`, 1},
		"of a URL":      {"func find(u *url.URL) string { return u.Query().Get(\"q\") }", 1},
		"a raw input":   {"type in struct { Nick string `json:\"nick\" text:\"noun\"` }", 1},
		"a known input": {"type in struct { Name string `json:\"name,omitempty\" text:\"noun\"` }", 0},
		"normalised":    {"type in struct { Nick string `json:\"nick\" text:\"line\"` }", 0},
		"a database":    {`func read(db *pool) error { return db.Query("SELECT 1") }`, 0},
	} {
		found := checkTexts(tree(t, map[string]string{"booking-api/a.go": head + c.code}))
		if len(found) != c.want {
			t.Errorf("%s: %q, want %d", name, strings.Join(found, "; "), c.want)
		}
	}
}
