package web

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"log/slog"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/platform/httpd"
	"github.com/fairgate/fairgate/shared/platform/page/failure"
)

var demo = Sale{
	ID: "demo", Title: "한여름 밤의 콘서트", Venue: "KSPO DOME", Colour: "#5a4a86", Identity: "browser",
	OpensAt: time.Date(2026, 11, 20, 11, 0, 0, 0, time.UTC), ClaimSeconds: 60, SessionSeconds: 300,
}

var errNoLine = errs.New(errs.NotFound, "sale_not_found", "There is no such sale.")

type fakeSource struct {
	sale  Sale
	place Place
}

func (f fakeSource) Sale(_ context.Context, id string) (Sale, error) {
	if id != f.sale.ID {
		return Sale{}, errNoLine
	}
	return f.sale, nil
}

func (f fakeSource) Place(*fiber.Ctx, string) (Place, error) { return f.place, nil }

func newApp(t *testing.T, source Source) *fiber.App {
	t.Helper()
	pages, err := New()
	if err != nil {
		t.Fatal(err)
	}
	failures, err := failure.New()
	if err != nil {
		t.Fatal(err)
	}
	app := httpd.New(httpd.Options{Name: "test", Log: slog.New(slog.DiscardHandler), ErrorPage: failures.Send})
	app.Get("/q/:sale", pages.Handler(source))
	return app
}

type answer struct {
	status int
	header map[string]string
	body   string
}

func get(t *testing.T, app *fiber.App, path string, headers ...string) answer {
	t.Helper()
	request := httptest.NewRequest("GET", path, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := app.Test(request, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	header := map[string]string{}
	for key := range response.Header {
		header[key] = response.Header.Get(key)
	}
	return answer{response.StatusCode, header, string(body)}
}

// A browser gets a page that says there is no such line, a program gets the error.
func TestUnknownLineIsAPageForBrowsers(t *testing.T) {
	t.Parallel()
	app := newApp(t, fakeSource{sale: demo})
	for _, language := range []string{"ko", "en", "ja", "zh"} {
		got := get(t, app, "/q/nowhere?lang="+language, "Accept", "text/html,application/xhtml+xml;q=0.9")
		if got.status != 404 || !strings.HasPrefix(got.header["Content-Type"], "text/html") || !strings.Contains(got.body, "sale_not_found") {
			t.Errorf("%s: %d %s", language, got.status, got.header["Content-Type"])
		}
		if !strings.Contains(got.body, `<html lang="`+language+`"`) || got.header["Content-Security-Policy"] == "" {
			t.Errorf("%s: not a page of that language under a policy", language)
		}
	}
	got := get(t, app, "/q/nowhere", "Accept", "application/json")
	if strings.Contains(got.header["Content-Type"], "html") || !strings.Contains(got.body, errNoLine.Message) {
		t.Errorf("a program gets %s %q", got.header["Content-Type"], got.body)
	}
}

// The page is one request of at most 16 KB, in every language and coding.
func TestWaitingPageIsSmall(t *testing.T) {
	t.Parallel()
	const limit = 16 << 10
	pages, err := New()
	if err != nil {
		t.Fatal(err)
	}
	for _, language := range pages.messages.Languages() {
		document, err := pages.document(language, demo)
		if err != nil {
			t.Fatal(err)
		}
		for _, coding := range []string{"gzip", "br"} {
			if size := document.Size(coding); size == 0 || size > limit {
				t.Errorf("%s %s: %d bytes, want 1…%d", language, coding, size, limit)
			} else {
				t.Logf("%s %s: %d bytes", language, coding, size)
			}
		}
		if found := regexp.MustCompile(`(?i)<link[^>]+stylesheet|<script[^>]+src=|https?://[^w]`).FindString(string(document.Body())); found != "" {
			t.Errorf("%s: the page asks for more than itself: %q", language, found)
		}
	}
}

func TestPolicyNamesWhatThePageRuns(t *testing.T) {
	t.Parallel()
	got := get(t, newApp(t, fakeSource{sale: demo}), "/q/demo")
	policy := got.header["Content-Security-Policy"]
	if strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q allows unsafe sources", policy)
	}
	script := between(t, got.body, `<script type="module">`, `</script>`)
	style := between(t, got.body, `<style>`, `</style>`)
	for _, inline := range []string{script, style} {
		sum := sha256.Sum256([]byte(inline))
		if hash := "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(policy, hash) {
			t.Errorf("policy %q lacks %s", policy, hash)
		}
	}
	if strings.Contains(script, "\nimport ") || strings.Contains(script, "\nexport ") {
		t.Error("the inlined modules still import or export")
	}
}

func between(t *testing.T, text, from, to string) string {
	t.Helper()
	_, rest, found := strings.Cut(text, from)
	if !found {
		t.Fatalf("no %q", from)
	}
	inner, _, _ := strings.Cut(rest, to)
	return inner
}

