package web

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"mime"
	"path"
	"slices"

	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/platform/page"
)

// assets are the files of /static/<version>/, where the version is a hash of all
// of them. Files keep their names, so the modules' relative imports lead from one
// to the next inside a version and no source text is ever rewritten.
type assets struct {
	version   string
	documents map[string]*page.Document // by file name
}

func newAssets(sources ...fs.FS) (*assets, error) {
	a := &assets{documents: map[string]*page.Document{}}
	files, err := readAll(sources)
	if err != nil {
		return nil, err
	}
	whole := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(whole, "%s %d\n%s", name, len(files[name]), files[name])
		document, err := page.NewDocument(mime.TypeByExtension(path.Ext(name)), "", []byte(files[name]))
		if err != nil {
			return nil, err
		}
		a.documents[name] = document
	}
	a.version = hex.EncodeToString(whole.Sum(nil)[:6])
	return a, nil
}

func readAll(sources []fs.FS) (map[string]string, error) {
	files := map[string]string{}
	for _, source := range sources {
		entries, err := fs.ReadDir(source, ".")
		if err != nil {
			return nil, fmt.Errorf("assets: %w", err)
		}
		for _, entry := range entries {
			body, err := fs.ReadFile(source, entry.Name())
			if err != nil {
				return nil, fmt.Errorf("assets: %w", err)
			}
			if _, twice := files[entry.Name()]; twice {
				return nil, fmt.Errorf("assets: two files are called %s", entry.Name())
			}
			files[entry.Name()] = string(body)
		}
	}
	files["site.css"] = files["tokens.css"] + files["site.css"]
	delete(files, "tokens.css")
	return files, nil
}

// url returns the address of a file, e.g. "/static/0123456789ab/site.css".
func (a *assets) url(name string) (string, error) {
	if a.documents[name] == nil {
		return "", fmt.Errorf("no asset %q", name)
	}
	return "/static/" + a.version + "/" + name, nil
}

// send answers GET /static/:version/:name. A page that another version of the
// service has sent still finds its files, as they are here, and asks again next time.
func (a *assets) send(c *fiber.Ctx) error {
	document := a.documents[c.Params("name")]
	if document == nil {
		return errs.ErrNotFound
	}
	if c.Params("version") != a.version {
		return document.Send(c, "no-cache")
	}
	return document.Send(c, "public, max-age=31536000, immutable")
}
