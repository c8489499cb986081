package api

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"regexp"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"
	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/platform/httpd"
)

const (
	// whoCookie tells our pages, which can read it, whose log-in the browser holds: an
	// access token kept by a tab may be of somebody who was here before. It proves
	// nothing and nobody is let in by it.
	whoCookie = "fairgate_who"
	// maxLineCookies bounds how many cookies of lines one answer clears.
	maxLineCookies = 50
)

// lineCookie is the name of a place's or a pass's cookie, which the gateway sets.
var lineCookie = regexp.MustCompile(`^(place|entry_pass)_[a-z0-9-]{1,40}$`)

// whoValue is what whoOf returns: others may have set a cookie of the name.
var whoValue = regexp.MustCompile(`^[0-9a-f]{16}$`)

// browser is what the cookies of a request say about who used the browser before.
type browser struct {
	who     []string // of whoCookie; empty: unknown
	refresh []string // of refreshCookie, good or not
	lines   []string // names of cookies of places and passes
}

func browserOf(c *fiber.Ctx) browser {
	b := browser{who: httpd.Cookies(c, whoCookie), refresh: httpd.Cookies(c, refreshCookie)}
	b.who = slices.DeleteFunc(b.who, func(value string) bool { return !whoValue.MatchString(value) })
	for raw := range c.Request().Header.Cookies() {
		if name := string(raw); len(b.lines) < maxLineCookies && lineCookie.MatchString(name) && !slices.Contains(b.lines, name) {
			b.lines = append(b.lines, name)
		}
	}
	return b
}

// noteBrowser is the middleware of routes after which somebody else may use the browser.
func (a *api) noteBrowser(ctx huma.Context, next func(huma.Context)) {
	of(ctx.Context()).browser = browserOf(humafiber.Unwrap(ctx))
	next(ctx)
}

// whoOf returns the value of whoCookie for an account.
func whoOf(accountID string) string {
	sum := sha256.Sum256([]byte(whoCookie + ":" + accountID))
	return hex.EncodeToString(sum[:8])
}

// welcome returns the cookies that a log-in of an account sets: who is here and, if
// that was somebody else before, that their places in lines are not the new one's. What
// nobody is known to have taken, such as a guest's place, stays.
func (a *api) welcome(b browser, accountID string) []http.Cookie {
	who := whoOf(accountID)
	shown := a.cookie(whoCookie, who, "/", int(a.RefreshLifetime.Seconds()))
	shown.HttpOnly = false
	cookies := []http.Cookie{shown}
	if len(b.who) > 0 && !slices.Contains(b.who, who) {
		cookies = append(cookies, a.clearLines(b)...)
	}
	return cookies
}

// farewell returns the cookies that a log-out sets: all that is of whoever was here.
func (a *api) farewell(b browser) []http.Cookie {
	return append([]http.Cookie{
		a.cookie(refreshCookie, "", "/v1/auth", gone), a.cookie(streamCookie, "", streamCookiePath, gone), a.cookie(whoCookie, "", "/", gone),
	}, a.clearLines(b)...)
}

// gone is the age of a cookie that is to be removed.
const gone = -1

func (a *api) clearLines(b browser) []http.Cookie {
	cookies := make([]http.Cookie, 0, len(b.lines))
	for _, name := range b.lines {
		cookies = append(cookies, a.cookie(name, "", "/", gone))
	}
	return cookies
}
