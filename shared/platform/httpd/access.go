package httpd

import (
	"log/slog"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/platform/logging"
	"github.com/fairgate/fairgate/shared/platform/tracing"
)

// logRequest writes the line of one answered request: what may change something at
// level info, the rest, of which there can be a hundred thousand a second, at debug.
// The query is left out: it may hold what nobody should read.
func logRequest(o Options, c *fiber.Ctx, status int, took time.Duration) {
	level := slog.LevelInfo
	if isRead(c.Method()) || o.Quiet != nil && o.Quiet(c) {
		level = slog.LevelDebug
	}
	ctx := c.UserContext()
	if !o.Log.Enabled(ctx, level) {
		return
	}
	o.Log.LogAttrs(ctx, level, "request", slog.String("method", c.Method()), slog.String("path", c.Path()),
		slog.Int("status", status), slog.Float64("duration_ms", float64(took.Microseconds())/1000))
}

func isRead(method string) bool {
	return method == fiber.MethodGet || method == fiber.MethodHead || method == fiber.MethodOptions
}

// traced answers the request as a step of a trace. The caller's trace is gone on with
// only if the caller is one of ours: strangers must not choose what is sampled.
func (m *manners) traced(c *fiber.Ctx) error {
	parent := ""
	if c.IsProxyTrusted() {
		parent = string([]byte(c.Get(tracing.Header)))
	}
	method := string([]byte(c.Method()))
	ctx, span := m.Tracer.Start(c.UserContext(), parent, method, tracing.Server)
	defer span.End(nil)
	c.SetUserContext(ctx)
	err := m.answer(c)
	if span.Recording() {
		status := c.Response().StatusCode()
		route := string([]byte(routeOf(c, status)))
		span.Rename(method + " " + route)
		span.Set("http.request.method", method)
		span.Set("http.route", route)
		span.SetInt("http.response.status_code", status)
		span.Set("fairgate.request_id", logging.RequestID(ctx))
		if status >= fiber.StatusInternalServerError {
			span.Fail("server error")
		}
	}
	return err
}