func TestWaitingPageLanguages(t *testing.T) {
	t.Parallel()
	app := newApp(t, fakeSource{sale: demo})
	for _, test := range []struct{ path, accept, want string }{
		{"/q/demo", "", "ko"},
		{"/q/demo", "fr-FR,en-GB;q=0.8,ko;q=0.3", "en"},
		{"/q/demo", "ja", "ja"},
		{"/q/demo", "zh-Hant-TW", "zh"},
		{"/q/demo?lang=en", "ko", "en"},
		{"/q/demo?lang=xx", "ko", "ko"},
	} {
		got := get(t, app, test.path, "Accept-Language", test.accept)
		if want := `<html lang="` + test.want + `"`; !strings.Contains(got.body, want) {
			t.Errorf("%s with %q: no %s", test.path, test.accept, want)
		}
	}
}

func TestWaitingPageIsCached(t *testing.T) {
	t.Parallel()
	app := newApp(t, fakeSource{sale: demo})
	first := get(t, app, "/q/demo", "Accept-Encoding", "gzip, br")
	if first.header["Content-Encoding"] != "br" {
		t.Errorf("coding %q, want br", first.header["Content-Encoding"])
	}
	again := get(t, app, "/q/demo", "If-None-Match", first.header["Etag"])
	if again.status != fiber.StatusNotModified || again.body != "" {
		t.Errorf("again: %d with %d bytes, want 304 and none", again.status, len(again.body))
	}
	if zipped := get(t, app, "/q/demo", "Accept-Encoding", "br;q=0, gzip"); zipped.header["Content-Encoding"] != "gzip" {
		t.Errorf("coding %q, want gzip", zipped.header["Content-Encoding"])
	}
}

func TestDocumentsAreKeptOnce(t *testing.T) {
	t.Parallel()
	pages, err := New()
	if err != nil {
		t.Fatal(err)
	}
	first, _ := pages.document("ko", demo)
	second, _ := pages.document("ko", demo)
	renamed := demo
	renamed.Title = "다른 이름"
	third, _ := pages.document("ko", renamed)
	if first != second || first == third {
		t.Error("the same page was built twice, or a changed one was not")
	}
}

func TestHostileTitleIsText(t *testing.T) {
	t.Parallel()
	hostile := demo
	hostile.Title = `</title><script>alert(1)</script>`
	if got := get(t, newApp(t, fakeSource{sale: hostile}), "/q/demo"); strings.Contains(got.body, "<script>alert") {
		t.Error("the title became markup")
	}
}

func TestPlainPage(t *testing.T) {
	t.Parallel()
	account := demo
	account.Identity = "account"
	for _, test := range []struct {
		name    string
		sale    Sale
		place   Place
		want    string
		refresh bool
	}{
		{"no place", demo, Place{LineState: "open"}, `action="/q/demo/join"`, false},
		{"no place, account", account, Place{LineState: "open"}, "needs a log-in", false},
		{"waiting", demo, Place{State: "waiting", LineState: "open", Ahead: 12480, ETA: [2]time.Duration{7 * time.Minute, 9 * time.Minute}}, "12480 people ahead", true},
		{"offered", demo, Place{State: "offered", LineState: "open"}, `action="/q/demo/enter"`, false},
		{"sold out", demo, Place{State: "expired", LineState: "sold_out"}, "Every seat is sold", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := get(t, newApp(t, fakeSource{test.sale, test.place}), "/q/demo?plain=1", "Accept-Language", "en")
			if !strings.Contains(got.body, test.want) {
				t.Errorf("no %q in the page", test.want)
			}
			if got.header["Refresh"] != "" != test.refresh {
				t.Errorf("Refresh %q, want one: %v", got.header["Refresh"], test.refresh)
			}
		})
	}
}

func TestUnknownLine(t *testing.T) {
	t.Parallel()
	if got := get(t, newApp(t, fakeSource{sale: demo}), "/q/other"); got.status == fiber.StatusOK {
		t.Error("an unknown line has a page")
	}
}

// Every number in a text comes from the settings or the data, so none is written
// into the catalogues.
func TestTextsNameNoNumbers(t *testing.T) {
	t.Parallel()
	pages, err := New()
	if err != nil {
		t.Fatal(err)
	}
	for _, language := range pages.messages.Languages() {
		for key, text := range pages.messages.Texts(language) {
			if strings.ContainsAny(text, "0123456789") {
				t.Errorf("%s %s: a number of its own: %q", language, key, text)
			}
		}
	}
}

// The title of a hidden tab is all that some fans see: no two states share one.
func TestEachStateHasATitleOfItsOwn(t *testing.T) {
	t.Parallel()
	pages, err := New()
	if err != nil {
		t.Fatal(err)
	}
	for _, language := range pages.messages.Languages() {
		states := map[string]string{}
		for key, text := range pages.messages.Texts(language, "js.") {
			state, isHeadline := strings.CutSuffix(key, ".headline")
			if !isHeadline {
				continue
			}
			if strings.Contains(text, "{n}") { // then the eyebrow is the title
				text = pages.messages.Text(language, state+".eyebrow")
			}
			if other, twice := states[text]; twice {
				t.Errorf("%s: %s and %s have the title %q", language, state, other, text)
			}
			states[text] = state
		}
	}
}
