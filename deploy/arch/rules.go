package arch

import (
	"fmt"
	"slices"
)

// A rule judges each import of each file that is not a test.
type rule struct {
	name    string
	reason  string
	applies func(from place) bool
	allows  func(from place, imported string) bool
}

func rules() []rule {
	return []rule{
		{
			name:    "ring 0 imports the standard library only",
			reason:  "everybody imports the vocabulary, so it must cost and know nothing",
			applies: place.isRing0,
			allows: func(from place, imported string) bool {
				return isStandard(imported) || leadsTo(imported, place.isRing0) ||
					(from.room == "text" && slices.Contains(textTables(), imported))
			},
		},
		{
			name:    "nouns import the standard library and ring 0",
			reason:  "the business must not know how it is stored, sent or served; one that needs another noun declares an interface",
			applies: place.isNoun,
			allows: func(from place, imported string) bool {
				return isStandard(imported) || leadsTo(imported, place.isRing0) || leadsTo(imported, from.mayUseNoun) ||
					(from.room == "queue" && imported == "github.com/golang-jwt/jwt/v5")
			},
		},
		{
			name:    "adapters import their noun, ring 0 and platform",
			reason:  "a store that knows other nouns ties them together behind their backs",
			applies: place.isAdapter,
			allows: func(from place, imported string) bool {
				return !isOurs(imported) || leadsTo(imported, place.isRing0) || leadsTo(imported, isPlatform) ||
					leadsTo(imported, func(to place) bool {
						return to.inNoun() && (to.room == from.room || slices.Contains(nouns()[from.room], to.room))
					})
			},
		},
		{
			name:    "platform and schema import no noun",
			reason:  "the ground must carry any noun, so it can know none",
			applies: func(from place) bool { return isPlatform(from) || (from.isShared() && from.room == "schema") },
			allows: func(_ place, imported string) bool {
				return !isOurs(imported) || leadsTo(imported, func(to place) bool { return to.isShared() && !to.inNoun() })
			},
		},
		{
			name:    "shared imports no service",
			reason:  "services are doors into shared, never the reverse",
			applies: place.isShared,
			allows: func(_ place, imported string) bool {
				return !isOurs(imported) || leadsTo(imported, place.isShared)
			},
		},
		{
			name:    "services do not import each other",
			reason:  "they are deployed apart and talk over the network",
			applies: place.isService,
			allows: func(from place, imported string) bool {
				return !isOurs(imported) || leadsTo(imported, func(to place) bool { return to.isShared() || to.module == from.module })
			},
		},
		{
			name:    "only a service's root package chooses adapters",
			reason:  "doors speak to nouns; what stands behind them is wired in one place that reads from top to bottom",
			applies: place.isService,
			allows: func(from place, imported string) bool {
				return !leadsTo(imported, place.isAdapter) || from.inner == "" || from.isCommand()
			},
		},
		{
			name:    "the load test imports nothing of ours",
			reason:  "a judge that shares code with the accused shares its errors",
			applies: func(from place) bool { return from.module == "loadtest" },
			allows: func(_ place, imported string) bool {
				return !isOurs(imported) || leadsTo(imported, func(to place) bool { return to.module == "loadtest" })
			},
		},
	}
}

// textTables are the tables of Unicode that the standard library lacks: packages of the
// Go project, which import nothing else.
func textTables() []string {
	return []string{"golang.org/x/net/idna", "golang.org/x/text/unicode/norm"}
}

func isOurs(imported string) bool { _, ok := ours(imported); return ok }

// leadsTo reports whether an import is a package of ours in a place that matches.
func leadsTo(imported string, matches func(place) bool) bool {
	dir, ok := ours(imported)
	return ok && matches(placeOf(dir))
}

func isPlatform(p place) bool { return p.isShared() && p.room == "platform" }

// mayUseNoun reports whether the noun p may import to, itself a noun.
func (p place) mayUseNoun(to place) bool {
	return to.isNoun() && slices.Contains(nouns()[p.room], to.room)
}

// checkImports returns a line for each import that breaks a rule.
func checkImports(sources []source) []string {
	var violations []string
	for _, s := range sources {
		if s.isTest() {
			continue
		}
		from := placeOf(s.dir())
		for _, r := range rules() {
			if !r.applies(from) {
				continue
			}
			for _, imported := range s.imports {
				if !r.allows(from, imported) {
					violations = append(violations, fmt.Sprintf("%s imports %s: %s (%s)", s.path, imported, r.name, r.reason))
				}
			}
		}
	}
	return violations
}
