package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/platform/httpd"
	"github.com/fairgate/fairgate/shared/queue"
)

// The rhythm of a stream.
const (
	farBeat     = 10 * time.Second // far from the turn, in a session, after it
	nearBeat    = time.Second
	offeredBeat = 2 * time.Second
	nearTurn    = time.Minute // expected wait below which a fan is near
	repeatNear  = 5 * time.Second
	reconnect   = 2 * time.Second // at least; twice that at most
	askTimeout  = 3 * time.Second
)

// events is GET /v1/queues/{sale}/places/me/events. Last-Event-ID is of no use:
// the first event tells where the place stands now.
func (a *API) events(c *fiber.Ctx) error {
	ref, _, err := a.placeOf(c)
	if err != nil {
		return err
	}
	if _, err := a.Lines.Place(c.UserContext(), ref); err != nil {
		return a.invalidate(c, ref, err)
	}
	wake, stop := a.Lines.Watch(ref)
	s := &stream{api: a, ref: ref, wake: wake, timer: time.NewTimer(0)}
	return a.Streams.Serve(c, s.next, func() {
		s.timer.Stop()
		stop()
	})
}

// stream is one fan's event stream.
type stream struct {
	api    *API
	ref    queue.PlaceRef
	wake   <-chan struct{}
	timer  *time.Timer
	opened bool
	lookAt time.Time // when the place is looked at next
	sentAt time.Time // anything at all
	place  []byte    // last sent
	toldAt time.Time // when the place was sent
	status []byte    // last sent
}

type placeEvent struct {
	State         queue.PlaceState `json:"state"`
	Reason        string           `json:"reason,omitempty"`
	Ahead         *uint64          `json:"ahead"`
	ETA           *etaBody         `json:"eta_seconds"`
	ClaimBefore   *time.Time       `json:"claim_before,omitempty"`
	SessionEndsAt *time.Time       `json:"session_ends_at,omitempty"`
}

// next implements the source of httpd.Streams.
func (s *stream) next(e *httpd.Events, stop <-chan struct{}) error {
	if !s.opened {
		s.opened = true
		e.Retry(reconnect)
	}
	for {
		select {
		case <-stop:
			e.Retry(reconnect)
			return io.EOF
		case <-s.wake:
			s.lookAt = time.Time{}
		case <-s.timer.C:
		}
		if wrote, err := s.compose(e, s.api.Clock.Now()); wrote || err != nil {
			return err
		}
	}
}

// early is by how much a timer may fire before what it is for is due.
const early = 20 * time.Millisecond

// compose appends what is new, or a heartbeat when one is due, and sets the timer
// for the sooner of the next look and the next heartbeat.
func (s *stream) compose(e *httpd.Events, now time.Time) (wrote bool, err error) {
	if !now.Add(early).Before(s.lookAt) {
		wrote, err = s.look(e, now)
	}
	if !wrote && now.Sub(s.sentAt) >= httpd.HeartbeatEvery-early {
		e.Heartbeat()
		wrote = true
	}
	if wrote {
		s.sentAt = now
	}
	s.timer.Reset(min(s.lookAt.Sub(now), s.sentAt.Add(httpd.HeartbeatEvery).Sub(now)))
	return wrote, err
}

// look appends what is new of the place and its line.
func (s *stream) look(e *httpd.Events, now time.Time) (wrote bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	place, err := s.api.Lines.Place(ctx, s.ref)
	beat := beatOf(place)
	if errors.Is(err, queue.ErrUnavailable) { // nothing new can be told; the fan loses nothing
		beat = offeredBeat
	} else if err != nil {
		return false, io.EOF // the place is no more; the page finds out why
	} else if wrote, err = s.composePlace(e, place, now, beat); err != nil {
		return false, err
	}
	s.lookAt = now.Add(beat)
	return s.composeStatus(e, now) || wrote, nil
}

func beatOf(p queue.Place) time.Duration {
	switch p.State {
	case queue.PlaceOffered:
		return offeredBeat
	case queue.PlaceWaiting:
		if p.ETA != nil && p.ETA.P50 < nearTurn || p.Ahead != nil && *p.Ahead == 0 {
			return nearBeat
		}
	}
	return farBeat
}

func (s *stream) composePlace(e *httpd.Events, p queue.Place, now time.Time, beat time.Duration) (bool, error) {
	data, err := json.Marshal(placeEvent{
		State: p.State, Reason: p.Reason, Ahead: p.Ahead, ETA: etaOf(p),
		ClaimBefore: timeOf(p.ClaimBefore), SessionEndsAt: timeOf(p.SessionEndsAt),
	})
	if err != nil {
		return false, err
	}
	if bytes.Equal(data, s.place) && (beat != farBeat || p.State != queue.PlaceWaiting) && now.Sub(s.toldAt) < repeatNear {
		return false, nil
	}
	s.place, s.toldAt = data, now
	e.Event(strconv.FormatInt(now.UnixMilli(), 36), "place", data)
	return true, nil
}

func (s *stream) composeStatus(e *httpd.Events, now time.Time) bool {
	status, err := s.api.Lines.Status(s.ref.SaleID)
	if err != nil || bytes.Equal(status.Notice, s.status) {
		return false
	}
	s.status = status.Notice
	e.Event(strconv.FormatInt(now.UnixMilli(), 36), "status", status.Notice)
	return true
}
