package proxy

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/fairgate/fairgate/shared/guard"
)

// errHangs is why a request is given up before the upstream's timeout.
var errHangs = errors.New("the upstream answers nobody: it is not waited for any longer")

// lookAgain is how often a request that has waited for long is looked at.
const lookAgain = 250 * time.Millisecond

// overdue is a request that still waits for its answer.
type overdue struct {
	mu             sync.Mutex
	timer          *time.Timer
	ended, counted bool
	giveUp         context.CancelCauseFunc
}

// watch looks at a request once it has waited for slow. While nobody else has had an
// answer for as long either, the probe included, it counts as unreached: one slow route
// does not count. Once the circuit of its class, or of the whole, is open and nobody of
// these has been answered for slow, the request is given up: it hangs. What may take long
// is not watched.
func (b *breaker) watch(request *http.Request, c *class) (*http.Request, *overdue) {
	o := &overdue{}
	if mayTakeLong(request) {
		return request, o
	}
	ctx, giveUp := context.WithCancelCause(request.Context())
	o.mu.Lock()
	defer o.mu.Unlock()
	o.giveUp = giveUp
	o.timer = time.AfterFunc(b.slow, guard.Func("proxy", func() { b.look(o, c) }))
	return request.WithContext(ctx), o
}

func (b *breaker) look(o *overdue, c *class) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return
	}
	if silent := b.whole.silent(); silent >= b.slow && !o.counted && b.whole.closed() {
		o.counted = true
		b.unreached.Add(1)
		b.whole.record(errOverdue)
	}
	if b.whole.hangs(b.slow) || c.hangs(b.slow) {
		o.giveUp(errHangs)
		return
	}
	o.timer.Reset(min(lookAgain, b.slow))
}

// hangs reports that the circuit is not closed, and nobody has been answered for d.
func (c *circuit) hangs(d time.Duration) bool { return !c.closed() && c.silent() >= d }

// end is called when the request has ended; it reports whether it is already counted.
func (o *overdue) end() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true
	if o.timer != nil {
		o.timer.Stop()
	}
	return o.counted
}
