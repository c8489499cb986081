package text_test

import (
	"errors"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"github.com/fairgate/fairgate/shared/text"
)

func TestLine(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"":                     "",
		" 김\u00a0\u3000하늘\t":   "김 하늘",
		norm.NFD.String("파란밤"): "파란밤",
		"e\u0301":              "é",
		"㈜ 하늘":                 "㈜ 하늘",
		"ｱﾊ":                   "ｱﾊ",
		"नमस्ते":               "नमस्ते",
		"O'Brien-Łukasz 3세":    "O'Brien-Łukasz 3세",
		"a  b":                 "a b",
	} {
		if got, err := text.Line(given); got != want || err != nil {
			t.Errorf("%+q: %+q, %v; want %+q", given, got, err, want)
		}
	}
	for given, want := range map[string]error{
		"a\x00b": text.ErrControl, "a\nb": text.ErrControl, "a\u0085b": text.ErrControl, "a\x7f": text.ErrControl,
		"a\u200bb": text.ErrInvisible, "a\u200d": text.ErrInvisible, "\ufeffa": text.ErrInvisible, "a\u00adb": text.ErrInvisible,
		"\u202eabc": text.ErrInvisible, "a\u2066b": text.ErrInvisible, "a\u2028b": text.ErrInvisible, "a\U000e0041": text.ErrInvisible,
		"\u3164": text.ErrInvisible, "\u115f": text.ErrInvisible, "\u1160": text.ErrInvisible, "\uffa0": text.ErrInvisible, "\u2800": text.ErrInvisible,
		"a\ue000": text.ErrUnknown, "a\u0378": text.ErrUnknown, "a\uffff": text.ErrUnknown, "a\ufffd": text.ErrUnknown,
		"\u0301a": text.ErrDangling, "a\xff": text.ErrEncoding, "\xed\xa0\x80": text.ErrEncoding,
	} {
		if got, err := text.Line(given); !errors.Is(err, want) {
			t.Errorf("%+q: %+q, %v; want %v", given, got, err, want)
		}
	}
}

func TestNote(t *testing.T) {
	t.Parallel()
	const family = "👨\u200d👩\u200d👧 ❤\ufe0f"
	given := " 일정\t변경\r\n" + norm.NFD.String("가족") + "  " + family + "\u2028끝\n\n"
	if got, err := text.Note(given); got != "일정 변경\n가족 "+family+"\n끝" || err != nil {
		t.Errorf("%+q, %v", got, err)
	}
	for _, given := range []string{"a\x00", "\u202eabc", "a\u200bb", "\u3164", "\x1b[31m"} {
		if got, err := text.Note(given); err == nil {
			t.Errorf("%+q: %+q, want it refused", given, got)
		}
	}
}

func TestQuery(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		norm.NFD.String("파란밤") + " ": "파란밤", "\u3000파란밤\u00a0": "파란밤", "파\u200b란\u202e밤\x00": "파란밤",
		"a\n b": "a b", "\u3164": "", "a\xffb": "ab",
		// What is dropped must not keep apart what composes.
		"ㄱ\u200b": "ㄱ", "e\u200b\u0301": "é",
	} {
		if got := text.Query(given); got != want {
			t.Errorf("%+q: %+q, want %+q", given, got, want)
		}
	}
}

