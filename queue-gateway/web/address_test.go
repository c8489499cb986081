package web

import (
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
)

var languageLink = regexp.MustCompile(`<a href="([^"]*)" lang="[a-z]+" hreflang="([a-z]+)"`)

// TestLanguageLinksKeepTheAddress: of every page, whatever a fan's address says. The
// waiting page is one for all fans: without its script the next request completes it.
func TestLanguageLinksKeepTheAddress(t *testing.T) {
	t.Parallel()
	app := newApp(t, fakeSource{sale: demo, place: Place{LineState: "open", State: "waiting"}})
	for _, address := range []string{"/q/demo?showtime=st1&lang=ko", "/q/demo?a=b%26c&showtime=st1", "/q/demo?plain=1&showtime=st1", "/q/nowhere?showtime=st1&from=mail", "/q/nowhere?lang=en"} {
		links := languageLink.FindAllStringSubmatch(get(t, app, address, "Accept", "text/html").body, -1)
		if len(links) != 4 {
			t.Errorf("%s has %d links to other languages, want 4", address, len(links))
		}
		for _, link := range links {
			want, _ := url.Parse("http://example.com" + address)
			got := want.ResolveReference(parse(t, html.UnescapeString(link[1])))
			if answer := get(t, app, got.RequestURI(), "Accept", "text/html", "Referer", want.String()); answer.status == fiber.StatusSeeOther {
				got = want.ResolveReference(parse(t, answer.header["Location"]))
			}
			kept, query := want.Query(), got.Query()
			kept.Set("lang", link[2])
			if got.Path != want.Path || query.Encode() != kept.Encode() {
				t.Errorf("%s: the link to %s leads to %s", address, link[2], got.RequestURI())
			}
		}
	}
	for _, referer := range []string{"http://elsewhere.test/q/demo?showtime=st1", "http://example.com/q/other?showtime=st1", "http://example.com/q/demo?lang=ko", "::"} {
		if got := get(t, app, "/q/demo?lang=en", "Referer", referer); got.status != fiber.StatusOK {
			t.Errorf("from %s: %d to %q", referer, got.status, got.header["Location"])
		}
	}
}

func parse(t *testing.T, address string) *url.URL {
	t.Helper()
	parsed, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// TestPlainPageSaysWhatIsSo: each state in words that hold for it, in every language,
// with nothing left to fill in.
func TestPlainPageSaysWhatIsSo(t *testing.T) {
	t.Parallel()
	account := demo
	account.Identity = "account"
	join, enter := `action="/q/demo/join"`, `action="/q/demo/enter"`
	for _, test := range []struct {
		name        string
		sale        Sale
		place       Place
		want, lacks string
	}{
		{"lapsed", demo, Place{State: "expired", Reason: "lapsed", LineState: "open"}, enter, "js.offered.headline"},
		{"missed", demo, Place{State: "expired", Reason: "missed", LineState: "open"}, join, enter},
		{"abandoned", demo, Place{State: "expired", Reason: "abandoned", LineState: "open"}, join, enter},
		{"missed, account", account, Place{State: "expired", Reason: "missed", LineState: "open"}, "js.missed.headline", join},
		{"session over", demo, Place{State: "expired", Reason: "session", LineState: "open"}, "js.finished.headline", enter},
		{"sold out", demo, Place{State: "expired", Reason: "sold_out", LineState: "sold_out"}, "js.soldout.headline", enter},
		{"active in a closed line", demo, Place{State: "active", LineState: "closed"}, enter, "js.closed.headline"},
		{"lobby", demo, Place{State: "lobby", LineState: "lobby"}, "js.lobby.eyebrow", enter},
		{"paused", demo, Place{State: "waiting", LineState: "paused", Ahead: 7}, "js.paused.headline", enter},
		{"before the start", demo, Place{LineState: "scheduled"}, "js.countdown.eyebrow", join},
		{"one minute", demo, Place{State: "waiting", LineState: "open", ETA: [2]time.Duration{time.Minute, time.Minute}}, "js.waiting.headline", "–"},
	} {
		app := newApp(t, fakeSource{test.sale, test.place})
		pages, err := New()
		if err != nil {
			t.Fatal(err)
		}
		for _, language := range pages.messages.Languages() {
			body := get(t, app, "/q/demo?plain=1&lang="+language).body
			main := between(t, body, "<main>", "</main>")
			said := func(text string) string {
				if strings.HasPrefix(text, "js.") {
					return html.EscapeString(pages.messages.Text(language, text, "n", test.place.Ahead))
				}
				return text
			}
			if !strings.Contains(main, said(test.want)) || strings.Contains(main, said(test.lacks)) {
				t.Errorf("%s, %s: %q wanted and %q not, in %s", test.name, language, said(test.want), said(test.lacks), main)
			}
			if left := regexp.MustCompile(`\{\w*\}|js\.[a-z]|plain\.[a-z]`).FindString(main); left != "" {
				t.Errorf("%s, %s: %q is left", test.name, language, left)
			}
		}
	}
}
