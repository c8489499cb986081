package config

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Number is a setting that is a number or a duration, with the bounds that its tags min and
// max give it.
type Number struct {
	Name, Default, Min, Max string
	isDuration              bool
}

// Numbers returns the numbers among the settings of a struct, those of structs in it
// included. It fails with one error for each that has no bounds, or whose default lies
// outside them.
func Numbers(settings reflect.Type) ([]Number, error) {
	var numbers []Number
	var faults []error
	walk(settings, "", func(n Number) {
		numbers = append(numbers, n)
		if n.Min == "" || n.Max == "" {
			faults = append(faults, fmt.Errorf("%s: the setting has no bounds: it needs the tags min and max", n.Name))
		} else if err := n.check(n.Default); err != nil && n.Default != "" {
			faults = append(faults, fmt.Errorf("its default: %w", err))
		}
	})
	return numbers, errors.Join(faults...)
}

func walk(settings reflect.Type, prefix string, visit func(Number)) {
	for i := range settings.NumField() {
		field := settings.Field(i)
		tag, isSetting := field.Tag.Lookup("env")
		switch kind := field.Type.Kind(); {
		case !isSetting && kind == reflect.Struct:
			walk(field.Type, prefix+field.Tag.Get("envPrefix"), visit)
		case isSetting && kind >= reflect.Int && kind <= reflect.Float64:
			name, _, _ := strings.Cut(tag, ",")
			visit(Number{
				Name: prefix + name, Default: field.Tag.Get("envDefault"), Min: field.Tag.Get("min"), Max: field.Tag.Get("max"),
				isDuration: field.Type == reflect.TypeFor[time.Duration](),
			})
		}
	}
}

// check fails, naming the setting, when text is no number within the bounds.
func (n Number) check(text string) error {
	value, err := n.parse(text)
	least, errLeast := n.parse(n.Min)
	most, errMost := n.parse(n.Max)
	switch {
	case errLeast != nil || errMost != nil:
		return fmt.Errorf("%s: its bounds %q and %q cannot be read", n.Name, n.Min, n.Max)
	case err != nil && n.isDuration:
		return fmt.Errorf("%s: %q is no duration like 30s; it must be %s to %s", n.Name, text, n.Min, n.Max)
	case err != nil:
		return fmt.Errorf("%s: %q is no whole number; it must be %s to %s", n.Name, text, n.Min, n.Max)
	case value < least || value > most:
		return fmt.Errorf("%s: must be %s to %s, not %s", n.Name, n.Min, n.Max, text)
	}
	return nil
}

func (n Number) parse(text string) (int64, error) {
	if n.isDuration {
		d, err := time.ParseDuration(text)
		return int64(d), err
	}
	return strconv.ParseInt(text, 10, 64)
}

// takeAbsurd removes from environ the numbers that lie outside their bounds, so that all
// other faults are found too, and returns what is wrong with them.
func takeAbsurd(settings reflect.Type, environ map[string]string) error {
	numbers, err := Numbers(settings)
	faults := []error{err}
	for _, n := range numbers {
		if text := environ[n.Name]; text != "" {
			if err := n.check(text); err != nil {
				faults = append(faults, err)
				delete(environ, n.Name)
			}
		}
	}
	return errors.Join(faults...)
}
