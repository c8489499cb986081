package arch

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

var (
	formTag   = regexp.MustCompile(`(?is)<form\b([^>]*)>(.*?)(</form>|$)`)
	fieldTag  = regexp.MustCompile(`(?is)<(input|select|textarea|button)\b([^>]*)>`)
	attribute = regexp.MustCompile(`(?is)\b([a-z-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')`)
	action    = regexp.MustCompile(`(?s)\{\{.*?\}\}`) // of a template; may hold < and >
)

// inAddress are the fields that a form may put into an address: what anybody may see
// in a log, a history or a link that is passed on.
func inAddress() []string { return []string{"q", "category", "lang", "showtime", "cursor"} }

// checkForms returns a line for each form, in any page below root or in the source
// that makes one, that could put what is secret into an address. A form without a
// method is sent as part of the address, also one whose script means to send it
// otherwise: the script may come late, or never.
func checkForms(root string) (violations []string, forms int, err error) {
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if path != root && isForeign(entry.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		if !holdsForms(path) {
			return nil
		}
		text, err := os.ReadFile(path) //nolint:gosec // a file of our own tree
		if err != nil {
			return err
		}
		below, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		for _, form := range formTag.FindAllStringSubmatch(action.ReplaceAllString(string(text), "x"), -1) {
			forms++
			for _, fault := range formFaults(attributes(form[1]), form[2]) {
				violations = append(violations, fmt.Sprintf("%s: %s: %s", filepath.ToSlash(below), "<form"+form[1]+">", fault))
			}
		}
		return nil
	})
	return violations, forms, err
}

// holdsForms: pages, and sources that may write them.
func holdsForms(path string) bool {
	switch filepath.Ext(path) {
	case ".html", ".js", ".tmpl":
		return true
	case ".go":
		return !strings.HasSuffix(path, "_test.go") && filepath.Base(filepath.Dir(path)) != "arch"
	}
	return false
}

func formFaults(form map[string]string, inside string) []string {
	method := strings.ToLower(form["method"])
	var faults []string
	switch method {
	case "post", "dialog":
	case "get":
		faults = append(faults, fieldFaults(inside)...)
	default:
		faults = append(faults, `its method is not written out: "post", "dialog" (sends nothing) or "get"`)
	}
	for _, field := range fieldTag.FindAllStringSubmatch(inside, -1) {
		if strings.EqualFold(attributes(field[2])["formmethod"], "get") {
			faults = append(faults, "a button sends it as part of an address")
		}
	}
	return faults
}

// fieldFaults are the fields that a form sent by GET has and must not have.
func fieldFaults(inside string) []string {
	var faults []string
	for _, field := range fieldTag.FindAllStringSubmatch(inside, -1) {
		given := attributes(field[2])
		if name := given["name"]; name != "" && !slices.Contains(inAddress(), name) || strings.EqualFold(given["type"], "password") {
			faults = append(faults, fmt.Sprintf("%q would be part of an address", name))
		}
	}
	return faults
}

func attributes(tag string) map[string]string {
	found := map[string]string{}
	for _, match := range attribute.FindAllStringSubmatch(tag, -1) {
		found[strings.ToLower(match[1])] = match[2] + match[3]
	}
	return found
}
