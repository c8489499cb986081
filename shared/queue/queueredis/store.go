// Package queueredis keeps lines in Redis. Every step of a line is one Lua script
// on keys of one hash tag: atomic, the same for any number of gateways, and safe
// in a Cluster.
//
// Store is the line itself. Front is what a gateway holds of all lines in memory,
// so that fans who wait cost Redis nothing.
package queueredis

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fairgate/fairgate/shared/queue"
)

// Store is the lines in one Redis. Its errors are those of package queue;
// queue.ErrUnavailable when Redis does not answer.
type Store struct {
	client  redis.UniversalClient
	keys    keys
	tokens  *queue.PlaceTokens
	scripts scripts
	now     func() time.Time
	asking  sync.Map // by sale: those who ask about its sessions, *askers
}

// Option changes how a Store works.
type Option func(*Store)

// WithClock makes the scripts use now in place of the server's clock. For tests.
func WithClock(now func() time.Time) Option { return func(s *Store) { s.now = now } }

// New returns a store whose keys all start with prefix. tokens derives ids and
// subjects; services in which nobody joins pass nil.
func New(client redis.UniversalClient, prefix string, tokens *queue.PlaceTokens, options ...Option) *Store {
	s := &Store{client: client, keys: keys{prefix}, tokens: tokens, scripts: newScripts()}
	for _, option := range options {
		option(s)
	}
	return s
}

// Lines returns the sale ids of all lines, sorted.
func (s *Store) Lines(ctx context.Context) ([]string, error) {
	lines, err := s.client.SMembers(ctx, s.keys.lines()).Result()
	if err != nil {
		return nil, queue.ErrUnavailable.Because(err)
	}
	slices.Sort(lines)
	return lines, nil
}

// Join gives subject (an account id, or a browser's own id) its place in the line:
// created is false when it had one. Errors: ErrLineNotFound, ErrClosed, ErrSoldOut.
func (s *Store) Join(ctx context.Context, sale, subject string) (place queue.Place, created bool, err error) {
	// The digest depends on the epoch; should a reset come between, ask once more.
	for range 2 {
		var epoch uint32
		if epoch, err = s.epoch(ctx, sale); err != nil {
			return queue.Place{}, false, err
		}
		place, created, err = s.joinEpoch(ctx, sale, epoch, subject)
		if !errors.Is(err, queue.ErrPlaceInvalid) {
			return place, created, err
		}
	}
	return queue.Place{}, false, queue.ErrUnavailable.Because(err)
}

func (s *Store) epoch(ctx context.Context, sale string) (uint32, error) {
	epoch, err := s.client.HGet(ctx, s.keys.policy(sale), "epoch").Uint64()
	if errors.Is(err, redis.Nil) {
		return 0, queue.ErrLineNotFound
	}
	if err != nil {
		return 0, queue.ErrUnavailable.Because(err)
	}
	return uint32(epoch), nil // written by us as 32 bits
}

// joinEpoch is Join when the epoch is known; ErrPlaceInvalid says that it is not the line's.
func (s *Store) joinEpoch(ctx context.Context, sale string, epoch uint32, subject string) (queue.Place, bool, error) {
	digest := s.tokens.SubjectDigest(sale, epoch, subject)
	r, err := s.runKeys(ctx, s.scripts.join, append(s.keys.line(sale), s.keys.subjects(sale, epoch, digest)), epoch, digest)
	if err != nil {
		return queue.Place{}, false, err
	}
	if r.integer(0) == codeSoldOut {
		return queue.Place{}, false, queue.ErrSoldOut
	}
	place := s.place(r, queue.PlaceRef{SaleID: sale, Epoch: epoch, Subject: subject})
	return place, r.integer(9) == 1, nil
}

// Place says where a fan stands; who was away for less than the grace period is
// put back. Errors: ErrLineNotFound, ErrPlaceInvalid (of another epoch, or never given).
func (s *Store) Place(ctx context.Context, ref queue.PlaceRef) (queue.Place, error) {
	place, _, err := s.lookUp(ctx, ref)
	return place, err
}

// lookUp is Place; final is true when the answer will never change.
func (s *Store) lookUp(ctx context.Context, ref queue.PlaceRef) (place queue.Place, final bool, err error) {
	r, err := s.run(ctx, s.scripts.place, ref.SaleID, ref.Epoch, ref.N)
	if err != nil {
		return queue.Place{}, false, err
	}
	return s.place(r, ref), r.integer(8) == 1, nil
}

