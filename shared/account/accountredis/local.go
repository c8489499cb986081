package accountredis

import (
	"sync"
	"time"
)

// maxLocal is how many keys are counted here while Redis fails; then all start afresh.
const maxLocal = 100_000

// local counts in this process while Redis cannot be asked, so that an outage neither
// locks people out nor lets anybody guess without end: the limit then holds for each
// instance of the API by itself.
type local struct {
	mu      sync.Mutex
	windows map[string]window
	now     func() time.Time
}

type window struct {
	count int
	ends  time.Time
}

func newLocal() *local { return &local{windows: map[string]window{}, now: time.Now} }

// take counts one more under key unless limit is reached within the window.
func (l *local) take(key string, limit int, length time.Duration) (ok bool, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	w := l.windows[key]
	if !now.Before(w.ends) {
		if len(l.windows) >= maxLocal {
			clear(l.windows)
		}
		w = window{ends: now.Add(length)}
	}
	if w.count >= limit {
		return false, w.ends.Sub(now)
	}
	w.count++
	l.windows[key] = w
	return true, 0
}

// back takes back one take, if its window has not passed.
func (l *local) back(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w, ok := l.windows[key]; ok && w.count > 0 {
		w.count--
		l.windows[key] = w
	}
}
