package queueredis

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/fairgate/fairgate/shared/queue"
)

// Join is Store.Join for a fan who is at this gateway.
func (f *Front) Join(ctx context.Context, sale, subject string) (queue.Place, bool, error) {
	l, v, err := f.at(sale)
	if err != nil {
		return queue.Place{}, false, err
	}
	place, created, err := f.store.joinEpoch(ctx, sale, v.Policy.Epoch, subject)
	if errors.Is(err, queue.ErrPlaceInvalid) { // reset since the copy was made
		place, created, err = f.store.Join(ctx, sale, subject)
	}
	if err != nil {
		return queue.Place{}, false, err
	}
	l.present(place.PlaceRef)
	l.answer.forget(place.PlaceRef)
	return v.complete(place), created, nil
}

// Place says where a fan stands and notes that the fan is there. Who waits is
// answered from memory, exactly as of the last second, without asking Redis;
// others are asked for once a second at most. Errors: ErrLineNotFound, ErrPlaceInvalid.
func (f *Front) Place(ctx context.Context, ref queue.PlaceRef) (queue.Place, error) {
	l, v, err := f.at(ref.SaleID)
	if err != nil {
		return queue.Place{}, err
	}
	if ref.Epoch < v.Policy.Epoch {
		return queue.Place{}, queue.ErrPlaceInvalid
	}
	if place, ok := v.waiting(ref); ok {
		l.present(ref)
		return place, nil
	}
	if place, ok := l.answer.get(ref, f.clock.Now()); ok {
		l.seeUnlessOver(place)
		return v.complete(place), nil
	}
	place, final, err := f.store.lookUp(ctx, ref)
	if err != nil {
		return queue.Place{}, err
	}
	l.seeUnlessOver(place)
	l.answer.put(place, f.clock.Now(), final)
	return v.complete(place), nil
}

// Present notes that a fan is there. waiting is true when the fan waits and
// nothing has to be said.
func (f *Front) Present(ref queue.PlaceRef) (waiting bool, err error) {
	l, v, err := f.at(ref.SaleID)
	if err != nil {
		return false, err
	}
	if ref.Epoch < v.Policy.Epoch {
		return false, queue.ErrPlaceInvalid
	}
	l.present(ref)
	place, ok := v.waiting(ref)
	return ok && !place.State.Over(), nil
}

// Enter is Store.Enter; a fan far from the turn is answered from memory.
func (f *Front) Enter(ctx context.Context, ref queue.PlaceRef) (queue.Session, error) {
	l, v, err := f.at(ref.SaleID)
	if err != nil {
		return queue.Session{}, err
	}
	if ref.Epoch < v.Policy.Epoch {
		return queue.Session{}, queue.ErrPlaceInvalid
	}
	l.present(ref)
	if place, ok := v.waiting(ref); ok && place.Ahead != nil && *place.Ahead > v.nearTurn() {
		return queue.Session{}, notYourTurn(int64(*place.Ahead), place.PollAfter.Milliseconds()) // a rank
	}
	l.answer.forget(ref)
	return f.store.Enter(ctx, ref)
}

// Leave is Store.Leave.
func (f *Front) Leave(ctx context.Context, ref queue.PlaceRef) error {
	l, _, err := f.at(ref.SaleID)
	if err != nil {
		return err
	}
	defer l.answer.forget(ref)
	return f.store.Leave(ctx, ref)
}

// LeaveSubject is Store.LeaveSubject.
func (f *Front) LeaveSubject(ctx context.Context, sale, subject string) error {
	return f.store.LeaveSubject(ctx, sale, subject)
}

// seeUnlessOver notes that the fan is there, so that whoever is put back or goes
// from offered to waiting is not taken for absent.
func (l *line) seeUnlessOver(place queue.Place) {
	if !place.State.Over() {
		l.present(place.PlaceRef)
	}
}

// nearTurn covers what ten seconds may offer.
func (v *view) nearTurn() uint64 {
	return max(nearTurn, uint64(v.Policy.RatePerMinute)/6) // ≥ 1
}

// waiting answers for a live number; ok is false for every other.
func (v *view) waiting(ref queue.PlaceRef) (place queue.Place, ok bool) {
	if ref.Epoch != v.Policy.Epoch || !v.Live.Has(ref.N) {
		return queue.Place{}, false
	}
	place = queue.Place{PlaceRef: ref, State: queue.PlaceWaiting, Key: queue.LateKey(ref.N)}
	switch {
	case v.Policy.SoldOut:
		place.State, place.Reason = queue.PlaceExpired, queue.ReasonSoldOut
	case v.Policy.State == queue.Closed:
		place.State, place.Reason = queue.PlaceExpired, queue.ReasonClosed
	case beforeDraw(v.Policy):
		place.State, place.Key = queue.PlaceLobby, ""
	default:
		ahead := v.Live.Ahead(ref.N)
		place.Ahead = &ahead
	}
	return v.complete(place), true
}

// complete adds what the copy knows: total, estimate, when to ask again. A place
// that was read from Redis may be newer than the copy.
func (v *view) complete(place queue.Place) queue.Place {
	place.Total = v.Live.Total()
	if place.State == queue.PlaceWaiting && place.Ahead != nil {
		place.Total = max(place.Total, *place.Ahead+1)
	}
	switch {
	case place.State == queue.PlaceOffered || place.State == queue.PlaceActive:
		place.ETA = &queue.ETA{}
	case place.Ahead != nil:
		place.ETA = queue.Estimate(*place.Ahead, v.perMinute, v.Figures.NoShowShare)
	}
	place.PollAfter = queue.PollAfter(place.ETA)
	return place
}

// maxAnswers bounds the memory of answers; beyond it Redis is simply asked again.
const maxAnswers = 200_000

// answers remembers what Redis said of places that do not wait: for a second, or
// for good when it will not change.
type answers struct {
	mu sync.Mutex
	by map[queue.SessionRef]answer
}

type answer struct {
	place queue.Place
	at    time.Time
	final bool
}

func nameOf(ref queue.PlaceRef) queue.SessionRef {
	return queue.SessionRef{SaleID: ref.SaleID, Epoch: ref.Epoch, N: ref.N}
}

func (a *answers) get(ref queue.PlaceRef, now time.Time) (queue.Place, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	known, ok := a.by[nameOf(ref)]
	if !ok || (!known.final && now.Sub(known.at) >= rememberPlace) {
		return queue.Place{}, false
	}
	return known.place, true
}

func (a *answers) put(place queue.Place, now time.Time, final bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.by == nil {
		a.by = map[queue.SessionRef]answer{}
	}
	if len(a.by) < maxAnswers {
		a.by[nameOf(place.PlaceRef)] = answer{place, now, final}
	}
}

func (a *answers) forget(ref queue.PlaceRef) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.by, nameOf(ref))
}

// forgetOld drops what is stale, and everything of an epoch that is over.
func (a *answers) forgetOld(now time.Time, p queue.Policy) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for name, known := range a.by {
		if name.Epoch != p.Epoch || (!known.final && now.Sub(known.at) >= rememberPlace) {
			delete(a.by, name)
		}
	}
}
