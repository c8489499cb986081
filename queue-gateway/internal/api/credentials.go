package api

import (
	"errors"
	"math"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/golang-jwt/jwt/v5"

	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/platform/httpd"
	"github.com/fairgate/fairgate/shared/platform/jwks"
	"github.com/fairgate/fairgate/shared/queue"
)

const (
	headerPlace = "Place-Token"
	roleAdmin   = "admin"
	// endedCookieTTL is how long a browser keeps a place that is over, from its last look.
	endedCookieTTL = 10 * time.Minute
	// maxCleared bounds how many ended lines one answer clears the cookies of.
	maxCleared = 10
)

// placeName is the name of the cookie of a place in a line that could be ours.
var placeName = regexp.MustCompile(`^place_[a-z0-9-]{1,40}$`)

// caller is who an access token says is calling.
type caller struct {
	jwt.RegisteredClaims
	Role string `json:"role"`
}

// bearer returns who the request's access token names; nil when it has none.
// Errors: errs.ErrUnauthenticated, or that the keys cannot be asked for.
func (a *API) bearer(c *fiber.Ctx) (*caller, error) {
	header := c.Get(fiber.HeaderAuthorization)
	if header == "" {
		return nil, nil //nolint:nilnil // an anonymous caller is no error
	}
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return nil, errs.ErrUnauthenticated
	}
	who, err := a.access.Verify(c.UserContext(), strings.TrimSpace(token))
	switch {
	case errors.Is(err, jwks.ErrInvalidToken):
		return nil, errs.ErrUnauthenticated.WithMessage("The access token is not valid.").Because(err)
	case err != nil:
		return nil, err
	case who.Subject == "":
		return nil, errs.ErrUnauthenticated
	}
	revoked, known := a.Revoked(who.Subject, jwks.IssuedAt(who.IssuedAt))
	switch {
	case !known:
		return nil, errNotKnown
	case revoked:
		return nil, errs.ErrUnauthenticated
	}
	return &who, nil
}

// errNotKnown is what callers hear who need an account while it is not known yet which
// accounts are deleted: a gateway that was started while Redis is away.
var errNotKnown = errs.ErrUpstream.WithMessage("Accounts cannot be checked just now; your place is kept.").WithRetryAfter(2 * time.Second)

// account returns the caller's account, which the route insists on.
func (a *API) account(c *fiber.Ctx) (*caller, error) {
	who, err := a.bearer(c)
	if err == nil && who == nil {
		err = errs.ErrUnauthenticated
	}
	return who, err
}

// admin lets only administrators through to next.
func (a *API) admin(next fiber.Handler) fiber.Handler {
	return func(c *fiber.Ctx) error {
		who, err := a.account(c)
		if err != nil {
			return err
		}
		if who.Role != roleAdmin {
			return errs.ErrForbidden
		}
		c.Locals(callerKey{}, who.Subject)
		return next(c)
	}
}

type callerKey struct{}

// placeOf returns the place that the request's token names; the header wins over
// the cookie. Errors: queue.ErrLineNotFound, queue.ErrPlaceRequired,
// queue.ErrPlaceInvalid (then the cookie is cleared), errs.ErrForbidden for an
// unsafe request from another site.
func (a *API) placeOf(c *fiber.Ctx) (queue.PlaceRef, queue.Policy, error) {
	policy, err := a.Lines.Policy(saleOf(c))
	if err != nil {
		return queue.PlaceRef{}, policy, err
	}
	tokens, fromCookie := placeTokens(c, policy.SaleID)
	ref, err := queue.PlaceRef{}, error(queue.ErrPlaceRequired)
	for _, token := range tokens {
		if ref, err = a.checkPlace(c, token, policy); !errors.Is(err, queue.ErrPlaceInvalid) {
			break
		}
	}
	if errors.Is(err, queue.ErrPlaceInvalid) && fromCookie {
		a.clearCookie(c, placeCookie(policy.SaleID))
	}
	if err == nil && fromCookie {
		err = a.sameSite(c)
	}
	return ref, policy, err
}

// placeTokens returns what a request shows as its place in a line: what the header says,
// or else what cookies do, of which the first good one counts.
func placeTokens(c *fiber.Ctx, sale string) (tokens []string, fromCookie bool) {
	if token := c.Get(headerPlace); token != "" {
		return []string{strings.Clone(token)}, false
	}
	return httpd.Cookies(c, placeCookie(sale)), true
}

