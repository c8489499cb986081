package text

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// ErrPassword is what is wrong with the characters of a password.
var ErrPassword = errors.New("must be UTF-8 without control characters")

// Password returns what is hashed of a new password, as RFC 8265 prepares it
// (OpaqueString): NFC, every space U+0020, case and width as typed. Two keyboards that
// compose one word differently make the same of it.
func Password(s string) (string, error) {
	if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return "", ErrPassword
	}
	return prepared(s), nil
}

// PasswordForms returns what to try of a password somebody types, one form or two: as
// Password prepares it; and as a hash may have been made of it before passwords were
// prepared: as it was typed or, if it was typed composed, decomposed. How many there
// are depends on s alone, so that the time it takes to try them tells nothing.
func PasswordForms(s string) []string {
	normal, former := prepared(s), s
	if former == normal {
		former = norm.NFD.String(s)
	}
	if former == normal {
		return []string{normal}
	}
	return []string{normal, former}
}

func prepared(s string) string {
	return norm.NFC.String(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Zs, r) {
			return ' '
		}
		return r
	}, s))
}
