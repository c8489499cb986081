package errs

import (
	"errors"
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
