package account

import (
	"runtime"
	"sync"
	"time"

	"github.com/fairgate/fairgate/shared/errs"
)

// The most passwords in hand at once, for each core: hashing one takes some 25 ms, so
// whoever is let in waits some three seconds at most. Those beyond are told at once to come again,
// rather than to wait until their connection is given up; and one network cannot take
// all the places.
const (
	crowdOfAll = 128
	crowdOfOne = 96
)

// errCrowd says that too many passwords are being checked just now.
var errCrowd = errs.ErrRateLimited.WithMessage("Too many people log in just now.").WithRetryAfter(2 * time.Second)

// crowd bounds how many passwords are checked at once in this process.
type crowd struct {
	ofAll, ofOne int

	mu     sync.Mutex
	inside int
	by     map[string]int // network → inside
}

func newCrowd() *crowd {
	cores := runtime.GOMAXPROCS(0)
	return &crowd{ofAll: crowdOfAll * cores, ofOne: crowdOfOne * cores, by: map[string]int{}}
}

// enter lets a caller of a network in, until leave is called, or fails with
// errs.ErrRateLimited.
func (c *crowd) enter(network string) (leave func(), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inside >= c.ofAll || c.by[network] >= c.ofOne {
		return nil, errCrowd
	}
	c.inside++
	c.by[network]++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.inside--
		if c.by[network]--; c.by[network] == 0 {
			delete(c.by, network)
		}
	}, nil
}
