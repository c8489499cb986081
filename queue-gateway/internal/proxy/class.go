package proxy

import (
	"net/http"
	"strings"

	"github.com/valyala/fasthttp"
)

// routeClass is routes that depend on the same things and matter alike. Trouble of one
// class is no reason to refuse another: while Postgres fails, the catalogue cannot be read
// and holds go on.
type routeClass string

const (
	reads    routeClass = "reads"    // the catalogue, seats, pages
	holds    routeClass = "holds"    // making and releasing holds
	money    routeClass = "money"    // bookings and payments
	accounts routeClass = "accounts" // log-ins
	others   routeClass = "others"   // search, inbox, operators: what a purchase can do without
)

func routeClasses() []routeClass { return append(shopClasses(), accounts, others) }

// shopClasses are those that a fan needs to buy.
func shopClasses() []routeClass { return []routeClass{reads, holds, money} }

func classOf(r *http.Request) routeClass {
	path := routedPath(r)
	under := func(prefixes ...string) bool {
		for _, prefix := range prefixes {
			if path == prefix || strings.HasPrefix(path, prefix+"/") {
				return true
			}
		}
		return false
	}
	switch {
	case hashesPassword(r.Method, path), under("/v1/auth", "/login", "/signup"):
		return accounts
	case under("/v1/search", "/v1/admin", "/v1/me", "/v1/coupons", "/v1/reviews"):
		return others
	case under("/v1/bookings", "/v1/payments", "/v1/webhooks"):
		return money
	case under("/v1/holds"), r.Method == http.MethodPost && strings.HasPrefix(path, "/v1/showtimes/"):
		return holds
	}
	return reads
}

// mayTakeLong reports whether a late answer is no sign of trouble: what was asked to
// wait, bodies that arrive as slowly as their callers send them (smaller ones have been
// read before anything is asked), and what hashes a password, which takes as long as the
// machine is busy with others' passwords.
func mayTakeLong(r *http.Request) bool {
	streamed, path := r.ContentLength < 0 || r.ContentLength > smallBody, routedPath(r)
	return streamed || hashesPassword(r.Method, path) || path == "/v1/payments/confirm" || strings.Contains(strings.ToLower(r.Header.Get("Prefer")), "wait")
}

// routedPath is the path as the upstream's server routes by it: without doubled slashes
// and dot segments.
func routedPath(r *http.Request) string {
	uri := fasthttp.AcquireURI()
	defer fasthttp.ReleaseURI(uri)
	uri.SetPath(r.URL.EscapedPath())
	return string(uri.Path())
}

func hashesPassword(method, path string) bool {
	switch path {
	case "/login", "/signup":
		return method == http.MethodPost
	case "/v1/me":
		return method == http.MethodDelete || method == http.MethodPatch
	default:
		return strings.HasPrefix(path, "/v1/auth/")
	}
}
