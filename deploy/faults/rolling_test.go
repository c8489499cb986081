//go:build faults

package faults

import "testing"

// TestARollingRestartLosesNoRequest stops and starts every service, one instance
// after the other, under load: no request fails.
func TestARollingRestartLosesNoRequest(t *testing.T) {
	n := openNight(t, size{seats: 400, ratePerMinute: 600})
	n.whenSold(0.05)
	for _, one := range []struct{ part, inBalance string }{
		{"queue-gateway-1", "gateway-1"}, {"queue-gateway-2", "gateway-2"},
		{"booking-api-1", "booking-api-1"}, {"booking-api-2", "booking-api-2"},
		{"worker-1", ""}, {"worker-2", ""},
	} {
		site.stop(t, one.part)
		site.start(t, one.part)
		if one.inBalance != "" {
			site.awaitInBalance(t, one.inBalance)
		}
	}
	if n.over() {
		t.Error("the sale was over before the restarts: they were not under load")
	}
	n.nowHealthy()
	n.finish()
	if _, failures := n.door.failed(); len(failures) > 0 {
		t.Errorf("requests failed: %v", failures)
	}
}
