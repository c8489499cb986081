package web

import (
	"html"
	"io"
	"io/fs"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/platform/page"
)

// one address of each template; the test fails when a template is missing here.
var pageOfTemplate = map[string]string{
	"home": "/", "performance": "/performances/PF1", "seats": "/sales/queued/seats?showtime=st1", "pay": "/bookings/bkg-1/pay",
	"bookings": "/me/bookings", "login": "/login", "signup": "/signup", "plainwords": "/privacy", "delete": "/me/delete", "goodbye": "/goodbye",
}

var (
	attribute = regexp.MustCompile(`\s(href|src|action)="([^"]*)"`)
	imported  = regexp.MustCompile(`(?:\bfrom\s*|\bimport\s*\(?\s*)["'](\.{0,2}/[^"']+)["']`)
	styled    = regexp.MustCompile(`(?:@import\s+|url\(\s*)["']?([^"')]+)`)
	postForm  = regexp.MustCompile(`<form[^>]*method="post"[^>]*action="([^"]*)"`)
)

// crawler follows what pages, modules and styles name, each address once.
type crawler struct {
	t    *testing.T
	app  *fiber.App
	seen map[string]bool
}

// elsewhere reports whether an address is another service's, or no address to ask.
func elsewhere(path string) bool {
	return strings.HasPrefix(path, "/q/") || strings.HasPrefix(path, "/v1/")
}

func (c *crawler) visit(from, reference string) {
	c.t.Helper()
	base, err := url.Parse(from)
	if err != nil {
		c.t.Fatal(err)
	}
	at, err := base.Parse(reference)
	if err != nil {
		c.t.Errorf("%s names %q, which is no address: %v", from, reference, err)
		return
	}
	if at.Scheme == "data" || at.Scheme == "blob" || elsewhere(at.Path) {
		return
	}
	if at.Host != "" {
		c.t.Errorf("%s asks another host: %s", from, reference)
		return
	}
	at.Fragment = ""
	path := at.String()
	if c.seen[path] {
		return
	}
	c.seen[path] = true
	request := httptest.NewRequest("GET", path, nil)
	request.Header.Set("Accept", "text/html, */*")
	response, err := c.app.Test(request, -1)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	if response.StatusCode != fiber.StatusOK {
		c.t.Errorf("%s names %s: %d", from, path, response.StatusCode)
		return
	}
	c.follow(path, response.Header.Get("Content-Type"), string(body))
}

func (c *crawler) follow(path, contentType, body string) {
	c.t.Helper()
	switch {
	case strings.HasPrefix(contentType, "text/html"):
		posts := map[string]bool{}
		for _, form := range postForm.FindAllStringSubmatch(body, -1) {
			posts[form[1]] = true
		}
		for _, match := range attribute.FindAllStringSubmatch(body, -1) {
			if match[1] != "action" || !posts[match[2]] {
				c.visit(path, html.UnescapeString(match[2]))
			}
		}
	case strings.Contains(contentType, "javascript"):
		for _, match := range imported.FindAllStringSubmatch(body, -1) {
			c.visit(path, match[1])
		}
	case strings.HasPrefix(contentType, "text/css"):
		for _, match := range styled.FindAllStringSubmatch(body, -1) {
			c.visit(path, match[1])
		}
	}
}

// Every link, script, style and import of every page leads somewhere, and every
// file is reached from some page.
func TestEveryReferenceOfEveryPageResolves(t *testing.T) {
	t.Parallel()
	s, err := newSite(Options{Source: fakeSource{}, Now: nil})
	if err != nil {
		t.Fatal(err)
	}
	for name := range s.templates {
		if pageOfTemplate[name] == "" {
			t.Errorf("the template %s is looked at nowhere: add a page of it here", name)
		}
	}
	c := &crawler{t: t, app: newApp(t, fakeSource{}), seen: map[string]bool{}}
	for name, path := range pageOfTemplate {
		for _, language := range []string{"ko", "en"} {
			at := path + map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")] + "lang=" + language
			if _, body, _ := get(t, c.app, at, language); !strings.Contains(body, `class="`+name+`-page"`) {
				t.Errorf("%s is not a page of the template %s", at, name)
			}
			c.visit(at, at)
		}
	}
	for name := range s.assets.documents {
		if !c.seen["/static/"+s.assets.version+"/"+name] {
			t.Errorf("no page reaches %s", name)
		}
	}
}

