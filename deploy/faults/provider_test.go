//go:build faults

package faults

import (
	"testing"
	"time"

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

// TestAnHourWithoutTheProvider lets payments whose outcome nobody knows grow old: the
// rows are back-dated. Their looks have become rare by then.
func TestAnHourWithoutTheProvider(t *testing.T) {
	n := openNight(t, usual)
	n.forgive = errTooLate // the hour has passed for their time to pay, too
	n.whenSold(0.2)
	site.roads["provider"].spoil(t, trouble{"timeout", map[string]int{"timeout": 0}})
	const unknown = `SELECT count(*) FROM payment p JOIN booking b ON b.id = p.booking_id WHERE b.sale_id = $1 AND p.state = 'unknown'`
	eventually(t, "many outcomes are unknown", time.Minute, func() bool { return n.number(unknown) >= 10 })
	n.change(`UPDATE booking SET pay_before = pay_before - interval '1 hour', expires_at = expires_at - interval '1 hour' WHERE sale_id = $1 AND state = 'paying'`)
	n.change(`UPDATE payment p SET requested_at = p.requested_at - interval '1 hour', next_check_at = p.next_check_at - interval '1 hour', lease_until = p.lease_until - interval '1 hour'
		FROM booking b WHERE b.id = p.booking_id AND b.sale_id = $1 AND p.state = 'unknown'`)
	const putOff = `SELECT count(*) FROM payment p JOIN booking b ON b.id = p.booking_id
		WHERE b.sale_id = $1 AND p.requested_at < now() - interval '50 minutes' AND p.next_check_at > now() + interval '20 seconds'`
	eventually(t, "they are looked at late", time.Minute, func() bool { return n.number(putOff) >= 5 })
	site.roads["provider"].mend()
	n.nowHealthy()
	n.finish()
}

func (n *night) number(q string) (number int) {
	n.t.Helper()
	if err := n.db.QueryRow(n.t.Context(), q, n.sale.SaleID).Scan(&number); err != nil {
		n.t.Fatal(err)
	}
	return number
}

func (n *night) change(q string) {
	n.t.Helper()
	if _, err := n.db.Exec(n.t.Context(), q, n.sale.SaleID); err != nil {
		n.t.Fatal(err)
	}
}
