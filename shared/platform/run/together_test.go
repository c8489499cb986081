package run_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/fairgate/fairgate/shared/platform/run"
)

func TestAPartThatFailsOrPanicsStopsTheServiceGracefully(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		part func(context.Context) error
		want string
	}{
		"error": {func(context.Context) error { return errors.New("taken") }, "taken"},
		"panic": {func(context.Context) error { panic("a bug") }, "panic: a bug"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			finished := false
			err := run.Together(context.Background(), c.part, func(ctx context.Context) error {
				<-ctx.Done()
				finished = true // what it had in hand
				return ctx.Err()
			})
			if err == nil || !strings.Contains(err.Error(), c.want) || !finished {
				t.Errorf("%v, the other part finished: %v", err, finished)
			}
		})
	}
}
