package jwks

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/fairgate/fairgate/shared/clock"
	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/guard"
)

// ErrKeysUnavailable says that the keys have never been fetched and cannot be now.
var ErrKeysUnavailable = errs.New(errs.Unavailable, "upstream_unavailable", "The service that publishes the keys does not answer.").WithRetryAfter(2 * time.Second)

const (
	freshFor     = 5 * time.Minute // a known set is asked again after this long
	refreshEvery = 5 * time.Second // at most one request in this time, whoever asks
	maxSetBytes  = 64 << 10
)

// Remote is a set of keys published by another service. It caches the set, asks
// again for an unknown kid but at most once in five seconds, and keeps the last
// good set while the service cannot be reached. Safe for concurrent use.
type Remote struct {
	url    string
	client *http.Client
	clock  clock.Clock

	mu      sync.Mutex
	set     Set
	fetched time.Time // of the last good set
	tried   time.Time
	flight  chan struct{} // closed when the running request ends; nil when none runs
}

// NewRemote returns the keys published at url, fetched when first needed. A nil
// client means one with a timeout of two seconds.
func NewRemote(url string, client *http.Client) *Remote {
	return newRemote(url, client, clock.System{})
}

func newRemote(url string, client *http.Client, c clock.Clock) *Remote {
	if client == nil {
		client = &http.Client{Timeout: 2 * time.Second}
	}
	return &Remote{url: url, client: client, clock: c}
}

// Key returns the key named kid. A caller waits for a request only when kid is
// not in the cached set; a set that is merely old is renewed behind its back.
func (r *Remote) Key(ctx context.Context, kid string) (ed25519.PublicKey, error) {
	r.mu.Lock()
	key, err := r.set.Key(ctx, kid)
	stale := r.clock.Now().Sub(r.fetched) > freshFor
	var wait chan struct{}
	if err != nil || stale {
		wait = r.refreshLocked()
	}
	r.mu.Unlock()
	if err == nil || wait == nil {
		return key, r.explain(err)
	}
	select {
	case <-wait:
	case <-ctx.Done():
		return nil, ErrKeysUnavailable.Because(ctx.Err())
	}
	r.mu.Lock()
	key, err = r.set.Key(ctx, kid)
	r.mu.Unlock()
	return key, r.explain(err)
}

// explain turns "unknown" into "unavailable" while no set has ever been fetched.
func (r *Remote) explain(err error) error {
	if !errors.Is(err, ErrUnknownKey) {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fetched.IsZero() {
		return ErrKeysUnavailable
	}
	return err
}

// refreshLocked joins the running request or starts one; nil when the last one is
// too young.
func (r *Remote) refreshLocked() chan struct{} {
	if r.flight != nil {
		return r.flight
	}
	now := r.clock.Now()
	if !r.tried.IsZero() && now.Sub(r.tried) < refreshEvery {
		return nil
	}
	r.tried = now
	flight := make(chan struct{})
	r.flight = flight
	guard.Go("jwks", func() { r.refresh(flight) })
	return flight
}

func (r *Remote) refresh(flight chan struct{}) {
	var set Set
	err := guard.Call("jwks", func() (err error) { set, err = r.fetch(); return err })
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.set, r.fetched = set, r.clock.Now()
	}
	r.flight = nil
	close(flight)
}

func (r *Remote) fetch() (Set, error) {
	var set Set
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url, nil)
	if err != nil {
		return set, err
	}
	response, err := r.client.Do(request)
	if err != nil {
		return set, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return set, fmt.Errorf("jwks: %s answers %s", r.url, response.Status)
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxSetBytes)).Decode(&set); err != nil {
		return set, err
	}
	if set.Len() == 0 {
		return set, fmt.Errorf("jwks: %s publishes no Ed25519 key", r.url)
	}
	return set, nil
}
