package httpd

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/guard"
	"github.com/fairgate/fairgate/shared/platform/run"
)

// Drain is the time between the order to stop and the end of the listener. A load
// balancer learns in it that the service is not ready any more and asks elsewhere,
// while whatever still arrives is answered.
type Drain struct {
	delay time.Duration
	begun atomic.Bool
}

// NewDrain returns a drain of that length. With 0 the listener closes at once.
func NewDrain(delay time.Duration) *Drain { return &Drain{delay: delay} }

var errDraining = errors.New("is about to stop")

// Check is not met from the order to stop on.
func (d *Drain) Check() Check {
	return Check{Name: "serving", Probe: func(context.Context) error {
		if d.begun.Load() {
			return errDraining
		}
		return nil
	}}
}

// After returns a context that ends when the drain after ctx is over, or with cancel.
func (d *Drain) After(ctx context.Context) (serving context.Context, cancel context.CancelFunc) {
	unhook := context.AfterFunc(ctx, guard.Func("drain", func() { d.begun.Store(true) }))
	serving, end := run.Finish(ctx, d.delay)
	return serving, func() { unhook(); end() }
}

// partWithCaller ends the connection after its answer, so that none is left open
// and idle when the listener closes: a request sent into that would be lost.
func (d *Drain) partWithCaller(c *fiber.Ctx) {
	if d.begun.Load() {
		c.Context().SetConnectionClose()
	}
}
