package queueredis

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fairgate/fairgate/shared/platform/coalesce"
	"github.com/fairgate/fairgate/shared/queue"
)

var _ queue.Sessions = (*Store)(nil)

const (
	sessionsTogether = 100 // asked for in one call
	sessionsTimeout  = 2 * time.Second
)

// sessionAsked is one pass whose session is asked for.
type sessionAsked struct {
	ref    queue.SessionRef
	bindTo string
}

// sessionEnd is the answer; the zero time when the session is not active.
type sessionEnd struct {
	at  time.Time
	err error
}

// SessionActive implements queue.Sessions. Those who ask about one line at the same
// time ask together, and always after they have come.
func (s *Store) SessionActive(ctx context.Context, ref queue.SessionRef, bindTo string) (time.Time, bool, error) {
	end, err := s.sessionsOf(ref.SaleID).Call(ctx, sessionAsked{ref, bindTo})
	if err == nil {
		err = end.err
	}
	if err != nil {
		return time.Time{}, false, queue.ErrUnavailable.Because(err)
	}
	return end.at, !end.at.IsZero(), nil
}

// askers are those who ask about the sessions of one line.
type askers = coalesce.Group[sessionAsked, sessionEnd]

// sessionsOf returns the askers of a sale. Only passes that we have signed lead here,
// so there are no more of them than sales.
func (s *Store) sessionsOf(sale string) *askers {
	if known, ok := s.asking.Load(sale); ok {
		return known.(*askers)
	}
	fresh := coalesce.NewGroup(sessionsTogether, sessionsTimeout, func(ctx context.Context, asked []sessionAsked) ([]sessionEnd, error) {
		return s.sessionEnds(ctx, sale, asked), nil
	})
	known, _ := s.asking.LoadOrStore(strings.Clone(sale), fresh)
	return known.(*askers)
}

// sessionEnds asks Redis. What fails, fails for all: nobody need ask again alone.
func (s *Store) sessionEnds(ctx context.Context, sale string, asked []sessionAsked) []sessionEnd {
	args := make([]any, 0, 1+3*len(asked))
	args = append(args, s.nowText())
	for _, a := range asked {
		args = append(args, a.ref.Epoch, a.ref.N, a.bindTo)
	}
	ends := make([]sessionEnd, len(asked))
	millis, err := s.scripts.session.Run(ctx, s.client, s.keys.session(sale), args...).Int64Slice()
	for i := range ends {
		if ends[i].err = err; err == nil {
			ends[i].at = moment(millis[i])
		}
	}
	return ends
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

// Endings returns up to limit notes of sessions that were ended before their time (the
// fan left, the booking is confirmed, the line was reset), oldest first. They stay until
// ForgetEndings: nothing is lost while nobody reads them.
func (s *Store) Endings(ctx context.Context, sale string, limit int) ([]queue.Ending, error) {
	notes, err := s.client.XRangeN(ctx, s.keys.endings(sale), "-", "+", int64(limit)).Result()
	if err != nil {
		return nil, queue.ErrUnavailable.Because(err)
	}
	endings := make([]queue.Ending, len(notes))
	for i, note := range notes {
		endings[i] = readEnding(sale, note)
	}
	return endings, nil
}

// readEnding leaves out what is no number (0 is the number of no place and no epoch), so
// that a broken note is forgotten rather than in everybody's way.
func readEnding(sale string, note redis.XMessage) queue.Ending {
	ending := queue.Ending{ID: note.ID}
	epochText, _ := note.Values["e"].(string)
	numbers, _ := note.Values["n"].(string)
	epoch, _ := strconv.ParseUint(epochText, 10, 32)
	for text := range strings.FieldsSeq(numbers) {
		n, _ := strconv.ParseUint(text, 10, 64)
		ref := queue.SessionRef{SaleID: sale, Epoch: uint32(epoch), N: n}
		if ref.Epoch != 0 && ref.N != 0 {
			ending.Sessions = append(ending.Sessions, ref)
		}
	}
	return ending
}

// ForgetEndings removes notes that have been acted upon.
func (s *Store) ForgetEndings(ctx context.Context, sale string, endings []queue.Ending) error {
	if len(endings) == 0 {
		return nil
	}
	ids := make([]string, len(endings))
	for i, ending := range endings {
		ids[i] = ending.ID
	}
	if err := s.client.XDel(ctx, s.keys.endings(sale), ids...).Err(); err != nil {
		return queue.ErrUnavailable.Because(err)
	}
	return nil
}

// unknownSession reports that the line or its epoch is gone, and every session with it.
func unknownSession(err error) bool {
	return errors.Is(err, queue.ErrLineNotFound) || errors.Is(err, queue.ErrPlaceInvalid)
}
