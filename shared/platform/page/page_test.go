package page

import (
	"strings"
	"testing"
	"testing/fstest"
)

func catalogues(ko, en string) fstest.MapFS {
	return fstest.MapFS{"m/ko.json": {Data: []byte(ko)}, "m/en.json": {Data: []byte(en)}}
}

func TestCataloguesMustMatch(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, ko, en, fault string }{
		{"same", `{"a":"{n}명"}`, `{"a":"{n} people"}`, ""},
		{"missing", `{"a":"x","b":"y"}`, `{"a":"x"}`, `"b" is missing`},
		{"extra", `{"a":"x"}`, `{"a":"x","b":"y"}`, `"b" is in no other`},
		{"placeholder", `{"a":"{n}명"}`, `{"a":"{m} people"}`, "placeholders"},
		{"not JSON", `{`, `{}`, "unexpected end"},
	} {
		_, err := LoadMessages(catalogues(test.ko, test.en), "m", "ko", "en")
		if (err == nil) != (test.fault == "") || err != nil && !strings.Contains(err.Error(), test.fault) {
			t.Errorf("%s: %v, want %q", test.name, err, test.fault)
		}
	}
}

func TestNegotiate(t *testing.T) {
	t.Parallel()
	m, err := LoadMessages(catalogues(`{}`, `{}`), "m", "ko", "en")
	if err != nil {
		t.Fatal(err)
	}
	for header, want := range map[string]string{
		"": "ko", "en": "en", "EN-us": "en", "fr": "en", "ja-JP,ja;q=0.9": "en", "ja, ko;q=0.1": "ko", "fr, en;q=0.2": "en", "ko;q=0.4, en;q=0.8": "en",
		"*": "ko", "en;q=0": "ko", "en;q=abc": "ko", "en;q=2": "ko", ",,;;": "ko",
	} {
		if got := m.Negotiate(header); got != want {
			t.Errorf("%q: %s, want %s", header, got, want)
		}
	}
}

func TestTextFillsPlaceholders(t *testing.T) {
	t.Parallel()
	m, err := LoadMessages(catalogues(`{"a":"{n}명, {m}분"}`, `{"a":"{m} {n}"}`), "m", "ko", "en")
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Text("ko", "a", "n", 3, "m", "7"); got != "3명, 7분" {
		t.Errorf("got %q", got)
	}
	if got := m.Text("ko", "a", "n", "{m}", "m", 7); got != "{m}명, 7분" {
		t.Errorf("a value was read as a placeholder: %q", got)
	}
	if got := m.Text("ko", "unknown"); got != "unknown" {
		t.Errorf("unknown key: %q", got)
	}
}

func TestPolicyHashesOnlyWhatRuns(t *testing.T) {
	t.Parallel()
	data := `<script type="application/json" id="data">{}</script>`
	plain := Policy([]byte(data))
	if strings.Contains(plain, "sha256") || strings.Contains(plain, "unsafe") {
		t.Errorf("a data block is hashed: %s", plain)
	}
	with := Policy([]byte(data+`<script type="module">a()</script><style>b{}</style>`), "https://pay.example")
	if strings.Count(with, "sha256-") != 2 || !strings.Contains(with, "script-src 'self' 'sha256-") || !strings.Contains(with, "https://pay.example") {
		t.Errorf("policy %s", with)
	}
}
