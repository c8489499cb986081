package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/guard"
	"github.com/fairgate/fairgate/shared/notify"
	"github.com/fairgate/fairgate/shared/platform/httpd"
)

// Notification is one entry of the inbox, in the account's language.
type Notification struct {
	ID        string    `json:"id" doc:"Grows; the id of its event in the stream." example:"42"`
	Kind      string    `json:"kind" example:"booking_confirmed"`
	EntityID  string    `json:"entity_id" doc:"What it is about: a booking." example:"bkg-01jd0z8m7q3k5v9x2c4b6n8p0r"`
	Title     string    `json:"title"`
	Body      string    `json:"body"`
	Link      string    `json:"link" doc:"A path on this origin." example:"/me/bookings"`
	CreatedAt time.Time `json:"created_at"`
}

func notificationOf(n notify.Notification) Notification {
	return Notification{
		ID: strconv.FormatInt(n.Seq, 10), Kind: string(n.Kind), EntityID: n.Entity,
		Title: n.Title, Body: n.Body, Link: n.Link, CreatedAt: n.CreatedAt.UTC(),
	}
}

type notificationsOutput struct {
	Cache string `header:"Cache-Control"`
	Body  listBody[Notification]
}

func (a *api) notificationRoutes(app *fiber.App) {
	add(a, route{account: true, Operation: huma.Operation{
		OperationID: "list-notifications", Method: http.MethodGet, Path: "/v1/me/notifications", Tags: []string{"notifications"},
		Summary: "My notifications", Description: "Newest first.",
	}}, a.notifications)
	app.Get("/v1/me/notifications/events", a.notificationEvents)
}

