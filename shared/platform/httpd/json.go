package httpd

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

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

// DecodeJSON reads body into v, strictly. An empty body equals {}. Errors:
// errs.ErrMalformedJSON for what is not one JSON value, errs.ErrValidationFailed
// with the field for unknown fields and wrong types; those of CheckText.
func DecodeJSON(body []byte, v any) error {
	if len(bytes.TrimSpace(body)) == 0 {
		body = []byte("{}")
	}
	if err := CheckText(body); err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return decodeError(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errs.ErrMalformedJSON
	}
	return nil
}

func decodeError(err error) error {
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) {
		location := "body"
		if wrongType.Field != "" {
			location += "." + wrongType.Field
		}
		return errs.ErrValidationFailed.WithField(location, "must not be a "+wrongType.Value)
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return errs.ErrMalformedJSON.Because(err)
	}
	if name, ok := strings.CutPrefix(err.Error(), `json: unknown field "`); ok {
		return errs.ErrValidationFailed.WithField("body."+strings.TrimSuffix(name, `"`), "is not known here")
	}
	return errs.ErrValidationFailed.WithField("body", "cannot be read as what is asked for").Because(err)
}
