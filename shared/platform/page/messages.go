package page

import (
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/gofiber/fiber/v2"
)

// Messages are the texts of some pages, one catalogue per language. All
// catalogues have the same keys; the first language is the default.
type Messages struct {
	languages []string
	texts     map[string]map[string]string // language → key → text
}

// LoadMessages reads <dir>/<language>.json for each language and fails unless
// all have the same keys and the same placeholders in each text.
func LoadMessages(files fs.FS, dir string, languages ...string) (*Messages, error) {
	m := &Messages{languages: languages, texts: map[string]map[string]string{}}
	for _, language := range languages {
		raw, err := fs.ReadFile(files, path.Join(dir, language+".json"))
		if err != nil {
			return nil, fmt.Errorf("messages: %w", err)
		}
		texts := map[string]string{}
		if err := json.Unmarshal(raw, &texts); err != nil {
			return nil, fmt.Errorf("messages %s: %w", language, err)
		}
		m.texts[language] = texts
	}
	return m, m.check()
}

func (m *Messages) check() error {
	first := m.texts[m.languages[0]]
	for _, language := range m.languages[1:] {
		other := m.texts[language]
		for key, text := range first {
			translated, found := other[key]
			if !found {
				return fmt.Errorf("messages %s: %q is missing", language, key)
			}
			if a, b := placeholders(text), placeholders(translated); !slices.Equal(a, b) {
				return fmt.Errorf("messages %s: %q has placeholders %v, not %v", language, key, b, a)
			}
		}
		for key := range other {
			if _, found := first[key]; !found {
				return fmt.Errorf("messages %s: %q is in no other language", language, key)
			}
		}
	}
	return nil
}

func placeholders(text string) []string {
	var names []string
	for {
		_, rest, found := strings.Cut(text, "{")
		if !found {
			break
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			break
		}
		names, text = append(names, name), after
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Languages returns the languages in order, the default first.
func (m *Messages) Languages() []string { return m.languages }

// Has reports whether language has a catalogue.
func (m *Messages) Has(language string) bool { return m.texts[language] != nil }

// Texts returns a copy of the texts of language whose key begins with one of the
// prefixes; without prefixes, all of them.
func (m *Messages) Texts(language string, prefixes ...string) map[string]string {
	all := maps.Clone(m.texts[language])
	if len(prefixes) == 0 {
		return all
	}
	maps.DeleteFunc(all, func(key, _ string) bool {
		return !slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(key, p) })
	})
	return all
}

// Text returns the text of key in language with {name} replaced by the values
// given as name, value, name, value… An unknown key gives the key itself.
func (m *Messages) Text(language, key string, values ...any) string {
	text, found := m.texts[language][key]
	if !found {
		return key
	}
	pairs := make([]string, 0, len(values))
	for i := 0; i+1 < len(values); i += 2 {
		pairs = append(pairs, fmt.Sprintf("{%v}", values[i]), fmt.Sprint(values[i+1]))
	}
	// All at once: a value that looks like a placeholder, such as a title, stays as it is.
	return strings.NewReplacer(pairs...).Replace(text)
}

// DataLanguage is the lang attribute of data on a page: of Korean text on a page of
// another language, so that it is read out right, else nothing.
func DataLanguage(language, text string) template.HTMLAttr {
	if language == "ko" || !strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Hangul, r) }) {
		return ""
	}
	return ` lang="ko"`
}

// Choose returns the language of a request: ?lang= if it is one of ours (then
// explicit is true), else the best match of Accept-Language, else the default.
func (m *Messages) Choose(c *fiber.Ctx) (language string, explicit bool) {
	if asked := c.Query("lang"); m.Has(asked) {
		return strings.Clone(asked), true
	}
	return m.Negotiate(c.Get(fiber.HeaderAcceptLanguage)), false
}

// Negotiate returns the language that an Accept-Language header prefers; regions
// and scripts are ignored. A header that names only other languages gets English,
// if there is it; one that names none gets the default.
func (m *Messages) Negotiate(header string) string {
	if best := Preferred(header, m.languages...); best != "" {
		return best
	}
	if m.Has("en") && namesLanguage(header) {
		return "en"
	}
	return m.languages[0]
}

// Preferred returns the one of languages that an Accept-Language header prefers,
// the first for "*", or "" when it names none of them.
func Preferred(header string, languages ...string) string {
	best, bestQuality := "", 0.0
	for item := range strings.SplitSeq(header, ",") {
		tag, quality := parsePreference(item)
		if quality <= bestQuality {
			continue
		}
		if tag == "*" {
			best, bestQuality = languages[0], quality
			continue
		}
		if i := slices.Index(languages, tag); i >= 0 {
			best, bestQuality = languages[i], quality
		}
	}
	return best
}

func namesLanguage(header string) bool {
	for item := range strings.SplitSeq(header, ",") {
		if tag, quality := parsePreference(item); tag != "" && quality > 0 {
			return true
		}
	}
	return false
}

func parsePreference(item string) (language string, quality float64) {
	tag, parameters, weighted := strings.Cut(strings.TrimSpace(item), ";")
	language, _, _ = strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
	if !weighted {
		return language, 1
	}
	value, isQuality := strings.CutPrefix(strings.TrimSpace(parameters), "q=")
	quality, err := strconv.ParseFloat(value, 64)
	if !isQuality || err != nil || quality < 0 || quality > 1 {
		return language, 0
	}
	return language, quality
}
