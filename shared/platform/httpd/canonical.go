package httpd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/fairgate/fairgate/shared/errs"
)

const (
	maxNesting = 32
	// largestWhole is how large a number may be: up to here every JSON library reads the
	// same one (RFC 8259 §6).
	largestWhole = 1<<53 - 1
)

// CanonicalJSON returns a JSON body as every reader understands it alike: numbers with
// a fraction of zero or an exponent are written as the whole numbers that they are, so
// that 10000.0 and 1e4 fit where an integer is asked for; 1.5 stays as it is. An empty
// body equals {}. The errors name the place. errs.ErrMalformedJSON: not one JSON value,
// not UTF-8, half a surrogate pair, a member that is there twice, nested too deeply.
// errs.ErrValidationFailed: the character NUL, a number beyond 2^53.
func CanonicalJSON(body []byte) ([]byte, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return []byte("{}"), nil
	}
	if err := CheckText(body); err != nil {
		return nil, err
	}
	if bytes.HasPrefix(body, []byte("\ufeff")) {
		return nil, errs.ErrMalformedJSON.WithMessage("The body begins with a byte order mark.")
	}
	if !json.Valid(body) {
		return nil, errs.ErrMalformedJSON
	}
	s := scan{rest: body, out: make([]byte, 0, len(body)+16)}
	if err := s.value(); err != nil {
		return nil, err
	}
	return s.out, nil
}

// scan copies valid JSON from rest to out.
type scan struct {
	rest, out []byte
	path      []step // to what is copied now
}

// step leads from a value to one in it: to a member of an object, or an element of an
// array.
type step struct {
	member  string
	element int
	isArray bool
}

// where names the place of what is copied now, such as "body.seats[2]". Only errors
// ask for it: to have it ready for every value would cost the square of the body's size.
func (s *scan) where() string {
	const longest = 200 // bytes; members may have names of any length
	text := "body"
	for _, step := range s.path {
		if step.isArray {
			text += "[" + strconv.Itoa(step.element) + "]"
		} else {
			text += "." + step.member
		}
		if len(text) > longest {
			return strings.ToValidUTF8(text[:longest], "") + "…"
		}
	}
	return text
}

// value copies the next value.
func (s *scan) value() error {
	if len(s.path) > maxNesting {
		return errs.ErrMalformedJSON.WithMessage("The body is nested more than %d levels deep.", maxNesting)
	}
	s.space()
	switch c := s.rest[0]; {
	case c == '{':
		return s.object()
	case c == '[':
		return s.array()
	case c == '"':
		_, err := s.text()
		return err
	case c == '-' || c >= '0' && c <= '9':
		return s.number()
	}
	s.copyWhile(func(c byte) bool { return c >= 'a' && c <= 'z' }) // true, false, null
	return nil
}

func (s *scan) object() error {
	seen := map[string]bool{}
	for s.next(); !s.ends('}'); {
		name, err := s.text()
		if err != nil {
			return err
		}
		if seen[name] {
			return errs.ErrMalformedJSON.WithMessage("%s has the member %q twice.", s.where(), shortened(name))
		}
		seen[name] = true
		s.space()
		s.next() // the colon
		if err := s.inside(step{member: name}); err != nil {
			return err
		}
	}
	s.next()
	return nil
}

func (s *scan) array() error {
	i := 0
	for s.next(); !s.ends(']'); i++ {
		if err := s.inside(step{element: i, isArray: true}); err != nil {
			return err
		}
	}
	s.next()
	return nil
}

// inside copies the value that a step leads to. After an error the path stays where
// that was.
func (s *scan) inside(to step) error {
	s.path = append(s.path, to)
	if err := s.value(); err != nil {
		return err
	}
	s.path = s.path[:len(s.path)-1]
	return nil
}

// ends passes over a comma and reports whether the object or array ends here.
func (s *scan) ends(end byte) bool {
	s.space()
	if s.rest[0] == ',' {
		s.next()
		s.space()
	}
	return s.rest[0] == end
}

