package queueredis

import (
	"context"
	"errors"
	"time"

	"github.com/fairgate/fairgate/shared/queue"
)

var _ queue.Sessions = (*Store)(nil)

// SessionActive implements queue.Sessions.
func (s *Store) SessionActive(ctx context.Context, ref queue.SessionRef, bindTo string) (time.Time, bool, error) {
	r, err := s.runKeys(ctx, s.scripts.session, s.keys.session(ref.SaleID), ref.Epoch, ref.N, bindTo)
	if err != nil {
		return time.Time{}, false, err
	}
	endsAt := moment(r.integer(1))
	return endsAt, !endsAt.IsZero(), nil
}

// ExtendSession moves the end of an active session to until: once, and never
// earlier. active is false when there is no such session any more.
func (s *Store) ExtendSession(ctx context.Context, ref queue.SessionRef, until time.Time) (active bool, err error) {
	r, err := s.run(ctx, s.scripts.extend, ref.SaleID, ref.Epoch, ref.N, until.UnixMilli())
	if unknownSession(err) {
		return false, nil
	}
	return err == nil && r.integer(1) == 1, err
}

// EndSession ends a session because its booking is confirmed: its pass is dead
// and its slot free when this returns. wasActive is false when it was over before.
func (s *Store) EndSession(ctx context.Context, ref queue.SessionRef) (wasActive bool, err error) {
	r, err := s.run(ctx, s.scripts.finish, ref.SaleID, ref.Epoch, ref.N)
	if unknownSession(err) {
		return false, nil
	}
	return err == nil && r.integer(1) == 1, err
}

// unknownSession reports that the line or its epoch is gone, and every session with it.
func unknownSession(err error) bool {
	return errors.Is(err, queue.ErrLineNotFound) || errors.Is(err, queue.ErrPlaceInvalid)
}