// place reads a standing (line.lua).
func (s *Store) place(r reply, ref queue.PlaceRef) queue.Place {
	ref.N = uint64(r.integer(2)) // numbers start at 1
	if ref.ID == "" && s.tokens != nil {
		ref.ID = s.tokens.PlaceID(ref.SaleID, ref.Epoch, ref.N)
	}
	kind := r.text(1)
	place := queue.Place{
		PlaceRef: ref, State: queue.PlaceState(kind), Key: r.text(3), Reason: r.text(7),
		ClaimBefore: moment(r.integer(5)), SessionEndsAt: moment(r.integer(6)),
	}
	if !place.State.Over() && place.State != queue.PlaceLobby {
		ahead := uint64(r.integer(4)) // a rank
		place.Ahead = &ahead
	}
	return place
}

// Enter claims an offered place, or returns the session of one that has entered;
// repeated, the same session. Errors: ErrNotYourTurn with ahead and retry_after_ms,
// ErrOfferLapsed, ErrSoldOutGone, ErrClosed, ErrPlaceInvalid.
func (s *Store) Enter(ctx context.Context, ref queue.PlaceRef) (queue.Session, error) {
	r, err := s.run(ctx, s.scripts.enter, ref.SaleID, ref.Epoch, ref.N)
	if err != nil {
		return queue.Session{}, err
	}
	switch r.integer(0) {
	case codeSoldOut:
		return queue.Session{}, queue.ErrSoldOutGone
	case codeNotYet:
		return queue.Session{}, notYourTurn(r.integer(1), r.integer(2))
	}
	return queue.Session{SaleID: ref.SaleID, Epoch: ref.Epoch, N: ref.N, EndsAt: moment(r.integer(1))}, nil
}

func notYourTurn(ahead, retryMS int64) error {
	return queue.ErrNotYourTurn.With("ahead", ahead).With("retry_after_ms", retryMS).
		WithRetryAfter(time.Duration(retryMS) * time.Millisecond)
}

// Leave ends a place or its booking session; when it returns the pass is dead.
// Repeating it changes nothing. Error: ErrPlaceInvalid.
func (s *Store) Leave(ctx context.Context, ref queue.PlaceRef) error {
	_, err := s.run(ctx, s.scripts.leave, ref.SaleID, ref.Epoch, ref.N)
	return err
}

// LeaveSubject is Leave for the place that subject has in the line, if any: its account
// is no more. Repeating it changes nothing, and a line that is gone has no place of it.
func (s *Store) LeaveSubject(ctx context.Context, sale, subject string) error {
	epoch, err := s.epoch(ctx, sale)
	if err != nil {
		return ignoring(err, queue.ErrLineNotFound)
	}
	digest := s.tokens.SubjectDigest(sale, epoch, subject)
	n, err := s.client.HGet(ctx, s.keys.subjects(sale, epoch, digest), string(digest)).Uint64()
	if errors.Is(err, redis.Nil) {
		return nil
	}
	if err != nil {
		return queue.ErrUnavailable.Because(err)
	}
	err = s.Leave(ctx, queue.PlaceRef{SaleID: sale, Epoch: epoch, N: n, Subject: subject})
	return ignoring(ignoring(err, queue.ErrPlaceInvalid), queue.ErrLineNotFound) // reset or gone meanwhile
}

func ignoring(err, expected error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return err
}

// Ticked is what one beat did, in fans.
type Ticked struct {
	Entered, Offered, Lapsed, SessionsOver, Abandoned int

	version int64 // of the line's settings and state
}

// Tick is one beat of a line; every gateway calls it four times a second.
func (s *Store) Tick(ctx context.Context, sale string) (Ticked, error) {
	r, err := s.run(ctx, s.scripts.tick, sale, 0)
	if err != nil {
		return Ticked{}, err
	}
	return Ticked{
		Entered: int(r.integer(1)), Offered: int(r.integer(2)), Lapsed: int(r.integer(3)),
		SessionsOver: int(r.integer(4)), Abandoned: int(r.integer(5)),
		version: r.integer(6),
	}, nil
}

func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
