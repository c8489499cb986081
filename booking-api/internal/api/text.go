package api

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/text"
)

// The tag "text" of a string in an input says what it is, and so how it is normalised
// before a handler sees it. Without the tag it is a token of ours or of the provider's.
const (
	textLine   = "line"   // a name or another text of one line
	textNote   = "note"   // what somebody wrote
	textQuery  = "query"  // what somebody searches for
	textNoun   = "noun"   // the noun that it is for normalises it
	textOpaque = "opaque" // is parsed; what does not parse is refused, nothing of it is kept
)

// normalise brings all texts of an input, which huma has validated, into the form in
// which they are compared and kept. It fails with errs.ErrValidationFailed naming each
// field that has what it must not.
func normalise(in any) error {
	refused := errs.ErrValidationFailed
	walkTexts(reflect.ValueOf(in).Elem(), "", func(v reflect.Value, field textField) {
		normal, err := field.normal(v.String())
		if err != nil {
			refused = refused.WithField(field.location, err.Error())
			return
		}
		v.SetString(normal)
	})
	if len(refused.Fields) > 0 {
		return refused
	}
	return nil
}

// textField is a string of an input, or each of a list of strings.
type textField struct {
	location string // "body.reason"
	kind     string
	must     bool // may not be empty
}

func (f textField) normal(s string) (normal string, err error) {
	switch f.kind {
	case textLine:
		normal, err = text.Line(s)
	case textNote:
		normal, err = text.Note(s)
	case textQuery:
		return text.Query(s), nil
	case textNoun, textOpaque:
		return s, nil
	default:
		return text.Token(s)
	}
	if err == nil && normal == "" && f.must {
		err = errors.New("must not be empty")
	}
	return normal, err
}

// walkTexts calls f for each string of an input's struct that its schema does not
// already bind to an enum, a pattern or a format. Paths are looked up, or are 404;
// headers are looked at by who reads them.
func walkTexts(in reflect.Value, location string, f func(reflect.Value, textField)) {
	for i := range in.NumField() {
		declared := in.Type().Field(i)
		name, ok := inputLocation(declared, location)
		if !ok || !declared.IsExported() || declared.Tag.Get("enum")+declared.Tag.Get("pattern")+declared.Tag.Get("format") != "" {
			continue
		}
		field := textField{location: name, kind: declared.Tag.Get("text"), must: declared.Tag.Get("minLength") != ""}
		walkValue(in.Field(i), field, f)
	}
}

func walkValue(v reflect.Value, field textField, f func(reflect.Value, textField)) {
	switch v.Kind() {
	case reflect.String:
		f(v, field)
	case reflect.Pointer:
		if !v.IsNil() {
			walkValue(v.Elem(), field, f)
		}
	case reflect.Slice:
		for i := range v.Len() {
			one := field
			one.location = fmt.Sprintf("%s[%d]", field.location, i)
			walkValue(v.Index(i), one, f)
		}
	case reflect.Struct:
		walkTexts(v, field.location, f)
	default: // numbers and the like; maps are not taken anywhere yet
	}
}

// inputLocation returns where a field of an input comes from, as errors name it; ok is
// false for what is not looked at.
func inputLocation(field reflect.StructField, within string) (location string, ok bool) {
	if name := field.Tag.Get("query"); name != "" {
		return "query." + strings.Split(name, ",")[0], true
	}
	if name := field.Tag.Get("json"); name != "" && within != "" {
		return within + "." + strings.Split(name, ",")[0], true
	}
	if field.Tag.Get("text") != "" && field.Tag.Get("header") != "" {
		return "header." + field.Tag.Get("header"), true
	}
	return map[bool]string{true: "body", false: within}[field.Name == "Body"], field.Anonymous || field.Name == "Body"
}
