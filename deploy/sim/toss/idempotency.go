package toss

import (
	"net/http"
	"sync"
	"time"

	"github.com/fairgate/fairgate/shared/clock"
)

const (
	idempotencyLife   = 15 * 24 * time.Hour
	idempotencyMaxKey = 300 // characters
)

// answer is what a request was answered with; errors are answers too.
type answer struct {
	status      int
	body        []byte
	hangUpAfter time.Duration // over 0: close the connection instead
}

// replays remembers the first answer of each Idempotency-Key. As at Toss the key
// counts within API key, URL and method; the body is not compared.
type replays struct {
	clock clock.Clock
	mu    sync.Mutex
	first map[string]*replay
}

type replay struct {
	at       time.Time
	finished bool
	answer   answer
}

func newReplays(c clock.Clock) *replays { return &replays{clock: c, first: map[string]*replay{}} }

// do answers with the stored first answer of the request's key, or runs f.
func (p *replays) do(r *http.Request, f func() answer) answer {
	key := r.Header.Get("Idempotency-Key")
	if key == "" {
		return f()
	}
	if len(key) > idempotencyMaxKey {
		return errorAnswer(fail("INVALID_IDEMPOTENCY_KEY"))
	}
	scope := r.Method + " " + r.URL.Path + " " + r.Header.Get("Authorization") + " " + key
	known, mine := p.claim(scope)
	if !mine {
		return known
	}
	given := f()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.first[scope].answer, p.first[scope].finished = given, true
	p.first[scope].answer.hangUpAfter = 0
	return given
}

func (p *replays) claim(scope string) (known answer, mine bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.clock.Now()
	if old := p.first[scope]; old != nil && now.Sub(old.at) < idempotencyLife {
		if !old.finished {
			return errorAnswer(fail("IDEMPOTENT_REQUEST_PROCESSING")), false
		}
		return old.answer, false
	}
	p.first[scope] = &replay{at: now}
	return answer{}, true
}