// text copies a string and returns what it says.
func (s *scan) text() (string, error) {
	end := 1
	for s.rest[end] != '"' {
		if s.rest[end] == '\\' {
			end++
		}
		end++
	}
	raw := s.rest[:end+1]
	s.out, s.rest = append(s.out, raw...), s.rest[end+1:]
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1:end]), nil
	}
	if hasHalfPair(raw) {
		return "", errs.ErrMalformedJSON.WithMessage("%s has half a surrogate pair.", s.where())
	}
	var said string
	if err := json.Unmarshal(raw, &said); err != nil {
		return "", errs.ErrMalformedJSON.Because(err)
	}
	return said, nil
}

// hasHalfPair reports whether a valid string literal escapes a surrogate without its
// other half; libraries differ in what they make of it.
func hasHalfPair(raw []byte) bool {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		i++
		if raw[i] != 'u' {
			continue
		}
		first := rune(hex4(raw[i+1:]))
		i += 4
		if !utf16.IsSurrogate(first) {
			continue
		}
		if !bytes.HasPrefix(raw[i+1:], []byte(`\u`)) || utf16.DecodeRune(first, rune(hex4(raw[i+3:]))) == '\ufffd' {
			return true
		}
		i += 6
	}
	return false
}

func hex4(digits []byte) uint64 {
	n, _ := strconv.ParseUint(string(digits[:4]), 16, 16) // valid JSON
	return n
}

// number copies a number, a whole one as an integer.
func (s *scan) number() error {
	end := bytes.IndexFunc(s.rest, func(c rune) bool { return !strings.ContainsRune("+-.eE0123456789", c) })
	if end < 0 {
		end = len(s.rest)
	}
	text := wholeNumber(string(s.rest[:end]))
	if n, err := strconv.ParseFloat(text, 64); err != nil || n > largestWhole || n < -largestWhole {
		return errs.ErrValidationFailed.WithField(s.where(), fmt.Sprintf("must be between -%d and %d", largestWhole, largestWhole))
	}
	s.out, s.rest = append(s.out, text...), s.rest[end:]
	return nil
}

// wholeNumber rewrites a JSON number with a fraction or an exponent as an integer, if
// it is one of at most 20 digits; others are returned as they are.
func wholeNumber(text string) string {
	digits, sign := strings.TrimPrefix(text, "-"), ""
	if len(digits) < len(text) {
		sign = "-"
	}
	mantissa, exponent, hasExponent := strings.Cut(strings.ToLower(digits), "e")
	whole, fraction, hasFraction := strings.Cut(mantissa, ".")
	if !hasExponent && !hasFraction {
		return text
	}
	fraction = strings.TrimRight(fraction, "0")
	all := strings.TrimLeft(whole+fraction, "0")
	if all == "" {
		return "0"
	}
	// The number is all · 10^power.
	power := -len(fraction)
	if hasExponent {
		shift, err := strconv.Atoi(exponent)
		if err != nil || shift > 1000 || shift < -1000 {
			return text
		}
		power += shift
	}
	for power < 0 && strings.HasSuffix(all, "0") {
		all, power = all[:len(all)-1], power+1
	}
	if power < 0 || len(all)+power > 20 {
		return text
	}
	return sign + all + strings.Repeat("0", power)
}

func (s *scan) next() { s.out, s.rest = append(s.out, s.rest[0]), s.rest[1:] }

func (s *scan) space() {
	s.copyWhile(func(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' })
}

func (s *scan) copyWhile(is func(byte) bool) {
	end := 0
	for end < len(s.rest) && is(s.rest[end]) {
		end++
	}
	s.out, s.rest = append(s.out, s.rest[:end]...), s.rest[end:]
}

// shortened keeps what a caller wrote out of an error beyond what names it.
func shortened(name string) string {
	const longest = 100 // bytes
	if len(name) <= longest {
		return name
	}
	return strings.ToValidUTF8(name[:longest], "") + "…"
}
