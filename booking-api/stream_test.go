package bookingapi

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/fairgate/fairgate/shared/account"
	"github.com/fairgate/fairgate/shared/account/accountredis"
	"github.com/fairgate/fairgate/shared/notify"
	"github.com/fairgate/fairgate/shared/notify/notifypg"
	"github.com/fairgate/fairgate/shared/notify/notifyredis"
	"github.com/fairgate/fairgate/shared/platform/jwks"
)

// sse is an open stream of events.
type sse struct {
	t      *testing.T
	events chan string // "name data"; closed at the end of the stream
	last   string      // id of the last event; read after an event
	ids    chan string
}

func (w *world) stream(path string, headers ...string) *sse {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w.t.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.base+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	if response.StatusCode != 200 || response.Header.Get("Content-Type") != "text/event-stream" {
		w.t.Fatalf("%s: %s %s", path, response.Status, response.Header.Get("Content-Type"))
	}
	s := &sse{t: w.t, events: make(chan string, 100), ids: make(chan string, 100)}
	go func() {
		defer close(s.events)
		defer func() { _ = response.Body.Close() }()
		id, name := "", ""
		for lines := bufio.NewScanner(response.Body); lines.Scan(); {
			field, value, _ := strings.Cut(lines.Text(), ": ")
			switch field {
			case "id":
				id = value
			case "event":
				name = value
			case "data":
				s.ids <- id
				s.events <- name + " " + value
			}
		}
	}()
	return s
}

func (s *sse) next(prefix string) string {
	s.t.Helper()
	select {
	case event, open := <-s.events:
		if !open || !strings.HasPrefix(event, prefix) {
			s.t.Fatalf("event %q, want %s", event, prefix)
		}
		s.last = <-s.ids
		return event
	case <-time.After(15 * time.Second):
		s.t.Fatalf("no event %s", prefix)
		return ""
	}
}

func TestAvailabilityStreamsChangesReplaysAndEndsWithTheServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.fans(1)[0]
	_, showtime := w.sale(map[string]any{"seats": 50, "queued": false})
	seats := w.seats(showtime, 2)
	path := "/v1/showtimes/" + showtime + "/availability/events"
	live := w.stream(path)
	live.next("snapshot")
	since := live.last
	w.hold(f, showtime, seats[0]).is(201)
	if event := live.next("delta"); !strings.Contains(event, `"changes":[[0,1]]`) {
		t.Errorf("event %s", event)
	}
	returned := w.stream(path, "Last-Event-ID", since)
	// Seats loaded moments ago are replayed as a snapshot; either says that seat 0 is held.
	for _, again := range []*sse{returned, w.stream(path + "?since=" + since)} {
		if event := again.next(""); !strings.Contains(event, `[0,1]`) && !strings.Contains(event, `"bitset":"AQAA`) {
			t.Errorf("replay %s", event)
		}
	}
	w.stream(path + "?since=1").next("snapshot")
	w.call("GET", path+"?since=x", nil).is(422, "validation_failed")
	w.call("GET", "/v1/showtimes/none/availability/events", nil).is(404, "showtime_not_found")

	begun := time.Now()
	w.stop()
	if err := <-w.done; err != nil {
		t.Errorf("stopping: %v", err)
	}
	w.done <- nil
	if took := time.Since(begun); took > 4*time.Second {
		t.Errorf("stopping with open streams took %s", took)
	}
	for range live.events { // ends
	}
}

func TestNotificationsAreListedAndStreamedToTheirOwner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	fans := w.fans(2)
	f, other := fans[0], fans[1]
	inbox := notify.NewInbox(notifypg.NewStore(w.pool), notifyredis.NewBell(w.service.redis, w.service.cfg.Redis.Prefix))
	tell := func(entity string) {
		n := notify.Notification{AccountID: f.id, Kind: notify.BookingConfirmed, Entity: entity, Title: "예매 완료", Body: "…", Link: "/me/bookings"}
		if err := inbox.Tell(context.Background(), n); err != nil {
			t.Fatal(err)
		}
	}
	tell("bkg-1")
	if items := w.call("GET", "/v1/me/notifications", nil, f.auth...).is(200).items(); len(items) != 1 || items[0]["entity_id"] != "bkg-1" {
		t.Errorf("inbox: %v", items)
	}
	if items := w.call("GET", "/v1/me/notifications", nil, other.auth...).is(200).items(); len(items) != 0 {
		t.Errorf("somebody else's inbox: %v", items)
	}
	w.call("GET", "/v1/me/notifications?cursor=x", nil, f.auth...).is(400, "bad_cursor")
	const path = "/v1/me/notifications/events"
	w.call("GET", path, nil).is(401, "unauthenticated")

	cookie := []string{"Cookie", "access_token=" + strings.TrimPrefix(f.auth[1], "Bearer ")}
	w.call("GET", "/v1/me", nil, cookie...).is(401, "unauthenticated") // the cookie is for the stream only
	live := w.stream(path, cookie...)
	tell("bkg-2")
	if event := live.next("notification"); !strings.Contains(event, "bkg-2") {
		t.Errorf("event %s", event)
	}
	tell("bkg-3")
	live.next("notification")
	replayed := w.stream(path, with(f.auth, []string{"Last-Event-ID", "1"})...)
	for _, entity := range []string{"bkg-2", "bkg-3"} {
		if event := replayed.next("notification"); !strings.Contains(event, entity) {
			t.Errorf("replay %s, want %s", event, entity)
		}
	}
}

// An open stream ends with the account that it is for, at every instance, and no other.
func TestTheStreamOfADeletedAccountEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	fans := w.fans(2)
	const path = "/v1/me/notifications/events"
	gone, stays := w.stream(path, fans[0].auth...), w.stream(path, fans[1].auth...)
	elsewhere := accountredis.NewRevoked(w.service.redis, w.service.cfg.Redis.Prefix, account.AccessLifetime)
	if err := elsewhere.Revoke(context.Background(), fans[0].id); err != nil {
		t.Fatal(err)
	}
	for range gone.events { // ends
	}
	w.call("GET", path, nil, fans[0].auth...).is(401, "unauthenticated")
	select {
	case _, open := <-stays.events:
		if !open {
			t.Error("another account's stream has ended")
		}
	default:
	}
}

// A stream lives as long as the token that opened it, not longer.
func TestTheStreamOfAnExpiredTokenEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.fans(1)[0]
	keys, err := jwks.NewSignerBase64(w.service.cfg.AccessTokenKey.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	const name = "fairgate" // of the issuer and the audience
	now := time.Now()
	token, err := keys.Sign(jwt.RegisteredClaims{
		ID: "at-brief", Issuer: name, Audience: jwt.ClaimStrings{name}, Subject: f.id,
		IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(3 * time.Second)),
	}, "at+jwt")
	if err != nil {
		t.Fatal(err)
	}
	const path = "/v1/me/notifications/events"
	ends, stays := w.stream(path, "Authorization", "Bearer "+token), w.stream(path, f.auth...)
	select {
	case _, open := <-ends.events:
		if open {
			t.Error("an event that nobody sent")
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the stream outlives its token")
	}
	select {
	case <-stays.events:
		t.Error("the stream of a token that is good has ended")
	default:
	}
}
