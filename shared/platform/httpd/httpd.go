// Package httpd is what the HTTP services have in common: the Fiber app with its
// request ids, problem+json errors, metrics and access log, and the admin
// listener with health, readiness and metrics.
package httpd

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"github.com/fairgate/fairgate/shared/guard"
	"github.com/fairgate/fairgate/shared/platform/tracing"
)

// HeaderRequestID carries the request id in both directions.
const HeaderRequestID = "X-Request-Id"

// Options of a public listener.
type Options struct {
	Name           string // metrics label and Fiber's app name
	Log            *slog.Logger
	Metrics        prometheus.Registerer
	BodyLimit      int           // bytes; larger bodies get 413
	HeadLimit      int           // bytes of a request's line and headers; larger ones get 431; 0: 16 KiB
	TrustedProxies []string      // addresses whose X-Forwarded-* count; none by default
	WriteTimeout   time.Duration // the whole answer; streams set their own deadlines
	StreamBody     bool          // hand request bodies on as they arrive (a proxy); put LimitBody before every handler
	Drain          *Drain        // nil: none
	HSTS           bool          // tell browsers to come by TLS only: in production
	ErrorPage      ErrorPage     // what a browser that navigates sees of an error; nil: the problem
	Tracer         *tracing.Tracer
	Quiet          func(c *fiber.Ctx) bool // requests too many for a line each at level info; nil: none
}

// New returns a Fiber app with the project's manners. Routes are added by the
// caller; Fiber's strings are immutable copies only if the caller makes them so.
func New(o Options) *fiber.App {
	if o.HeadLimit == 0 {
		o.HeadLimit = defaultHeadLimit
	}
	app := fiber.New(fiber.Config{
		AppName:                      o.Name,
		CaseSensitive:                true, // an address has one spelling: what is decided by it must be what is routed by it
		StrictRouting:                true,
		BodyLimit:                    o.BodyLimit,
		ReadBufferSize:               o.HeadLimit,
		WriteBufferSize:              16 << 10, // a status body in one system call
		ReadTimeout:                  30 * time.Second,
		WriteTimeout:                 o.WriteTimeout,
		IdleTimeout:                  75 * time.Second,
		DisableStartupMessage:        true,
		EnableTrustedProxyCheck:      true,
		TrustedProxies:               o.TrustedProxies,
		ProxyHeader:                  fiber.HeaderXForwardedFor,
		EnableIPValidation:           true,
		StreamRequestBody:            o.StreamBody,
		DisablePreParseMultipartForm: true,
		ErrorHandler:                 func(c *fiber.Ctx, err error) error { return WriteError(c, o.Log, err) },
	})
	app.Server().CloseOnShutdown = true
	app.Server().KeepHijackedConns = true // streams end their connections themselves
	m := newManners(o)
	m.refuseUnread(app)
	app.Use(m.handle)
	return app
}

const defaultHeadLimit = 16 << 10

// Serve listens on addr until ctx ends, then finishes open requests within grace.
// Streams must end themselves when ctx ends.
func Serve(ctx context.Context, app *fiber.App, addr string, grace time.Duration) error {
	failed := make(chan error, 1)
	guard.Go("http", func() { failed <- guard.Call("http", func() error { return app.Listen(addr) }) })
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	if err := app.ShutdownWithTimeout(grace); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// refuseUnread answers what never reaches a route as the rest of the app would:
// requests that the parser could not read, and methods that Fiber has never heard of,
// for which Fiber itself has plain text. It is the outermost handler of ours: what
// panics around the app, as nothing should, costs its own connection only.
func (m *manners) refuseUnread(app *fiber.App) {
	known := map[string]bool{}
	for _, method := range app.Config().RequestMethods {
		known[method] = true
	}
	refuse := func(ctx *fasthttp.RequestCtx, err error, mayBeBrowser bool) {
		c := app.AcquireCtx(ctx)
		defer app.ReleaseCtx(c)
		ctx.SetConnectionClose() // where the next request begins is not known
		m.introduce(c)
		m.unread.Inc()
		m.Log.DebugContext(c.UserContext(), "a request cannot be read", "error", err)
		_ = WriteError(c, m.Log, err)
		m.finish(c, mayBeBrowser)
	}
	app.Server().ErrorHandler = func(ctx *fasthttp.RequestCtx, err error) { refuse(ctx, readFailure(err), mayNavigate(err)) }
	handle := app.Server().Handler
	app.Server().Handler = func(ctx *fasthttp.RequestCtx) {
		defer func() {
			if v := recover(); v != nil {
				m.Log.Error("panic around a request", "error", guard.Caught("http", v))
				ctx.SetConnectionClose()
				ctx.Error("", fasthttp.StatusInternalServerError)
			}
		}()
		if known[string(ctx.Method())] {
			handle(ctx)
			return
		}
		refuse(ctx, fiber.ErrMethodNotAllowed, false)
	}
}

// MethodNotAllowed answers 405 and names the methods that the address takes. It is
// for addresses in front of a catch-all, where the router cannot know.
func MethodNotAllowed(allow string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderAllow, allow)
		return fiber.ErrMethodNotAllowed
	}
}
