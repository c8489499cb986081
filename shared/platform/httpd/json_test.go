package httpd

import (
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/errs"
)

func TestDecodeJSONIsStrict(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]struct{ code, field string }{
		"":                     {"", ""},
		" \n":                  {"", ""},
		`{"n":1}`:              {"", ""},
		`{"n":1`:               {"malformed_json", ""},
		`{"n":1}x`:             {"malformed_json", ""},
		`{"n":1}{}`:            {"malformed_json", ""},
		`{n:1}`:                {"malformed_json", ""},
		`{"n":"1"}`:            {"validation_failed", "body.n"},
		`{"n":1.5}`:            {"validation_failed", "body.n"},
		`{"m":1}`:              {"validation_failed", "body.m"},
		`[]`:                   {"validation_failed", "body"},
		`{"inner":{"x":true}}`: {"validation_failed", "body.inner.x"},
		`{"at":"tomorrow"}`:    {"validation_failed", "body.at"},
		`{"N":1}`:              {"validation_failed", "body.N"},
		`null`:                 {"validation_failed", "body"},
	} {
		var v struct {
			N     int       `json:"n"`
			At    time.Time `json:"at"`
			Inner struct {
				X string `json:"x"`
			} `json:"inner"`
		}
		err := DecodeJSON([]byte(body), &v)
		if want.code == "" {
			if err != nil {
				t.Errorf("%q: %v", body, err)
			}
			continue
		}
		e := errs.From(err)
		if err == nil || e.Code != want.code || want.field != "" && (len(e.Fields) != 1 || e.Fields[0].Location != want.field) {
			t.Errorf("%q: %v %v", body, err, e)
		}
	}
}
