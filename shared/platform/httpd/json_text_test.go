package httpd

import (
	"errors"
	"testing"

	"github.com/fairgate/fairgate/shared/errs"
)

func TestTextThatNoDatabaseKeepsIsRefused(t *testing.T) {
	t.Parallel()
	for body, code := range map[string]string{
		`{"a":"\u0000"}`:        "validation_failed",
		`{"a":"x\\\u0000"}`:     "validation_failed",
		"{\"a\":\"\xff\"}":      "malformed_json",
		`{"a":"\\u0000"}`:       "",
		`{"a":"한글 \u0001"}`:     "",
		`{"a":"\\u0000\u0000"}`: "validation_failed",
	} {
		var into struct {
			A string `json:"a"`
		}
		err := DecodeJSON([]byte(body), &into)
		var problem *errs.Error
		if errors.As(err, &problem); code == "" && err != nil || code != "" && (problem == nil || problem.Code != code) {
			t.Errorf("%s: %v, want %q", body, err, code)
		}
	}
}
