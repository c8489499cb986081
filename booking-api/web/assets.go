package web

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"path"
	"regexp"
	"strings"

	"github.com/fairgate/fairgate/shared/platform/page"
)

// assets are the files of /static, each under a name with a hash of its contents,
// so that browsers may keep them for ever.
type assets struct {
	names     map[string]string         // "seats.js" → "seats.0f3a….js"
	documents map[string]*page.Document // by hashed name
}

var relativeImport = regexp.MustCompile(`(from |import\()"\./([a-z-]+\.js)"`)

func newAssets(sources ...fs.FS) (*assets, error) {
	a := &assets{names: map[string]string{}, documents: map[string]*page.Document{}}
	files, err := readAll(sources)
	if err != nil {
		return nil, err
	}
	for name := range files {
		if err := a.add(files, name); err != nil {
			return nil, err
		}
	}
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
			files[entry.Name()] = string(body)
		}
	}
	files["site.css"] = files["tokens.css"] + files["site.css"]
	delete(files, "tokens.css")
	return files, nil
}

// add names a file by its contents, after the files it imports.
func (a *assets) add(files map[string]string, name string) error {
	if a.names[name] != "" {
		return nil
	}
	body := files[name]
	for _, match := range relativeImport.FindAllStringSubmatch(body, -1) {
		if _, found := files[match[2]]; !found {
			return fmt.Errorf("assets: %s imports %s, which is not there", name, match[2])
		}
		if err := a.add(files, match[2]); err != nil {
			return err
		}
		body = strings.ReplaceAll(body, match[0], match[1]+`"./`+a.names[match[2]]+`"`)
	}
	sum := sha256.Sum256([]byte(body))
	extension := path.Ext(name)
	hashed := strings.TrimSuffix(name, extension) + "." + hex.EncodeToString(sum[:6]) + extension
	document, err := page.NewDocument(mime.TypeByExtension(extension), "", []byte(body))
	if err != nil {
		return err
	}
	a.names[name], a.documents[hashed] = hashed, document
	return nil
}

// url returns the address of a file, e.g. "/static/site.0123456789ab.css".
func (a *assets) url(name string) (string, error) {
	if a.names[name] == "" {
		return "", fmt.Errorf("no asset %q", name)
	}
	return "/static/" + a.names[name], nil
}