// A crawler that misses a broken import would prove nothing: this one is seen.
func TestTheCrawlerSeesEveryFormOfImport(t *testing.T) {
	t.Parallel()
	for _, source := range []string{`import "./x.js";`, `import { a } from "./x.js";`, "import {\n a,\n} from './x.js'", `export * from "./x.js"`, `await import("./x.js")`} {
		if match := imported.FindStringSubmatch(source); match == nil || match[1] != "./x.js" {
			t.Errorf("%q: the crawler finds %v", source, match)
		}
	}
}

// Files may be kept for ever under this version; a page of another version of the
// service, as during a deployment, gets them too, but asks each time.
func TestStaticFilesOfThisVersionKeepForEver(t *testing.T) {
	t.Parallel()
	app := newApp(t, fakeSource{})
	a, err := newAssets(page.Static(), mustSub(t, "static"))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/static/" + a.version + "/chrome.js": "public, max-age=31536000, immutable",
		"/static/000000000000/chrome.js":      "no-cache",
	} {
		if status, _, header := get(t, app, path, ""); status != fiber.StatusOK || header("Cache-Control") != want || header("ETag") == "" {
			t.Errorf("%s: %d, %q, ETag %q; want %q", path, status, header("Cache-Control"), header("ETag"), want)
		}
	}
	if status, _, _ := get(t, app, "/static/"+a.version+"/none.js", ""); status != fiber.StatusNotFound {
		t.Errorf("a file that is not there: %d, want 404", status)
	}
}

func mustSub(t *testing.T, folder string) fs.FS {
	t.Helper()
	sub, err := fs.Sub(files, folder)
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

// TestLanguageLinksAndLogInKeepTheAddress: of every page, without any script.
func TestLanguageLinksAndLogInKeepTheAddress(t *testing.T) {
	t.Parallel()
	app := newApp(t, fakeSource{})
	language := regexp.MustCompile(`<a href="([^"]*)" lang="[a-z]+" hreflang="([a-z]+)"`)
	logIn := regexp.MustCompile(`id="login-link" href="([^"]*)"`)
	for name, path := range pageOfTemplate {
		address, err := url.Parse(path)
		if err != nil {
			t.Fatal(err)
		}
		query := address.Query()
		query.Set("from", "mail & more")
		query.Set("next", "/q/queued?showtime=st1")
		query.Set("lang", "ko")
		address.RawQuery = query.Encode()
		_, body, _ := get(t, app, address.String(), "ko")
		links := language.FindAllStringSubmatch(body, -1)
		if len(links) != 2 {
			t.Errorf("%s has %d links to languages, want 2", name, len(links))
		}
		for _, link := range links {
			got, err := url.Parse(html.UnescapeString(link[1]))
			if err != nil {
				t.Fatal(err)
			}
			query.Set("lang", link[2])
			if got.Path != address.Path || got.Query().Encode() != query.Encode() {
				t.Errorf("%s: the link to %s leads to %s", name, link[2], got)
			}
		}
		query.Set("lang", "ko")
		got, err := url.Parse(html.UnescapeString(logIn.FindStringSubmatch(body)[1]))
		if err != nil {
			t.Fatal(err)
		}
		want := address.Path + "?" + query.Encode()
		if name == "login" || name == "signup" { // they keep where they were to go on to
			want = "/q/queued?showtime=st1"
		}
		next, err := url.Parse(got.Query().Get("next"))
		if err != nil || next.Path+"?"+next.Query().Encode() != want || got.Query().Get("lang") != "ko" {
			t.Errorf("%s: the log-in comes back to %s, want %s", name, next, want)
		}
	}
}
