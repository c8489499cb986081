package booking

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/fairgate/fairgate/shared/errs"
)

// ErrKeyInProgress says that a request with the same Idempotency-Key is running.
var ErrKeyInProgress = errs.New(errs.Conflict, "idempotency_in_progress", "A request with this Idempotency-Key is still running.").
	WithRetryAfter(time.Second)

// ErrAnswered stops an Effect whose request has been answered before.
var ErrAnswered = errors.New("booking: the request has been answered before")

// KeyLifetime is how long an answer is replayed.
const KeyLifetime = 24 * time.Hour

// Key names one request of a client, so that repeating it does nothing twice.
type Key struct {
	AccountID   string
	Route       string // "POST /v1/bookings": keys are per account and route
	Value       string // the Idempotency-Key header
	Fingerprint [sha256.Size]byte
}

// NewKey returns a key whose fingerprint covers method, path and raw body.
func NewKey(accountID, route, value, method, path string, body []byte) Key {
	hash := sha256.New()
	hash.Write([]byte(method + "\x00" + path + "\x00"))
	hash.Write(body)
	return Key{AccountID: accountID, Route: route, Value: value, Fingerprint: [sha256.Size]byte(hash.Sum(nil))}
}

// Answer is what a request was, or will again be, answered with.
type Answer struct {
	Status   int    // HTTP status, 2xx
	Body     []byte // as sent
	Ref      string // instead of a body: the id of what to render as it stands today
	Replayed bool   // this is not the first time
}

// Effect does a request's work. Use cases called with its context join the one
// transaction in which the key is claimed, the work is done and the answer stored;
// it may run again after a deadlock, so it has no effect but through them. The first
// of them may fail with ErrAnswered, or with ErrKeyInProgress.
type Effect func(ctx context.Context) (Answer, error)

// Once runs effect at most once per key and returns its answer, the first time and
// ever after for KeyLifetime. Errors are not stored: after one, the same request
// may be tried again. Fails with ErrKeyInProgress when another request with the key
// does not end within 2 s, ErrKeyReused when the key came with another fingerprint.
// Creating a booking has a form of its own, BookOnce.
func (s *Service) Once(ctx context.Context, key Key, effect Effect) (Answer, error) {
	return s.store.Once(ctx, key, effect)
}

// kept is an error whose transaction is to be committed all the same.
type kept struct{ error }

func (k kept) Unwrap() error { return k.error }

// Keep marks err as one that leaves something behind: the refusal of a payment
// whose amount was tampered with is recorded, though it is refused.
func Keep(err error) error { return kept{err} }

// IsKept reports whether the transaction that ended in err is to be committed.
func IsKept(err error) bool {
	var k kept
	return errors.As(err, &k)
}
