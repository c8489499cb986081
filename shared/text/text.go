package text

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// What is wrong with a text, in words that follow the name of its field.
var (
	ErrEncoding  = errors.New("must be UTF-8")
	ErrControl   = errors.New("must not have control characters")
	ErrInvisible = errors.New("must not have invisible characters")
	ErrUnknown   = errors.New("must not have characters without a meaning")
	ErrDangling  = errors.New("must not begin with a combining mark")
	ErrToken     = errors.New("must be printable ASCII characters without spaces")
)

// Line returns a text of one line: NFC, runs of spaces folded to one U+0020, none at the
// ends. It refuses what shows as nothing or turns text around (zero-width characters,
// bidirectional controls, fillers), control characters, and what has no meaning
// (unassigned, private use, U+FFFD). An empty text stays empty.
func Line(s string) (string, error) {
	if !utf8.ValidString(s) {
		return "", ErrEncoding
	}
	s = norm.NFC.String(strings.TrimSpace(s))
	if err := check(s, func(rune) bool { return false }); err != nil {
		return "", err
	}
	return foldSpaces(s), nil
}

// Note returns a text that somebody wrote: as Line, but it may have line breaks, which
// come back as \n, tabs, which come back as a space, and the joiners and variation
// selectors that some scripts and emoji are written with.
func Note(s string) (string, error) {
	if !utf8.ValidString(s) {
		return "", ErrEncoding
	}
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n", "\t", " ").Replace(s)
	s = norm.NFC.String(strings.TrimSpace(s))
	if err := check(s, func(r rune) bool { return r == '\n' || isJoiner(r) }); err != nil {
		return "", err
	}
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = foldSpaces(line)
	}
	return strings.Join(lines, "\n"), nil
}

// Query returns what somebody searches for: NFC, without what cannot be seen, spaces
// folded and trimmed. It refuses nothing: who searches is shown what is found.
func Query(s string) string {
	seen := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == utf8.RuneError, unicode.IsControl(r), isInvisible(r), !isAssigned(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	return foldSpaces(norm.NFC.String(seen))
}

// Token returns s if it is what our ids, keys and cursors consist of: printable ASCII
// without spaces. There is only one way to write it.
func Token(s string) (string, error) {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return "", ErrToken
		}
	}
	return s, nil
}

// Told returns what another program says, such as a provider's message: Query, at most
// most characters of it. It can always be stored.
func Told(s string, most int) string {
	runes := []rune(Query(s))
	return string(runes[:min(len(runes), most)])
}

// check returns what is wrong with a text in NFC; the characters that pass allows are
// not looked at.
func check(s string, pass func(rune) bool) error {
	for i, r := range s {
		switch {
		case pass(r):
		case unicode.IsControl(r):
			return ErrControl
		case isInvisible(r):
			return ErrInvisible
		case r == utf8.RuneError || !isAssigned(r):
			return ErrUnknown
		case i == 0 && unicode.IsMark(r):
			return ErrDangling
		}
	}
	return nil
}

// isAssigned reports whether r is a letter, mark, number, sign, symbol or space.
func isAssigned(r rune) bool {
	return unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Zs)
}

// brailleBlank is a symbol with no dots.
const brailleBlank = '\u2800'

// isInvisible reports whether r shows as nothing, or only changes how others show:
// format characters (zero width, bidirectional), Hangul and other fillers, variation
// selectors.
func isInvisible(r rune) bool {
	return r == brailleBlank || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// isJoiner reports whether r joins or varies what stands beside it.
func isJoiner(r rune) bool {
	return r == '\u200c' || r == '\u200d' || unicode.Is(unicode.Variation_Selector, r)
}

// foldSpaces makes one U+0020 of each run of spaces and trims the ends.
func foldSpaces(s string) string {
	return strings.Join(strings.FieldsFunc(s, unicode.IsSpace), " ")
}
