// Package page is what the pages of all services have in common: the stylesheet
// of tokens, the browser modules several pages use, message catalogues with
// language negotiation, and documents that are compressed once and served with
// an ETag and a strict Content-Security-Policy.
package page

import (
	"embed"
	"io/fs"
)

//go:embed static
var embedded embed.FS

// Static holds tokens.css and the browser modules shared by all pages, at its root.
func Static() fs.FS {
	sub, err := fs.Sub(embedded, "static")
	if err != nil {
		panic(err) // only an invalid name could fail, and this one is constant
	}
	return sub
}
