package errs

import (
	"errors"
	"strconv"
	"testing"
)

func TestKindOf(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		want Kind
	}{
		"ours":      {ErrForbidden.Because(errors.New("why")), Forbidden},
		"not ours":  {errors.New("x"), Internal},
		"no error":  {nil, Internal},
		"a wrapped": {errors.Join(errors.New("x"), ErrBadCursor), Malformed},
	} {
		if got := KindOf(c.err); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// A body of faults must not cost the square of its size.
func TestAnErrorNamesTwentyFieldsAndNoMore(t *testing.T) {
	t.Parallel()
	e := ErrValidationFailed
	for i := range 100_000 {
		e = e.WithField("body", strconv.Itoa(i))
	}
	if len(e.Fields) != 20 || e.Fields[0].Message != "0" || e.Fields[19].Message != "19" {
		t.Errorf("%d fields: %v", len(e.Fields), e.Fields)
	}
}
