package arch

import (
	"fmt"
	"slices"
	"strings"
)

// checkStale returns a line for each entry of the lists of exceptions that excuses nothing
// any more: what it named was mended, renamed or removed, and something new of that name
// would be excused unseen.
func checkStale(sources []source) []string {
	none := map[string]string{}
	var typed, cleared []string
	for _, s := range sources {
		typed = append(typed, typedNilsBut(none, s)...)
	}
	cleared = append(cleared, moneyBut(none, sources)...)
	return slices.Concat(
		stale("openGuards", openGuards(), guardsBut(none, sources)),
		stale("typedNils", typedNils(), typed),
		stale("exceptions", exceptions(), globalsBut(none, sources)),
		stale("textsRead", textsRead(), textsBut(none, sources)),
		stale("soundSums", soundSums(), cleared),
	)
}

// stale compares the entries of a list, "file name", with what its rule finds without it.
func stale(list string, entries map[string]string, found []string) []string {
	var violations []string
	for entry := range entries {
		file, name, _ := strings.Cut(entry, " ")
		excuses := slices.ContainsFunc(found, func(violation string) bool {
			rest, inFile := strings.CutPrefix(violation, file+":")
			return inFile && slices.Contains(strings.FieldsFunc(rest, func(r rune) bool { return strings.ContainsRune(" :,;", r) }), name)
		})
		if !excuses {
			violations = append(violations, fmt.Sprintf("%s: the entry %q excuses nothing: remove it (deploy/arch)", list, entry))
		}
	}
	slices.Sort(violations)
	return violations
}
