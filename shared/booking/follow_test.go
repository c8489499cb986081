package booking

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

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

// slowRead is a stream from which somebody is reading that the first seat was claimed.
type slowRead struct {
	SeatSource
	seat           string
	begun, release chan struct{}
}

func (s slowRead) Read(context.Context, map[string]string) (map[string]SeatPage, error) {
	close(s.begun)
	<-s.release
	claimed := SeatEvent{ShowtimeID: "st", Seats: []string{s.seat}, State: Held, Until: time.Now().Add(time.Hour), Claim: true}
	return map[string]SeatPage{"pf": {Next: "1-0", Events: []SeatEvent{claimed}}}, nil
}

func (slowRead) Publish(context.Context, string, string, []SeatChange) error { return nil }

func TestASeatGivenBackHereIsFreeWhateverIsBeingRead(t *testing.T) {
	t.Parallel()
	seatMap := testMap(1)
	stream := slowRead{seat: seatMap.Seats[0].No, begun: make(chan struct{}), release: make(chan struct{})}
	a := NewAvailability(nil, nil, stream, clock.System{}, slog.New(slog.DiscardHandler))
	w := &watched{seatBoard: newSeatBoard(seatMap, time.Now()), id: "st", performanceID: "pf", ready: make(chan struct{})}
	close(w.ready)
	a.feeds["pf"], a.showtimes["st"] = &feed{position: "0-0", synced: true}, w

	var reader sync.WaitGroup
	reader.Go(func() { _, _, _ = a.poll(context.Background()) })
	<-stream.begun
	published := make(chan error, 1)
	go func() {
		published <- a.Feed(stream).Publish(context.Background(), "pf", "st", []SeatChange{{Seat: stream.seat, State: Free}})
	}()
	select {
	case err := <-published:
		t.Errorf("published before the older page was taken over: %v", err)
		published <- err
	case <-time.After(50 * time.Millisecond): // it waits for the reader
	}
	close(stream.release)
	reader.Wait()
	if err := <-published; err != nil {
		t.Fatal(err)
	}
	if taken := w.taken(time.Now()); len(taken) != 0 {
		t.Errorf("taken: %v", taken)
	}
}
