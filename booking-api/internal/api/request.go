package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"
	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/account"
	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/event"
	"github.com/fairgate/fairgate/shared/platform/audit"
	"github.com/fairgate/fairgate/shared/platform/httpd"
	"github.com/fairgate/fairgate/shared/platform/logging"
	"github.com/fairgate/fairgate/shared/platform/postgres"
	"github.com/fairgate/fairgate/shared/queue"
	"github.com/fairgate/fairgate/shared/text"
)

const (
	headerPass        = "Entry-Pass"
	headerIdempotency = "Idempotency-Key"
	refreshCookie     = "refresh_token"
	// streamCookie holds the access token for EventSource, which cannot send
	// headers; it is sent to, and believed by, the notifications' stream only.
	streamCookie     = "access_token"
	streamCookiePath = "/v1/me/notifications"
	maxKeyLength     = 200
)

var (
	errKeyRequired = errs.New(errs.Malformed, "idempotency_key_required", "Send an Idempotency-Key of 1 to 200 printable ASCII characters.")
	errElsewhere   = errs.ErrForbidden.WithMessage("Another site's page must not make this request.")
	errOrigin      = errs.ErrForbidden.WithMessage("A request that relies on a cookie must come from this site's own pages.")
)

// request is what the middlewares have found out about a request.
type request struct {
	caller  Caller         // zero on public routes
	session *queue.Session // of the pass, on queued sales
	offer   *booking.Offer // of the showtime in the path, where seats are held
	key     booking.Key    // where an Idempotency-Key is required
	network string         // of the caller, as limits count it
	id      string
	browser browser // where the route notes it
}

type requestKey struct{}

// of returns what is known about the request that ctx belongs to.
func of(ctx context.Context) *request { return ctx.Value(requestKey{}).(*request) }

// act makes the caller the actor of what ctx changes.
func (r *request) act(ctx context.Context) context.Context {
	return audit.WithActor(ctx, "account:"+r.caller.ID)
}

func (r *request) bookingSession() *event.Session { return eventSession(r.session) }

func eventSession(s *queue.Session) *event.Session {
	if s == nil {
		return nil
	}
	return &event.Session{SaleID: s.SaleID, Epoch: s.Epoch, N: s.N}
}

// humaContext is an alias because an embedded field named Context would hide the
// method of that name.
type humaContext = huma.Context

// copied is a request whose strings stay as they are after the answer. Its body is
// canonical JSON; an absent one equals {}.
type copied struct{ humaContext }

func (c copied) Unwrap() huma.Context     { return c.humaContext }
func (c copied) Param(name string) string { return strings.Clone(c.humaContext.Param(name)) }
func (c copied) Query(name string) string { return strings.Clone(c.humaContext.Query(name)) }
func (c copied) BodyReader() io.Reader    { return bytes.NewReader(bodyOf(c.humaContext)) }

// Header hides from huma which media types are named: it knows them in lower case only.
// requireReadable has seen to what is sent, and every answer is JSON.
func (c copied) Header(name string) string {
	if name == fiber.HeaderContentType || name == fiber.HeaderAccept {
		return ""
	}
	return strings.Clone(c.humaContext.Header(name))
}

// AppendHeader adds a line to the header: Fiber would join the values with commas,
// which browsers take for one cookie.
func (c copied) AppendHeader(name, value string) {
	humafiber.Unwrap(c).Response().Header.Add(name, value)
}

// bodyOf returns a copy of the body: canonical JSON, or as it was sent where it is no
// JSON, which requireReadable refuses, or where the operation takes it as it is.
func bodyOf(ctx huma.Context) []byte {
	body := httpd.Body(humafiber.Unwrap(ctx))
	if ctx.Operation().SkipValidateBody {
		return bytes.Clone(body)
	}
	if canonical, err := httpd.CanonicalJSON(body); err == nil {
		return canonical
	}
	return bytes.Clone(body)
}

// begin is the first middleware of every route.
func (a *api) begin(ctx huma.Context, next func(huma.Context)) {
	c := humafiber.Unwrap(ctx)
	r := &request{network: strings.Clone(httpd.ClientNetwork(c)), id: logging.RequestID(c.UserContext())}
	next(huma.WithValue(copied{ctx}, requestKey{}, r))
}

// refuse answers with err from a middleware.
func (a *api) refuse(ctx huma.Context, err error) {
	_ = httpd.WriteError(humafiber.Unwrap(ctx), a.Log, postgres.Explain(err))
}

// requireAccount lets only valid access tokens pass.
func (a *api) requireAccount(ctx huma.Context, next func(huma.Context)) {
	caller, err := a.callerOf(humafiber.Unwrap(ctx))
	if err != nil {
		a.refuse(ctx, err)
		return
	}
	of(ctx.Context()).caller = caller
	next(ctx)
}

// callerOf returns whom the access token of a request names.
func (a *api) callerOf(c *fiber.Ctx) (Caller, error) {
	caller, err := a.tokens.verify(c.UserContext(), bearer(c.Get(fiber.HeaderAuthorization)))
	if errors.Is(err, errs.ErrUnauthenticated) {
		c.Set(fiber.HeaderWWWAuthenticate, "Bearer")
	}
	return caller, err
}

// requireReadable comes last and refuses bodies that are not JSON, or not the same JSON
// for every reader, and what Postgres could not keep as text, in the query and the body.
// readablePath sees to the path.
func (a *api) requireReadable(ctx huma.Context, next func(huma.Context)) {
	c := humafiber.Unwrap(ctx)
	err := a.checkBody(c, ctx.Operation())
	for name, value := range c.Queries() {
		if !isText(value) {
			err = errs.ErrValidationFailed.WithField("query."+strings.Clone(name), "must be UTF-8 without the character NUL")
		}
	}
	if err != nil {
		a.refuse(ctx, err)
		return
	}
	next(ctx)
}

