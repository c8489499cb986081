package api

import (
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/platform/apidoc"
	"github.com/fairgate/fairgate/shared/platform/httpd"
)

// route is one address with its methods.
type route struct {
	path    string
	methods map[string]fiber.Handler
	limit   int // bytes of a body
}

// Register adds all routes to app; what they do not take is proxied.
func (a *API) Register(app *fiber.App) {
	for _, r := range a.routes() {
		a.add(app, r)
	}
	for _, prefix := range []string{"/v1/queues/*", "/v1/admin/queues/*", "/q/*"} {
		app.All(prefix, httpd.LimitBody(bodyLimit), func(*fiber.Ctx) error { return fiber.ErrNotFound })
	}
	app.All("/*", a.Proxy.Handle)
}

// IsCrowded reports whether a request is of a kind that a whole crowd sends within
// seconds: about a place in a line, or for seats.
func IsCrowded(c *fiber.Ctx) bool {
	path := c.Path()
	return strings.HasPrefix(path, "/v1/queues/") || strings.HasPrefix(path, "/q/") ||
		strings.HasSuffix(path, "/holds") || strings.HasPrefix(path, "/v1/holds/")
}

func (a *API) routes() []route {
	routes := a.ownRoutes()
	for _, path := range apidoc.Paths() {
		routes = append(routes, route{path, map[string]fiber.Handler{"GET": a.openAPI}, bodyLimit})
	}
	return routes
}

func (a *API) ownRoutes() []route {
	type m = map[string]fiber.Handler
	const line, place, admin = "/v1/queues/:sale", "/v1/queues/:sale/places/me", "/v1/admin/queues"
	return []route{
		{"/healthz", m{"GET": a.healthz}, bodyLimit},
		{"/readyz", m{"GET": a.readyz}, bodyLimit},
		{"/.well-known/jwks.json", m{"GET": a.jwks}, bodyLimit},
		{"/docs", m{"GET": a.docs}, bodyLimit},

		{"/q/:sale", m{"GET": a.Pages.Handler(pageSource{a})}, bodyLimit},
		{"/q/:sale/join", m{"POST": a.joinByForm}, bodyLimit},
		{"/q/:sale/enter", m{"POST": a.enterByForm}, bodyLimit},

		{line, m{"GET": a.status}, bodyLimit},
		{line + "/draw", m{"GET": func(*fiber.Ctx) error { return fiber.ErrNotFound }}, bodyLimit},
		{line + "/places", m{"POST": a.unlessElsewhere(a.join)}, bodyLimit},
		{place, m{"GET": a.place, "DELETE": a.unlessElsewhere(a.leave)}, bodyLimit},
		{place + "/presence", m{"POST": a.unlessElsewhere(a.presence)}, bodyLimit},
		{place + "/events", m{"GET": a.events}, bodyLimit},
		{place + "/entry", m{"POST": a.unlessElsewhere(a.entry)}, bodyLimit},

		{admin, m{"GET": a.admin(a.listLines)}, bodyLimit},
		{admin + "/:sale", m{"GET": a.admin(a.getLine), "PATCH": a.admin(a.patchLine)}, adminLimit},
		{admin + "/:sale/:verb", m{"POST": a.admin(a.commandLine)}, bodyLimit},
	}
}

func (a *API) add(app *fiber.App, r route) {
	var allow []string
	for _, method := range []string{"GET", "POST", "PATCH", "DELETE"} {
		handle, ok := r.methods[method]
		if !ok {
			continue
		}
		handler := func(c *fiber.Ctx) error { return calm(handle(c)) }
		app.Add(method, r.path, httpd.LimitBody(r.limit), handler)
		allow = append(allow, method)
		if method == fiber.MethodGet {
			app.Head(r.path, httpd.LimitBody(r.limit), handler)
			allow = append(allow, fiber.MethodHead)
		}
	}
	app.All(r.path, httpd.LimitBody(r.limit), httpd.MethodNotAllowed(strings.Join(allow, ", ")))
}
