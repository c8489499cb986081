package arch

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const projectRoot = "../.."

func TestTheTreeKeepsTheRules(t *testing.T) {
	t.Parallel()
	sources, err := load(projectRoot)
	if err != nil {
		t.Fatal(err)
	}
	if len(sources) < 20 {
		t.Fatalf("only %d files found", len(sources))
	}
	for _, violation := range slices.Concat(checkImports(sources), checkHabits(sources), checkGuards(sources), checkSums(sources)) {
		t.Error(violation)
	}
}

// tree writes files below a folder of its own and loads them.
func tree(t *testing.T, files map[string]string) []source {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sources, err := load(root)
	if err != nil {
		t.Fatal(err)
	}
	return sources
}

// importing is a file of package x with these imports; a leading ~ stands for our
// own module.
func importing(paths ...string) string {
	text := "package x\n"
	for _, path := range paths {
		text += "import _ \"" + strings.Replace(path, "~", strings.TrimSuffix(modulePrefix, "/"), 1) + "\"\n"
	}
	return text
}

func TestTheCheckerCatchesForbiddenImports(t *testing.T) {
	t.Parallel()
	cases := []struct{ file, imported, rule string }{
		{"shared/money/a.go", "github.com/jackc/pgx/v5", "ring 0 imports"},
		{"shared/event/a.go", "~/shared/queue", "ring 0 imports"},
		{"shared/queue/a.go", "github.com/redis/go-redis/v9", "nouns import"},
		{"shared/queue/a.go", "~/shared/platform/redisx", "nouns import"},
		{"shared/queue/a.go", "~/shared/booking", "nouns import"},
		{"shared/booking/a.go", "github.com/golang-jwt/jwt/v5", "nouns import"},
		{"shared/catalogue/a.go", "~/shared/booking", "nouns import"},
		{"shared/booking/a.go", "~/shared/catalogue/cataloguepg", "nouns import"},
		{"shared/queue/queueredis/a.go", "~/shared/booking", "adapters import"},
		{"shared/queue/queueredis/a.go", "~/shared/schema", "adapters import"},
		{"shared/platform/httpd/a.go", "~/shared/account", "platform and schema"},
		{"shared/schema/a.go", "~/shared/account/accountpg", "platform and schema"},
		{"shared/account/accountpg/a.go", "~/booking-api", "shared imports no service"},
		{"queue-gateway/a.go", "~/booking-api/web", "services do not import"},
		{"worker/service.go", "~/booking-api", "services do not import"},
		{"booking-api/internal/api/a.go", "~/shared/booking/bookingpg", "only a service's root"},
		{"booking-api/web/service.go", "~/shared/booking/bookingpg", "only a service's root"},
		{"loadtest/cmd/load/a.go", "~/shared/money", "the load test"},
	}
	for _, c := range cases {
		t.Run(c.file+" "+c.imported, func(t *testing.T) {
			t.Parallel()
			got := checkImports(tree(t, map[string]string{c.file: importing(c.imported)}))
			if len(got) == 0 || !strings.Contains(strings.Join(got, "\n"), c.rule) {
				t.Errorf("got %q, want a violation of %q", got, c.rule)
			}
		})
	}
}