func (a *API) checkPlace(c *fiber.Ctx, token string, policy queue.Policy) (queue.PlaceRef, error) {
	ref, err := a.Tokens.Verify(token, policy.SaleID)
	if err != nil {
		return ref, err
	}
	if ref.Epoch < policy.Epoch {
		return ref, queue.ErrPlaceInvalid.WithMessage("The line has been reset since this place was given.")
	}
	if policy.Identity == queue.ByAccount {
		gone, known := a.Gone(ref.Subject)
		if !known {
			return ref, errNotKnown
		}
		if gone {
			return ref, queue.ErrPlaceInvalid.WithMessage("The account of this place no longer exists.")
		}
	}
	who, err := a.bearer(c)
	if err != nil {
		return ref, err
	}
	if who != nil && policy.Identity == queue.ByAccount && who.Subject != ref.Subject {
		return ref, queue.ErrPlaceInvalid.WithMessage("The place belongs to another account.")
	}
	return ref, nil
}

// sameSite refuses unsafe requests that another site could have made with this
// browser's cookies.
func (a *API) sameSite(c *fiber.Ctx) error {
	if method := c.Method(); method == fiber.MethodGet || method == fiber.MethodHead {
		return nil
	}
	if httpd.FromThisSite(c, a.origin) {
		return nil
	}
	return errs.ErrForbidden.WithMessage("A request that relies on a cookie must come from this site's own pages.")
}

// unlessElsewhere refuses what a browser says another site's page has made it send: a
// place of that page's choice would stand in for the fan's own.
func (a *API) unlessElsewhere(next fiber.Handler) fiber.Handler {
	return func(c *fiber.Ctx) error {
		if httpd.FromElsewhere(c, a.origin) {
			return errs.ErrForbidden.WithMessage("Another site's page must not make this request.")
		}
		return next(c)
	}
}

func saleOf(c *fiber.Ctx) string { return strings.Clone(c.Params("sale")) }

func placeCookie(sale string) string { return "place_" + sale }

func passCookie(sale string) string { return "entry_pass_" + sale }

// setCookie sets a cookie that lives until expires. Max-Age is said too: browsers count
// it from now, whatever their own clock says.
func (a *API) setCookie(c *fiber.Ctx, name, value string, expires time.Time) {
	age := -1 // browsers remove it
	if left := expires.Sub(a.Clock.Now()); left > 0 {
		age = int(math.Ceil(left.Seconds()))
	}
	cookie := http.Cookie{
		Name: name, Value: value, Path: "/", Expires: expires, MaxAge: age, HttpOnly: true, Secure: a.secure, SameSite: http.SameSiteLaxMode,
	}
	// Fiber's own way leaves Expires out where there is a Max-Age.
	c.Response().Header.Add(fiber.HeaderSetCookie, cookie.String())
}

func (a *API) clearCookie(c *fiber.Ctx, name string) {
	if len(httpd.Cookies(c, name)) > 0 {
		a.setCookie(c, name, "", time.Unix(0, 0))
	}
}

// clearEndedLines clears the cookies of lines that are over or no more, so that a
// browser carries those of living lines only: all of them go with every request. One
// answer clears a few; its head stays small however many cookies a request carries.
func (a *API) clearEndedLines(c *fiber.Ctx) {
	cleared, seen := 0, map[string]bool{}
	for raw := range c.Request().Header.Cookies() {
		name := string(raw)
		if cleared == maxCleared {
			return
		}
		if seen[name] || !placeName.MatchString(name) {
			continue
		}
		seen[name] = true
		sale := strings.TrimPrefix(name, placeCookie(""))
		policy, err := a.Lines.Policy(sale)
		if errors.Is(err, queue.ErrLineNotFound) || err == nil && policy.State == queue.Closed {
			a.clearCookie(c, placeCookie(sale))
			a.clearCookie(c, passCookie(sale))
			cleared++
		}
	}
}

// endCookie lets the cookie of a place that is over for good go soon: until then the
// page still tells how it ended.
func (a *API) endCookie(c *fiber.Ctx, ref queue.PlaceRef, state queue.PlaceState) {
	tokens, fromCookie := placeTokens(c, ref.SaleID)
	if !fromCookie || state != queue.PlaceLeft && state != queue.PlaceFinished {
		return
	}
	for _, token := range tokens {
		shown, err := a.Tokens.Verify(token, ref.SaleID)
		if err != nil || shown != ref {
			continue
		}
		a.setCookie(c, placeCookie(ref.SaleID), token, a.Clock.Now().Add(endedCookieTTL))
		return
	}
}

func isLocal(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}
