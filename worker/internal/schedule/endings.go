package schedule

import (
	"context"
	"errors"
	"fmt"

	"github.com/fairgate/fairgate/shared/event"
	"github.com/fairgate/fairgate/shared/platform/run"
	"github.com/fairgate/fairgate/shared/queue"
)

// EndedLines are the lines with their notes of sessions that were ended before their time.
type EndedLines interface {
	Lines(ctx context.Context) ([]string, error)
	Endings(ctx context.Context, sale string, limit int) ([]queue.Ending, error)
	ForgetEndings(ctx context.Context, sale string, endings []queue.Ending) error
}

// SessionHolds releases what is held in sessions; see booking.Releaser.
type SessionHolds interface {
	EndSessions(ctx context.Context, saleID string, sessions []event.Session) (released int, err error)
}

// Endings releases what is held in sessions that were ended before their time. A note is
// forgotten only after that, so that it is done again rather than not at all.
type Endings struct {
	Lines EndedLines
	Holds SessionHolds
}

// notesAtOnce of one line; a note may be of 500 sessions, after a reset.
const notesAtOnce = 20

func (e Endings) release(ctx context.Context) (run.Tally, error) {
	sales, err := e.Lines.Lines(ctx)
	if err != nil {
		return run.Tally{}, err
	}
	var tally run.Tally
	var faults []error
	for _, sale := range sales {
		if err := e.releaseOf(ctx, sale, &tally); err != nil {
			faults = append(faults, fmt.Errorf("line %s: %w", sale, err))
		}
	}
	return tally, errors.Join(faults...)
}

// releaseOf works off the notes of one line.
func (e Endings) releaseOf(ctx context.Context, sale string, tally *run.Tally) error {
	for ctx.Err() == nil {
		notes, err := e.Lines.Endings(ctx, sale, notesAtOnce)
		if err != nil || len(notes) == 0 {
			return err
		}
		sessions := sessionsOf(notes)
		tally.Selected += len(sessions)
		if len(sessions) > 0 {
			if _, err := e.Holds.EndSessions(ctx, sale, sessions); err != nil {
				tally.Failed += len(sessions)
				return err
			}
		}
		tally.Done += len(sessions)
		if err := e.Lines.ForgetEndings(ctx, sale, notes); err != nil || len(notes) < notesAtOnce {
			return err
		}
	}
	return nil
}

func sessionsOf(notes []queue.Ending) []event.Session {
	var sessions []event.Session
	for _, note := range notes {
		for _, ref := range note.Sessions {
			sessions = append(sessions, event.Session{SaleID: ref.SaleID, Epoch: ref.Epoch, N: ref.N})
		}
	}
	return sessions
}