func TestEmail(t *testing.T) {
	t.Parallel()
	local, label := strings.Repeat("a", 64), strings.Repeat("b", 63)
	for given, want := range map[string]string{
		" Fan+1@Example.TEST ":             "fan+1@example.test",
		"fan@한국.test":                      "fan@xn--3e0b707e.test",
		norm.NFD.String("fan@한국.test"):     "fan@xn--3e0b707e.test",
		"fan@BÜCHER.example":               "fan@xn--bcher-kva.example",
		local + "@b.test":                  local + "@b.test",
		"a@" + label + "." + label + ".kr": "a@" + label + "." + label + ".kr",
		"o'neil.x!#$%&*+/=?^_`{|}~-@b.kr":  "o'neil.x!#$%&*+/=?^_`{|}~-@b.kr",
	} {
		if got, err := text.Email(given); got != want || err != nil {
			t.Errorf("%q: %q, %v; want %q", given, got, err, want)
		}
	}
	for _, given := range []string{
		"", "nobody", "@b.test", "a@", "a@b", "a@b.test.", "a@.test", "a@b..test", "a@-b.test", "a@b_c.test", "a@127.0.0.1", "a@[127.0.0.1]",
		".a@b.test", "a.@b.test", "a..b@b.test", `"a b"@b.test`, "a b@b.test", "a@b@c.test", "a\x00@b.test", "a\u202e@b.test", "а@b.test", "한글@b.test",
		"A <a@b.test>", "a@b.test, b@b.test", "a@b.test\r\nBcc: c@b.test", local + "a@b.test", "a@" + label + "b.test",
		strings.Repeat("a", 64) + "@" + strings.Repeat(label+".", 3) + "kr", "a@b\u200b.test\xff",
	} {
		if got, err := text.Email(given); err == nil {
			t.Errorf("%q: %q, want it refused", given, got)
		}
	}
}

func TestEmailForms(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"Fan@B.test": "fan@b.test", "fan@한국.test": "fan@xn--3e0b707e.test fan@한국.test", "FAN@XN--3e0b707e.test": "fan@xn--3e0b707e.test fan@한국.test",
		"팬@b.test": "팬@b.test", "nobody": "", "@": "@", "a\x00@b.test": "", "": "", "@" + strings.Repeat("a", 254): "",
	} {
		if got := strings.Join(text.EmailForms(given), " "); got != want {
			t.Errorf("%+q: %q, want %q", given, got, want)
		}
	}
}

// TestNormalisingTwiceChangesNothing holds for any text at all; so does what is promised
// of what comes out.
func TestNormalisingTwiceChangesNothing(t *testing.T) {
	t.Parallel()
	characters := rapid.OneOf(rapid.Rune(), rapid.SampledFrom([]rune{' ', '\t', '\u3000', '\u200b', '\u202e', '\u3164', 'ᄀ', 'ᅡ', 'ᆨ', '\u0301', 'e', '\x00', '.', '@', 'İ', 'ß'}))
	words := rapid.StringOf(characters)
	rapid.Check(t, func(t *rapid.T) {
		given := words.Draw(t, "text")
		for name, normal := range map[string]func(string) (string, error){
			"line": text.Line, "note": text.Note, "email": text.Email, "password": text.Password,
			"query": func(s string) (string, error) { return text.Query(s), nil },
		} {
			once, err := normal(given)
			if err != nil {
				continue
			}
			again, err := normal(once)
			if err != nil || again != once || !norm.NFC.IsNormalString(once) || strings.ContainsRune(once, 0) {
				t.Fatalf("%s of %+q: %+q, then %+q, %v", name, given, once, again, err)
			}
			if composed, err := normal(norm.NFD.String(given)); err == nil && composed != once {
				t.Fatalf("%s of %+q: %+q, decomposed %+q", name, given, once, composed)
			}
		}
	})
}

func TestPasswordForms(t *testing.T) {
	t.Parallel()
	composed, decomposed := norm.NFC.String("é가-1"), norm.NFD.String("é가-1")
	for given, want := range map[string][]string{
		"Secret-1": {"Secret-1"}, composed: {composed, decomposed}, decomposed: {composed, decomposed},
		"a\u3000b": {"a b", "a\u3000b"},
	} {
		got := text.PasswordForms(given)
		if strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("%+q: %+q, want %+q", given, got, want)
		}
	}
	if _, err := text.Password("a\x00"); err == nil {
		t.Error("a control character is taken")
	}
}

func TestToldCanBeKept(t *testing.T) {
	t.Parallel()
	got := text.Told("550 \x00no\xff such\u202e user\n"+strings.Repeat("가", 50), 20)
	if got != "550 no such user 가가가" || strings.ContainsFunc(got, unicode.IsControl) {
		t.Errorf("%+q", got)
	}
}
