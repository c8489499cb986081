// Package config reads a service's settings from environment variables into one
// struct, documented by its tags, and reports every fault at once.
package config

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/caarlos0/env/v11"
)

// Env says how much can be taken for granted.
type Env string

// The environments. Only development and test accept the built-in keys, the
// simulators and the seeded accounts, and both have to be said: nothing is production.
const (
	Development Env = "development"
	Test        Env = "test"
	Production  Env = "production"
)

// Secret is a setting that must never be printed.
type Secret string

func (s Secret) String() string { return "(secret)" }

// GoString keeps the secret out of %#v.
func (s Secret) GoString() string { return "(secret)" }

// MarshalText keeps the secret out of JSON and of structured logs.
func (s Secret) MarshalText() ([]byte, error) { return []byte("(secret)"), nil }

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

// Validator is implemented by settings that have rules between fields. It
// returns every broken rule, joined.
type Validator interface{ Validate() error }

// Load fills a T from environ ("KEY=value" lines, as os.Environ gives them). Numbers and
// durations must lie within the bounds of their tags min and max, and have such. The
// error lists every fault, one a line.
func Load[T any](environ []string) (T, error) {
	var settings T
	variables := env.ToMap(environ)
	absurd := takeAbsurd(reflect.TypeFor[T](), variables)
	err := env.ParseWithOptions(&settings, env.Options{Environment: variables})
	if v, ok := any(&settings).(Validator); ok && err == nil {
		err = v.Validate()
	}
	if absurd != nil && err != nil {
		return settings, fmt.Errorf("settings:\n%s\n%s", faults(absurd), faults(err))
	}
	err = cmp.Or(absurd, err)
	if err != nil {
		return settings, fmt.Errorf("settings:\n%s", faults(err))
	}
	return settings, nil
}

func faults(err error) string {
	var aggregate env.AggregateError
	if errors.As(err, &aggregate) {
		lines := make([]string, len(aggregate.Errors))
		for i, e := range aggregate.Errors {
			lines[i] = "  " + e.Error()
		}
		return strings.Join(lines, "\n")
	}
	return "  " + strings.ReplaceAll(err.Error(), "\n", "\n  ")
}