func TestTheCheckerLetsGoodImportsPass(t *testing.T) {
	t.Parallel()
	got := checkImports(tree(t, map[string]string{
		"shared/event/a.go":             importing("time", "~/shared/ident"),
		"shared/queue/a.go":             importing("time", "~/shared/errs", "github.com/golang-jwt/jwt/v5"),
		"shared/booking/a.go":           importing("~/shared/catalogue", "~/shared/money"),
		"shared/booking/bookingpg/a.go": importing("~/shared/booking", "~/shared/platform/outbox", "~/shared/coupon/couponpg", "github.com/jackc/pgx/v5"),
		"shared/queue/a_test.go":        importing("~/shared/platform/backendtest"),
		"shared/platform/httpd/a.go":    importing("~/shared/errs", "github.com/gofiber/fiber/v2"),
		"booking-api/service.go":        importing("~/shared/booking/bookingpg", "~/booking-api/internal/api"),
		"booking-api/internal/api/a.go": importing("~/shared/booking", "~/shared/platform/httpd"),
		"worker/cmd/migrate/seed.go":    importing("~/shared/catalogue/cataloguepg"),
		"deploy/devstack/a.go":          importing("~/queue-gateway", "~/booking-api", "~/worker"),
		"loadtest/cmd/load/a.go":        importing("~/loadtest/verify"),
	}))
	if len(got) > 0 {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
}

func TestTheCheckerCatchesBadHabits(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, file, text, want string }{
		{"an own rule for pages", "booking-api/web/a.go", "package x\nfunc f(c *fiber.Ctx) bool { return strings.Contains(c.Get(fiber.HeaderAccept), \"html\") }\n", "httpd.WantsPage is the one rule"},
		{"an own rule by net/http", "worker/a.go", "package x\nfunc f(r *http.Request) bool { return r.Header.Get(\"Accept\") == \"text/html\" }\n", "httpd.WantsPage is the one rule"},
		{"init", "worker/a.go", "package x\nfunc init() {}\n", "init runs"},
		{"log.Fatal", "worker/a.go", "package x\nimport \"log\"\nfunc f() { log.Fatal(1) }\n", "log.Fatal skips"},
		{"os.Exit", "shared/platform/a.go", "package x\nimport \"os\"\nfunc f() { os.Exit(1) }\n", "os.Exit skips"},
		{"no value", "worker/a.go", "package x\nimport \"sync\"\nvar mu sync.Mutex\n", "global state"},
		{"no value, later written", "worker/a.go", "package x\nvar n int\nfunc f() { n = 1 }\n", "global state"},
		{"map", "worker/a.go", "package x\nvar m = make(map[string]int)\n", "global state"},
		{"assigned", "worker/a.go", "package x\nvar n = 1\nfunc f() { n = 2 }\n", "global state"},
		{"counted", "worker/a.go", "package x\nvar n = 1\nfunc f() { n++ }\n", "global state"},
		{"table written", "worker/a.go", "package x\nvar m = map[int]int{}\nfunc f() { m[1] = 2 }\n", "global state"},
		{"pointer", "worker/a.go", "package x\nvar p = &struct{}{}\n", "global state"},
		{"metric", "worker/a.go", "package x\nimport \"github.com/prometheus/client_golang/prometheus\"\nvar c = prometheus.NewCounter(prometheus.CounterOpts{})\n", "global state"},
		{"vague name", "shared/platform/util/a.go", "package util\n", "says nothing"},
		{"unknown room", "shared/stuff/a.go", "package stuff\n", "list a new noun"},
		{"go", "worker/a.go", "package x\nfunc f() { go f() }\n", "a bare go statement"},
		{"go in a closure of a noun", "shared/booking/a.go", "package x\nfunc f() { func() { go f() }() }\n", "a bare go statement"},
		{"go in a simulator", "deploy/sim/toss/a.go", "package x\nfunc f() { go f() }\n", "a bare go statement"},
		{"WaitGroup", "worker/a.go", "package x\nimport \"sync\"\nfunc f() { var all sync.WaitGroup; all.Go(f) }\n", "Go of a sync.WaitGroup"},
		{"timer", "worker/a.go", "package x\nimport \"time\"\nfunc f() { time.AfterFunc(1, f) }\n", "AfterFunc without"},
		{"timer of a wrapped function", "worker/a.go", "package x\nimport \"time\"\nfunc f() { time.AfterFunc(1, g(f)) }\n", "AfterFunc without"},
		{"context", "worker/a.go", "package x\nimport \"context\"\nfunc f(ctx context.Context) { context.AfterFunc(ctx, func() {}) }\n", "AfterFunc without"},
		{"errgroup", "worker/a.go", "package x\nimport _ \"golang.org/x/sync/errgroup\"\n", "errgroup starts"},
		{"stream writer", "worker/a.go", "package x\nfunc f(c interface{ SetBodyStreamWriter(func()) }) { c.SetBodyStreamWriter(func() {}) }\n", "a stream writer"},
		{"typed nil", "worker/a.go", "package x\nimport \"net/url\"\nfunc f() *url.Error { return nil }\n", "concrete error type"},
		{"typed nil of several", "worker/a.go", "package x\ntype PartError struct{}\nfunc f() (a, b int, e *PartError) { return 1, 2, nil }\n", "concrete error type"},
		{"a body unpacked", "queue-gateway/a.go", "package x\nimport \"github.com/gofiber/fiber/v2\"\nfunc f(c *fiber.Ctx) { _ = c.Body() }\n", "unpacks the body"},
		{"a body unpacked behind huma", "booking-api/a.go", "package x\nfunc f(ctx huma.Context) { _ = humafiber.Unwrap(ctx).Body() }\n", "unpacks the body"},
		{"a form unpacked", "booking-api/a.go", "package x\nfunc f(c *fiber.Ctx) { _ = c.FormValue(`a`) }\n", "unpacks the body"},
		{"unpacked by name", "booking-api/a.go", "package x\nfunc f(r *fasthttp.Request) { r.BodyUncompressed() }\n", "unpacks the body"},
		{"one cookie", "queue-gateway/a.go", "package x\nfunc f(c *fiber.Ctx) { _ = c.Cookies(`place`) }\n", "reads one cookie"},
		{"one cookie behind huma", "booking-api/a.go", "package x\nfunc f(ctx huma.Context) { _ = humafiber.Unwrap(ctx).Cookies(`a`) }\n", "reads one cookie"},
		{"one cookie of the head", "booking-api/a.go", "package x\nfunc f(c *fiber.Ctx) { _ = c.Request().Header.Cookie(`a`) }\n", "several of a name"},
		{"one cookie by its tag", "booking-api/a.go", "package x\ntype in struct { T string `cookie:\"refresh_token\"` }\n", "the tag cookie reads one"},
		{"too long", "worker/a.go", "package x\n" + strings.Repeat("\n", maxLines), "must fit in mind"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := checkHabits(tree(t, map[string]string{c.file: c.text}))
			if len(got) != 1 || !strings.Contains(got[0], c.want) {
				t.Errorf("got %q, want one with %q", got, c.want)
			}
		})
	}
}

