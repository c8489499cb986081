package httpd

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/errs"
)

// CheckText refuses what no database keeps as text: errs.ErrMalformedJSON for a body
// that is not UTF-8, errs.ErrValidationFailed for one with the character NUL.
func CheckText(body []byte) error {
	if !utf8.Valid(body) {
		return errs.ErrMalformedJSON.WithMessage("The body is not UTF-8.")
	}
	if hasNUL(body) {
		return errs.ErrValidationFailed.WithField("body", "must not have the character NUL")
	}
	return nil
}

// hasNUL reports whether a JSON text has the escape of NUL; a raw one is no JSON.
func hasNUL(text []byte) bool {
	const escape = `\u0000`
	for {
		at := bytes.Index(text, []byte(escape))
		if at < 0 {
			return false
		}
		backslashes := len(text[:at+1]) - len(bytes.TrimRight(text[:at+1], `\`))
		if backslashes%2 == 1 {
			return true
		}
		text = text[at+len(escape):]
	}
}

// ReadJSON is DecodeJSON of the request's body, which must be of that type.
func ReadJSON(c *fiber.Ctx, v any) error {
	if err := CheckJSONType(c); err != nil {
		return err
	}
	return DecodeJSON(c.Request().Body(), v)
}

// DecodeJSON reads body, made canonical, into the struct that v points to, strictly. An
// empty body equals {}. Errors: those of CanonicalJSON; errs.ErrValidationFailed with the
// field for unknown members, also such as differ in their case only, and wrong types.
func DecodeJSON(body []byte, v any) error {
	body, err := CanonicalJSON(body)
	if err != nil {
		return err
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil || members == nil {
		return errs.ErrValidationFailed.WithField("body", "must be an object")
	}
	for name := range members {
		if !hasMember(reflect.TypeOf(v).Elem(), name) {
			return errs.ErrValidationFailed.WithField("body."+name, "is not known here")
		}
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		location, message := ExplainJSON(err, members)
		return errs.ErrValidationFailed.WithField(location, message).Because(err)
	}
	return nil
}

// NullMembers returns the names of an object's members that are null, those of inner
// objects with their path: "message.ko".
func NullMembers(body []byte) []string {
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return nil
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if string(members[name]) == "null" {
			names = append(names, name)
		}
		for _, inner := range NullMembers(members[name]) {
			names = append(names, name+"."+inner)
		}
	}
	return names
}

// hasMember reports whether encoding/json reads a member of exactly this name into t.
func hasMember(t reflect.Type, name string) bool {
	for i := range t.NumField() {
		tagged, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if tagged == name || tagged == "" && t.Field(i).Name == name {
			return true
		}
	}
	return false
}

// ExplainJSON says where and why encoding/json could not read canonical JSON into a Go
// value, in words for callers, who know no Go. members are those of the body; they help
// to find the place.
func ExplainJSON(err error, members map[string]json.RawMessage) (location, message string) {
	var wrongType *json.UnmarshalTypeError
	var wrongTime *time.ParseError
	switch {
	case errors.As(err, &wrongType):
		location = "body"
		if wrongType.Field != "" {
			location += "." + wrongType.Field
		}
		return location, "must be " + wanted(wrongType.Type)
	case errors.As(err, &wrongTime):
		for name, raw := range members {
			if string(raw) == strings.Trim(wrongTime.Value, `"`) || string(raw) == `"`+strings.Trim(wrongTime.Value, `"`)+`"` {
				return "body." + name, wantedTime
			}
		}
		return "body", "has a time that is none; " + wantedTime
	}
	if name, ok := strings.CutPrefix(err.Error(), `json: unknown field "`); ok {
		return "body." + strings.TrimSuffix(name, `"`), "is not known here"
	}
	return "body", "cannot be read as what is asked for"
}

const wantedTime = "must be a time such as 2026-12-12T18:00:00Z"

// wanted says what a Go type is called in JSON.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number, not below 0"
	}
	return "an object"
}