// checkBody looks at the body of an operation that takes one.
func (a *api) checkBody(c *fiber.Ctx, operation *huma.Operation) error {
	body := httpd.Body(c)
	if operation.RequestBody == nil {
		return nil
	}
	if operation.SkipValidateBody { // a stranger's: it is kept as it is
		return httpd.CheckText(body)
	}
	if err := httpd.CheckJSONType(c); err != nil {
		return err
	}
	canonical, err := httpd.CanonicalJSON(body)
	if err == nil && operation.Method == http.MethodPatch {
		err = a.checkNulls(operation, canonical)
	}
	return err
}

// checkNulls refuses null in a patch where it cannot clear anything; huma would take
// it for an absent member.
func (a *api) checkNulls(operation *huma.Operation, body []byte) error {
	schema := operation.RequestBody.Content[jsonType].Schema
	if schema.Ref != "" {
		schema = a.huma.OpenAPI().Components.Schemas.SchemaFromRef(schema.Ref)
	}
	refused := errs.ErrValidationFailed
	for _, path := range httpd.NullMembers(body) {
		name, _, _ := strings.Cut(path, ".")
		if property := schema.Properties[name]; property != nil && !property.Nullable {
			refused = refused.WithField("body."+path, "must not be null")
		}
	}
	if len(refused.Fields) > 0 {
		return refused
	}
	return nil
}

// readablePath is in front of every route: an address that Postgres could not keep as
// text names nothing that there is.
func readablePath(c *fiber.Ctx) error {
	path, err := url.PathUnescape(c.Path())
	if err != nil || !isText(path) {
		return fiber.ErrNotFound
	}
	return c.Next()
}

func isText(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

func bearer(header string) string {
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// requireKey insists on an Idempotency-Key.
func (a *api) requireKey(ctx huma.Context, next func(huma.Context)) {
	value := ctx.Header(headerIdempotency)
	if !isKey(value) {
		a.refuse(ctx, errKeyRequired)
		return
	}
	r, u := of(ctx.Context()), ctx.URL()
	route := ctx.Operation().Method + " " + ctx.Operation().Path
	r.key = booking.NewKey(r.caller.ID, route, value, ctx.Method(), u.Path, bodyOf(ctx))
	next(ctx)
}

func isKey(s string) bool {
	_, err := text.Token(strings.ReplaceAll(s, " ", ""))
	return s != "" && len(s) <= maxKeyLength && err == nil
}

// requireSameSite refuses what another site could have made this browser send.
func (a *api) requireSameSite(ctx huma.Context, next func(huma.Context)) {
	if !a.fromThisSite(humafiber.Unwrap(ctx)) {
		a.refuse(ctx, errOrigin)
		return
	}
	next(ctx)
}

// refuseElsewhere refuses what a browser says another site's page has made it send.
func (a *api) refuseElsewhere(ctx huma.Context, next func(huma.Context)) {
	if httpd.FromElsewhere(humafiber.Unwrap(ctx), a.origin()) {
		a.refuse(ctx, errElsewhere)
		return
	}
	next(ctx)
}

// fromThisSite reports whether this site's own pages sent the request. A browser
// hides the origin of a form ("null") where the page's Referrer-Policy tells it to;
// then Sec-Fetch-Site, which no page can write, says it.
func (a *api) fromThisSite(c *fiber.Ctx) bool {
	return httpd.FromThisSite(c, a.origin())
}

// origin is this site's, as browsers say it.
func (a *api) origin() string { return a.PublicURL.Scheme + "://" + a.PublicURL.Host }

// checkPass is passOf that keeps the session in the request.
func (a *api) checkPass(ctx huma.Context, sale catalogue.Sale) (err error) {
	r := of(ctx.Context())
	r.session, err = a.passOf(humafiber.Unwrap(ctx), r.caller.ID, sale)
	return err
}

// passOf lets an account book on the sale: always when it is not queued, else with a
// pass whose session is active. It returns that session, which booking asks for again
// when it decides by a sale that it has read itself.
func (a *api) passOf(c *fiber.Ctx, accountID string, sale catalogue.Sale) (*queue.Session, error) {
	if !sale.Queued {
		return nil, nil
	}
	ctx, saleID := c.UserContext(), sale.ID
	passes := []string{c.Get(headerPass)}
	if passes[0] == "" {
		passes = httpd.Cookies(c, "entry_pass_"+saleID)
		if len(passes) > 0 && !a.fromThisSite(c) {
			return nil, errOrigin
		}
	}
	session, err := queue.Session{}, error(queue.ErrPassRequired)
	for _, pass := range passes {
		if session, err = a.Gate.Check(ctx, pass, saleID, accountID); !errors.Is(err, queue.ErrPassInvalid) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	return &session, nil
}

// contact returns whom to write to about the caller's bookings.
func (a *api) contact(ctx context.Context) (booking.Contact, error) {
	who, err := a.Accounts.Get(ctx, of(ctx).caller.ID)
	if err != nil {
		return booking.Contact{}, err
	}
	return contactOf(who), nil
}

func contactOf(a account.Account) booking.Contact {
	return booking.Contact{Email: a.Email, Name: a.Name, Locale: a.Locale}
}

// cookie returns a cookie in the project's manner.
func (a *api) cookie(name, value, path string, seconds int) http.Cookie {
	return http.Cookie{
		Name: name, Value: value, Path: path, MaxAge: seconds,
		HttpOnly: true, Secure: a.secure, SameSite: http.SameSiteLaxMode,
	}
}
