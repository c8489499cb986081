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

// asking is a store whose one payment has just been asked for, and is settled at a time.
type asking struct {
	settling
	replayed bool
	looks    *int
}

func (a asking) Once(ctx context.Context, _ booking.Key, effect booking.Effect) (booking.Answer, error) {
	if a.replayed {
		return booking.Answer{Ref: "pay-1", Replayed: true}, nil
	}
	return effect(ctx)
}

func (a asking) Confirm(context.Context, booking.ConfirmCommand, *booking.TicketKey) (booking.Settlement, error) {
	b := booking.Booking{State: booking.Paying, Payment: booking.Payment{ID: "pay-1", State: booking.PaymentConfirming}}
	return booking.Settlement{Moved: true, Booking: b}, nil
}

func (a asking) AfterCommit(ctx context.Context, f func(context.Context)) { f(ctx) }

func (a asking) Outcome(ctx context.Context, paymentID string) (booking.Confirmation, error) {
	*a.looks++
	return a.settling.Outcome(ctx, paymentID)
}

func TestConfirmOnce(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		replayed bool
		wait     time.Duration
		looks    int
		took     time.Duration
		final    bool
	}{
		"its first look is when it is woken": {wait: time.Second, looks: 1, took: 77 * ms, final: true},
		"a repeated request looks at once":   {replayed: true, wait: time.Second, looks: 2, took: 77 * ms, final: true},
		"nothing to wait for":                {looks: 0},
		"a repeated request only looks":      {replayed: true, looks: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began, looks := time.Now(), 0
				store := asking{settling: settling{at: began.Add(77 * ms)}, replayed: c.replayed, looks: &looks}
				service := booking.NewService(booking.Options{Store: store, Wakes: bell{77 * ms}})
				got, err := service.ConfirmOnce(context.Background(), booking.Key{}, booking.ConfirmCommand{}, c.wait)
				if took := time.Since(began); err != nil || got.Final() != c.final || looks != c.looks || took != c.took {
					t.Errorf("final %t, %v after %s and %d looks; want %t after %s and %d", got.Final(), err, took, looks, c.final, c.took, c.looks)
				}
			})
		})
	}
}
