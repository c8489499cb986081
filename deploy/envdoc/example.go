package envdoc

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A Program is a service and where its Config struct is.
type Program struct {
	Name string
	Dir  string // below the project folder
}

// Programs are the services whose settings .env.example lists.
func Programs() []Program {
	return []Program{
		{"queue-gateway", "queue-gateway"},
		{"booking-api", "booking-api"},
		{"worker", "worker"},
	}
}

// entry is a setting with everybody who reads it.
type entry struct {
	Setting
	users    []string
	defaults []string // by user
}

const header = `# Every setting of the services, with its default. Set them in the environment;
# "make up" passes on the ones that are set. Written by "make env-example" from the
# Config structs: change those, not this file.
`

// Example returns the text of .env.example for the project in root.
func Example(root string) (string, error) {
	var entries []*entry
	byName := map[string]*entry{}
	var undocumented []error
	for _, program := range Programs() {
		settings, err := Read(root, program.Dir, "Config")
		if err != nil {
			return "", err
		}
		for _, s := range settings {
			if s.Doc == "" {
				undocumented = append(undocumented, fmt.Errorf("%s: %s has no comment that says what it is", program.Dir, s.Name))
			}
			e := byName[s.Name]
			if e == nil {
				e = &entry{Setting: s}
				byName[s.Name] = e
				entries = append(entries, e)
			}
			e.users, e.defaults = append(e.users, program.Name), append(e.defaults, s.Default)
		}
	}
	return render(entries), errors.Join(undocumented...)
}

// render groups the entries by who reads them, those of all first.
func render(entries []*entry) string {
	slices.SortStableFunc(entries, func(a, b *entry) int {
		if len(a.users) != len(b.users) {
			return len(b.users) - len(a.users)
		}
		return order(a.users) - order(b.users)
	})
	var text strings.Builder
	text.WriteString(header)
	group := ""
	for _, e := range entries {
		if users := strings.Join(e.users, ", "); users != group {
			group = users
			fmt.Fprintf(&text, "\n# ---- %s\n", group)
		}
		text.WriteString(e.lines())
	}
	return text.String()
}

// order ranks groups of the same size by their members.
func order(users []string) int {
	rank := 0
	for i, program := range Programs() {
		if !slices.Contains(users, program.Name) {
			rank += 1 << (len(Programs()) - 1 - i)
		}
	}
	return rank
}

func (e entry) lines() string {
	text := "\n# " + e.Doc + "\n"
	if same := slices.Compact(slices.Clone(e.defaults)); len(same) > 1 {
		var each []string
		for i, user := range e.users {
			each = append(each, user+" "+cmp.Or(e.defaults[i], "(none)"))
		}
		return text + "# defaults: " + strings.Join(each, ", ") + "\n#" + e.Name + "=\n"
	}
	switch {
	case e.Secret && e.Default != "":
		return text + "# (a development value is built in; production needs your own)\n#" + e.Name + "=\n"
	case e.Required:
		return text + "# (required)\n" + e.Name + "=\n"
	}
	return text + "#" + e.Name + "=" + e.Default + "\n"
}
