package account

import (
	"errors"
	"testing"

	"github.com/fairgate/fairgate/shared/errs"
)

// Without a bound three hundred log-ins of one caller keep everybody's waiting for as
// long as the gateway does.
func TestTheCrowdAtTheLogInIsBounded(t *testing.T) {
	t.Parallel()
	c := newCrowd()
	c.ofAll, c.ofOne = 3, 2
	var leave []func()
	for _, step := range []struct {
		network string
		in      bool
	}{{"a", true}, {"a", true}, {"a", false}, {"b", true}, {"b", false}, {"c", false}} {
		out, err := c.enter(step.network)
		if (err == nil) != step.in || err != nil && (!errors.Is(err, errs.ErrRateLimited) || errs.From(err).RetryAfter == 0) {
			t.Errorf("%s: %v", step.network, err)
		}
		if out != nil {
			leave = append(leave, out)
		}
	}
	for _, out := range leave {
		out()
	}
	if c.inside != 0 || len(c.by) != 0 {
		t.Errorf("after all have left: %d, %v", c.inside, c.by)
	}
	if _, err := c.enter("a"); err != nil {
		t.Error(err)
	}
}
