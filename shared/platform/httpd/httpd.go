// Package httpd is what the HTTP services have in common: the Fiber app with its
// request ids, problem+json errors, metrics and access log, and the admin
// listener with health, readiness and metrics.
package httpd

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/recover"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"github.com/fairgate/fairgate/shared/ident"
	"github.com/fairgate/fairgate/shared/platform/logging"
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
	TrustedProxies []string      // addresses whose X-Forwarded-* count; none by default
	WriteTimeout   time.Duration // the whole answer; streams set their own deadlines
	StreamBody     bool          // hand request bodies on as they arrive (a proxy); put LimitBody before every handler
	Drain          *Drain        // nil: none
	Tracer         *tracing.Tracer
	Quiet          func(c *fiber.Ctx) bool // requests too many for a line each at level info; nil: none
}

// New returns a Fiber app with the project's manners. Routes are added by the
// caller; Fiber's strings are immutable copies only if the caller makes them so.
func New(o Options) *fiber.App {
	app := fiber.New(fiber.Config{
		AppName:                      o.Name,
		BodyLimit:                    o.BodyLimit,
		ReadBufferSize:               16 << 10, // several lines' cookies at once
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
		DisablePreParseMultipartForm: o.StreamBody,
		ErrorHandler:                 func(c *fiber.Ctx, err error) error { return WriteError(c, o.Log, err) },
	})
	proxies, err := ParseProxies(o.TrustedProxies)
	if err != nil {
		o.Log.Error("trusted proxies are ignored", "error", err)
	}
	app.Server().CloseOnShutdown = true
	app.Server().KeepHijackedConns = true // streams end their connections themselves
	knownMethodsOnly(app, o.Log)
	app.Use(requestID)
	app.Use(rememberClientIP(proxies))
	if o.Tracer != nil {
		app.Use(traced(o.Tracer))
	}
	app.Use(observe(o))
	if o.Drain != nil {
		app.Use(o.Drain.partWithCallers)
	}
	if o.StreamBody {
		app.Use(closeOnUnreadBody)
	}
	app.Use(recover.New(recover.Config{EnableStackTrace: true, StackTraceHandler: func(c *fiber.Ctx, v any) {
		o.Log.ErrorContext(c.UserContext(), "panic", "path", c.Path(), "panic", v)
	}}))
	return app
}

// Serve listens on addr until ctx ends, then finishes open requests within grace.
// Streams must end themselves when ctx ends.
func Serve(ctx context.Context, app *fiber.App, addr string, grace time.Duration) error {
	failed := make(chan error, 1)
	go func() { failed <- app.Listen(addr) }()
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

// knownMethodsOnly answers methods that Fiber has never heard of as the rest of
// the app would; Fiber itself answers in plain text.
func knownMethodsOnly(app *fiber.App, log *slog.Logger) {
	known := map[string]bool{}
	for _, method := range app.Config().RequestMethods {
		known[method] = true
	}
	handle := app.Server().Handler
	app.Server().Handler = func(ctx *fasthttp.RequestCtx) {
		if known[string(ctx.Method())] {
			handle(ctx)
			return
		}
		c := app.AcquireCtx(ctx)
		defer app.ReleaseCtx(c)
		ctx.SetConnectionClose() // its body, if any, has not been read
		_ = WriteError(c, log, fiber.ErrMethodNotAllowed)
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

// closeOnUnreadBody ends the connection when a handler left some of a streamed
// body unread: the server would take the rest for the next request. Whoever has
// read a body to its end says so with BodyRead.
func closeOnUnreadBody(c *fiber.Ctx) error {
	err := c.Next()
	request := &c.Context().Request
	if request.BodyStream() != nil && request.Header.ContentLength() != 0 {
		c.Context().SetConnectionClose()
	}
	return err
}

func requestID(c *fiber.Ctx) error {
	id := string([]byte(c.Get(HeaderRequestID)))
	if !validRequestID(id) {
		id = ident.New("req")
	}
	c.Set(HeaderRequestID, id)
	c.SetUserContext(logging.WithRequestID(c.UserContext(), id))
	return c.Next()
}

func validRequestID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}

// observe counts and times requests by route pattern and writes the error answer
// itself, so that the recorded status is the one the caller sees.
func observe(o Options) fiber.Handler {
	duration := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "fairgate_http_request_duration_seconds",
		Help:    "Time to answer, by service, method, route pattern and status.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	}, []string{"service", "method", "route", "status"})
	if o.Metrics != nil {
		o.Metrics.MustRegister(duration)
	}
	return func(c *fiber.Ctx) error {
		start := time.Now()
		if err := c.Next(); err != nil {
			if err := WriteError(c, o.Log, err); err != nil {
				return err
			}
		}
		status := c.Response().StatusCode()
		took := time.Since(start)
		duration.WithLabelValues(o.Name, methodOf(c), routeOf(c, status), strconv.Itoa(status)).Observe(took.Seconds())
		logRequest(o, c, status, took)
		return nil
	}
}

// methodOf returns the method as a string that outlives the request.
func methodOf(c *fiber.Ctx) string {
	if i := slices.Index(fiber.DefaultMethods, c.Method()); i >= 0 {
		return fiber.DefaultMethods[i]
	}
	return "other"
}

// routeOf returns the pattern of the route. What no route took ends at a middleware,
// whose pattern is that of the home page.
func routeOf(c *fiber.Ctx, status int) string {
	path := c.Route().Path
	if path == "/" && (status == fiber.StatusNotFound || status == fiber.StatusMethodNotAllowed) {
		return "none"
	}
	return path
}