func (a *api) notifications(ctx context.Context, in *PageInput) (*notificationsOutput, error) {
	page, err := a.Inbox.List(ctx, of(ctx).caller.ID, in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &notificationsOutput{Cache: "no-store", Body: listBody[Notification]{Items: make([]Notification, len(page.Items)), NextCursor: orNull(page.NextCursor)}}
	for i, n := range page.Items {
		out.Body.Items[i] = notificationOf(n)
	}
	return out, nil
}

// streamRetry is what a stream that we end asks its clients to wait.
const streamRetry = time.Second

// errStopped ends a stream whose server stops.
var errStopped = errors.New("the server is stopping")

// lifeOf returns a context that ends with the stream: when done is called, or from
// the first call of watch on, when the server stops, or the token of whom it is for
// expires or is revoked. caller is nil for what everybody may read.
func (a *api) lifeOf(caller *Caller) (ctx context.Context, watch func(stop <-chan struct{}), done func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var once sync.Once
	watch = func(stop <-chan struct{}) {
		once.Do(func() {
			guard.Go("notifications", func() {
				defer cancel()
				a.tokens.waitFor(ctx, stop, caller)
			})
		})
	}
	return ctx, watch, cancel
}

// notificationEvents streams the caller's notifications. EventSource cannot send
// headers, so this one address also takes the access token from its cookie.
func (a *api) notificationEvents(c *fiber.Ctx) error {
	tokens := []string{bearer(c.Get(fiber.HeaderAuthorization))}
	if tokens[0] == "" {
		tokens = httpd.Cookies(c, streamCookie)
	}
	caller, err := a.firstCaller(c.UserContext(), tokens)
	if err != nil {
		return err
	}
	after := notify.FromNow
	if c.Get("Last-Event-ID", c.Query("since")) != "" {
		if after, err = sinceOf(c); err != nil {
			return err
		}
	}
	ctx, watch, done := a.lifeOf(&caller)
	news, err := a.Inbox.Subscribe(ctx, caller.ID, after)
	if err != nil {
		done()
		return err
	}
	begun := false
	return a.Streams.Serve(c, func(e *httpd.Events, stop <-chan struct{}) error {
		watch(stop)
		if !begun { // the headers leave with the first bytes
			begun = true
			e.Retry(streamRetry)
			return nil
		}
		return nextNotification(e, news)
	}, done)
}

// firstCaller returns whom the first good one of the tokens names.
func (a *api) firstCaller(ctx context.Context, tokens []string) (caller Caller, err error) {
	err = errs.ErrUnauthenticated
	for _, token := range tokens {
		if caller, err = a.tokens.verify(ctx, token); !errors.Is(err, errs.ErrUnauthenticated) {
			break
		}
	}
	return caller, err
}

func nextNotification(e *httpd.Events, news <-chan notify.Notification) error {
	quiet := time.NewTimer(httpd.HeartbeatEvery)
	defer quiet.Stop()
	select {
	case n, open := <-news:
		if !open {
			e.Retry(streamRetry)
			return errStopped
		}
		body, err := json.Marshal(notificationOf(n))
		if err != nil {
			return err
		}
		e.Event(strconv.FormatInt(n.Seq, 10), "notification", body)
	case <-quiet.C:
		e.Heartbeat()
	}
	return nil
}

// availabilityEvents streams the changes of a showtime's seats.
func (a *api) availabilityEvents(c *fiber.Ctx) error {
	since, err := sinceOf(c)
	if err != nil {
		return err
	}
	subscription, err := a.Availability.Subscribe(c.UserContext(), strings.Clone(c.Params("id")), since)
	if err != nil {
		return err
	}
	ctx, watch, done := a.lifeOf(nil)
	return a.Streams.Serve(c, func(e *httpd.Events, stop <-chan struct{}) error {
		watch(stop)
		return nextSeats(ctx, e, subscription)
	}, func() { done(); subscription.Close() })
}

func nextSeats(ctx context.Context, e *httpd.Events, subscription *booking.Subscription) error {
	quiet, cancel := context.WithTimeout(ctx, httpd.HeartbeatEvery)
	defer cancel()
	update, err := subscription.Next(quiet)
	switch {
	case err == nil:
		e.Event(strconv.FormatInt(update.Version, 10), update.Event, update.JSON)
	case ctx.Err() != nil:
		e.Retry(streamRetry)
		return io.EOF
	default:
		e.Heartbeat()
	}
	return nil
}

// describeStreams adds to the document what is not served by huma.
func (a *api) describeStreams() {
	id := &huma.Param{Name: "id", In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}}
	since := &huma.Param{Name: "since", In: "query", Description: "Stands in for Last-Event-ID on a first call.", Schema: &huma.Schema{Type: huma.TypeString}}
	last := &huma.Param{Name: "Last-Event-ID", In: "header", Schema: &huma.Schema{Type: huma.TypeString}}
	stream := func(description, example string, fails ...*errs.Error) map[string]*huma.Response {
		responses := refusals(fails)
		maps.Copy(responses, map[string]*huma.Response{
			"200": {Description: description, Content: map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}, Example: example}}},
			"204": {Description: "Too many streams, or the server is stopping: poll instead."},
		})
		return responses
	}
	document := a.huma.OpenAPI()
	document.AddOperation(&huma.Operation{
		OperationID: "stream-availability", Method: http.MethodGet, Path: "/v1/showtimes/{id}/availability/events", Tags: []string{"seats"},
		Summary: "Seats as they change", Description: "Server-sent events, at most four a second: `delta` with `changes: [[index, state], …]`, or " +
			"`snapshot` like the availability itself when the gap is too large. Both are absolute; the id is the version.",
		Parameters: []*huma.Param{id, last, since},
		Responses:  stream("Events.", "id: 1763650000123\nevent: delta\ndata: {\"version\":1763650000123,\"remaining\":14208,\"changes\":[[12,1],[13,1]]}\n\n", catalogue.ErrShowtimeNotFound, catalogue.ErrHallNotFound),
	})
	document.AddOperation(&huma.Operation{
		OperationID: "stream-notifications", Method: http.MethodGet, Path: "/v1/me/notifications/events", Tags: []string{"notifications"},
		Summary: "Notifications as they come", Description: "Server-sent events `notification`, replayed after Last-Event-ID. EventSource is " +
			"let in by the cookie that log-in and refresh set for this address.",
		Security:   []map[string][]string{{"account": {}}},
		Parameters: []*huma.Param{last, since},
		Responses:  stream("Events.", "id: 42\nevent: notification\ndata: {\"id\":\"42\",\"kind\":\"booking_confirmed\"}\n\n"),
	})
	document.AddOperation(&huma.Operation{
		OperationID: "access-token-keys", Method: http.MethodGet, Path: "/.well-known/jwks.json", Tags: []string{"accounts"},
		Summary: "Public keys of access tokens", Description: "On the API's own port: through the gateway this address has the keys of passes.",
		Parameters: []*huma.Param{{Name: "If-None-Match", In: "header", Schema: &huma.Schema{Type: huma.TypeString}}},
		Responses:  map[string]*huma.Response{"200": {Description: "RFC 7517", Content: map[string]*huma.MediaType{jsonType: {Schema: &huma.Schema{Type: huma.TypeObject}}}}},
	})
}
