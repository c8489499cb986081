package booking_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairgate/fairgate/shared/booking"
)

// settling is a store whose one payment is settled at a time.
type settling struct {
	booking.Store
	at time.Time
}

func (s settling) Outcome(context.Context, string) (booking.Confirmation, error) {
	c := booking.Confirmation{PaymentID: "pay-1", PaymentState: booking.PaymentConfirming}
	if !time.Now().Before(s.at) {
		c.PaymentState = booking.PaymentDone
	}
	return c, nil
}

// bell wakes after a time, or never.
type bell struct{ after time.Duration }

func (bell) Wake(context.Context, string) {}

func (b bell) Wait(string) (<-chan struct{}, func()) {
	woken := make(chan struct{}, 1)
	if b.after == 0 {
		return woken, func() {}
	}
	timer := time.AfterFunc(b.after, func() { woken <- struct{}{} })
	return woken, func() { timer.Stop() }
}

func TestAwait(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	cases := map[string]struct {
		settled, wait time.Duration
		wakes         booking.Wakes
		least, most   time.Duration // of the call
		final         bool
	}{
		"woken":            {settled: 77 * ms, wait: time.Second, wakes: bell{77 * ms}, least: 77 * ms, most: 77 * ms, final: true},
		"woken too early":  {settled: 77 * ms, wait: time.Second, wakes: bell{10 * ms}, least: 77 * ms, most: 320 * ms, final: true},
		"the wake is lost": {settled: 77 * ms, wait: time.Second, wakes: bell{}, least: 77 * ms, most: 300 * ms, final: true},
		"without wakes":    {settled: 77 * ms, wait: time.Second, least: 77 * ms, most: 120 * ms, final: true},
		"too late":         {settled: 3 * time.Second, wait: time.Second, wakes: bell{}, least: time.Second, most: time.Second},
		"only a look":      {settled: time.Second, wakes: bell{}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				service := booking.NewService(booking.Options{Store: settling{at: began.Add(c.settled)}, Wakes: c.wakes})
				got, err := service.Await(context.Background(), "pay-1", c.wait)
				if took := time.Since(began); err != nil || got.Final() != c.final || took < c.least || took > c.most {
					t.Errorf("final %t, %v after %s; want %t after %s to %s", got.Final(), err, took, c.final, c.least, c.most)
				}
			})
		})
	}
}
