package httpd_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairgate/fairgate/shared/platform/httpd"
)

// A dependency that hangs, even one whose probe heeds no deadline, makes the probe
// neither hang nor take others for ill.
func TestAReadinessProbeDoesNotHangWithItsDependency(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		forever := make(chan struct{})
		defer close(forever)
		begun := time.Now()
		states, ready := httpd.Readiness(t.Context(), []httpd.Check{
			{Name: "deaf", Probe: func(context.Context) error { <-forever; return nil }},
			{Name: "hangs", Probe: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }},
			{Name: "panics", Probe: func(context.Context) error { panic("no") }},
			{Name: "down", Probe: func(context.Context) error { return errors.New("refused") }},
			{Name: "slow", Probe: func(context.Context) error { time.Sleep(time.Second); return nil }},
			{Name: "fine", Probe: func(context.Context) error { return nil }},
		})
		if took := time.Since(begun); ready || took != 2*time.Second {
			t.Errorf("ready %v after %s; want false after 2 s", ready, took)
		}
		for name, want := range map[string]bool{"deaf": false, "hangs": false, "panics": false, "down": false, "slow": true, "fine": true} {
			if got := states[name] == "ok"; got != want {
				t.Errorf("%s: %q", name, states[name])
			}
		}
	})
}
