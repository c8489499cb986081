package page

import (
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"strings"
)

// A data block (type="application/json") is not run, so it needs no hash.
var (
	inlineScript = regexp.MustCompile(`(?s)<script(?: type="module")?>(.*?)</script>`)
	inlineStyle  = regexp.MustCompile(`(?s)<style>(.*?)</style>`)
)

// Policy returns the Content-Security-Policy of a page: everything from this
// origin only, and inline scripts and styles only those that html contains, by
// hash. extraScripts are origins whose scripts and frames the page may load.
func Policy(html []byte, extraScripts ...string) string {
	others := ""
	if len(extraScripts) > 0 {
		others = " " + strings.Join(extraScripts, " ")
	}
	frames := "'none'"
	if others != "" {
		frames = strings.TrimSpace(others)
	}
	return "default-src 'none'" +
		"; script-src 'self'" + hashes(inlineScript, html) + others +
		"; style-src 'self'" + hashes(inlineStyle, html) +
		"; img-src 'self' data:" +
		"; connect-src 'self'" + others +
		"; frame-src " + frames +
		"; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}

func hashes(element *regexp.Regexp, html []byte) string {
	var b strings.Builder
	for _, match := range element.FindAllSubmatch(html, -1) {
		sum := sha256.Sum256(match[1])
		b.WriteString(" 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'")
	}
	return b.String()
}
