package httpd

import "testing"

func TestWhoWantsAPage(t *testing.T) {
	t.Parallel()
	const chrome = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"
	for name, c := range map[string]struct {
		accept, mode string
		want         bool
	}{
		"a browser":                     {chrome, "navigate", true},
		"a browser without fetch data":  {chrome, "", true},
		"upper case":                    {"TEXT/HTML", "NAVIGATE", true},
		"with parameters":               {"text/html;level=1; Q=0.5, */*;q=0.1", "", true},
		"a fetch of a page":             {chrome, "cors", false},
		"a script of a page":            {"*/*", "no-cors", false},
		"nothing said":                  {"", "", false},
		"anything":                      {"*/*", "", false},
		"any text":                      {"text/*", "", false},
		"JSON":                          {"application/json", "", false},
		"a problem":                     {"application/problem+json", "", false},
		"both alike":                    {"application/json, text/html", "", false},
		"JSON rather":                   {"application/json, text/html;q=0.9", "", false},
		"HTML rather":                   {"text/html, application/json;q=0.9", "", true},
		"HTML refused":                  {"text/html;q=0, */*", "", false},
		"HTML refused, though it goes":  {"text/html;q=0", "navigate", false},
		"a weight that is none":         {"text/html;q=x", "", false},
		"a weight that is too large":    {"text/html;q=7", "", false},
		"a type that only looks alike":  {"application/x-text/html-not, text/htmlx", "", false},
		"a parameter that looks alike":  {`application/json;profile="text/html"`, "", false},
		"another kind with json inside": {"text/html, application/jsonlike", "", true},
	} {
		if got := AcceptsPage(c.accept, c.mode); got != c.want {
			t.Errorf("%s: Accept %q, mode %q: %v, want %v", name, c.accept, c.mode, got, c.want)
		}
	}
}
