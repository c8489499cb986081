package page

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

const maxNext = 2000 // bytes of an address to come back to

// Next returns the address of this site that asked names, or "" when it names
// anything else. What it returns is safe in a Location header, a link and a form: a
// browser, and a proxy that decodes or cleans paths, stays on this site with it.
//
// It is stricter than a URL parser on purpose, because parsers disagree: what begins
// with one slash and has no backslash, control character, space or non-ASCII letter,
// and whose path has no empty or dot segment, encoded slash or twice-encoded
// character. The browser's twin of it is static/next.js; both are held to
// testdata/next.json.
func Next(asked string) string {
	if len(asked) == 0 || len(asked) > maxNext || asked[0] != '/' {
		return ""
	}
	for i := range len(asked) {
		if c := asked[i]; c <= ' ' || c > '~' || strings.IndexByte("\\\"<>`", c) >= 0 {
			return ""
		}
	}
	path := asked
	if end := strings.IndexAny(asked, "?#"); end >= 0 {
		path = asked[:end]
	}
	if !plainPath(path) {
		return ""
	}
	return asked
}

// plainPath reports whether path means the same to everyone who reads it.
func plainPath(path string) bool {
	decoded, err := url.PathUnescape(path)
	if err != nil || !utf8.ValidString(decoded) || strings.ContainsAny(decoded, "\\%") || strings.ContainsFunc(decoded, isControl) {
		return false
	}
	if strings.Count(decoded, "/") != strings.Count(path, "/") { // a slash was encoded
		return false
	}
	segments := strings.Split(decoded[1:], "/")
	for i, segment := range segments {
		last := i == len(segments)-1
		if segment == "." || segment == ".." || segment == "" && !last {
			return false
		}
	}
	return true
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }
