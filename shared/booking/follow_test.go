package booking

import (
	"context"
	"log/slog"
	"testing"

	"github.com/fairgate/fairgate/shared/clock"
)

func TestASilentStreamIsReadLessOften(t *testing.T) {
	t.Parallel()
	if soon := pollPause(quietAfter - 1); soon != pollEvery {
		t.Errorf("while it flows: %s", soon)
	}
	if late := pollPause(quietAfter); late != quietPollEvery {
		t.Errorf("after a silence: %s", late)
	}
}

// oneEvent is a stream that has something to say once.
type oneEvent struct {
	SeatSource
	said bool
}

func (s *oneEvent) Read(context.Context, map[string]string) (map[string]SeatPage, error) {
	page := SeatPage{Next: "1-0"}
	if !s.said {
		page.Events = []SeatEvent{{ShowtimeID: "elsewhere"}}
	}
	s.said = true
	return map[string]SeatPage{"pf": page}, nil
}

func TestOnlyNewsEndASilence(t *testing.T) {
	t.Parallel()
	a := NewAvailability(nil, nil, &oneEvent{}, clock.System{}, slog.New(slog.DiscardHandler))
	a.feeds["pf"] = &feed{position: "0-0", synced: true}
	for _, want := range []bool{true, false} {
		if found, _, err := a.poll(context.Background()); err != nil || found != want {
			t.Errorf("found %t, %v; want %t", found, err, want)
		}
	}
}
