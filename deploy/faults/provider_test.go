//go:build faults

package faults

import (
	"testing"

	"github.com/fairgate/fairgate/deploy/sim/toss"
)

// TestTheProviderMisbehaves lets the payment provider go wrong in the middle of a
// sale and recover later.
func TestTheProviderMisbehaves(t *testing.T) {
	half := 0.5
	for _, c := range []struct {
		name   string
		faults toss.Faults
		until  float64 // share of the orders that are sold meanwhile
	}{
		{"slow", toss.Faults{Confirm: toss.Fault{Mode: toss.ModeDelay, MS: 4000}}, 0.6},
		{"5xx", toss.Faults{Confirm: toss.Fault{Mode: toss.ModeError, Share: &half}}, 0.5},
		{"captures without an answer", toss.Faults{Confirm: toss.Fault{Mode: toss.ModeTimeoutAfterCapture, MS: 3000, Share: &half}}, 0.5},
		{"late and duplicate webhooks", toss.Faults{Webhooks: toss.WebhookFaults{Duplicate: true, DelayMS: 3000}}, 0.7},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := openNight(t, usual)
			n.whenSold(0.1)
			site.misbehave(t, c.faults)
			n.whenSold(c.until)
			site.misbehave(t, toss.Faults{})
			n.nowHealthy()
			n.finish()
		})
	}
}