func TestTheCheckerLetsGoodHabitsPass(t *testing.T) {
	t.Parallel()
	got := checkHabits(tree(t, map[string]string{
		"worker/a.go": `package x
import ("errors"; "regexp"; "embed"; "time")
var ErrA = errors.New("a")
var _ error = ErrA
var expression = regexp.MustCompile("a")
var never time.Time
var zero int
var table = map[string]int{"a": 1}
//go:embed *.sql
var files embed.FS
func f() { n := 1; n = table["a"]; _ = n }
`,
		"worker/b.go": `package x
import ("context"; "net/url"; "time"; "github.com/fairgate/fairgate/shared/guard")
func f(ctx context.Context) (*url.Error, error) {
	guard.Go("part", func() {})
	var all guard.Group
	all.Go("part", func() {})
	time.AfterFunc(1, guard.Func("part", func() {}))
	context.AfterFunc(ctx, guard.Func("part", func() {}))
	return &url.Error{}, nil
}
`,
		"worker/a_test.go":          "package x\nfunc f() { go f() }\n",
		"deploy/stack/a.go":         "package x\nfunc f() { go f() }\n",
		"queue-gateway/c.go":        "package x\nfunc f(c *fiber.Ctx) { _, _ = c.Request().Body(), c.Response().Body() }\n",
		"worker/cmd/worker/main.go": "package main\nimport \"os\"\nfunc main() { os.Exit(1) }\n",
	}))
	if len(got) > 0 {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
}
