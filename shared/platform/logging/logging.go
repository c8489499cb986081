// Package logging makes the structured logger of a service: one JSON object a line,
// with the request id of what is being done, and without anything that would give a
// fan away. What must not be read is masked here, once, whoever logs it.
package logging

import (
	"context"
	"io"
	"log/slog"

	"go.opentelemetry.io/otel/trace"
)

type requestIDKey struct{}

// identified is a context that knows its request id: one allocation, where
// context.WithValue makes two, in every request.
type identified struct {
	context.Context
	id string
}

func (c *identified) Value(key any) any {
	if key == (requestIDKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// WithRequestID returns a context whose log lines carry the request id.
func WithRequestID(ctx context.Context, id string) context.Context {
	return &identified{ctx, id}
}

// RequestID returns the request id of ctx, or "".
func RequestID(ctx context.Context) string {
	if c, ok := ctx.Value(requestIDKey{}).(*identified); ok {
		return c.id
	}
	return ""
}

// New returns a logger that writes one JSON object a line, with the service's name
// and, where the context has them, the request id and the trace's id. Secrets and
// personal data are masked; see mask.go for what counts as such. A value that cannot
// be logged is named as such, and no value can make a line panic; see harmless.go.
func New(w io.Writer, service, level string) *slog.Logger {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		l = slog.LevelInfo
	}
	h := slog.NewJSONHandler(w, &slog.HandlerOptions{Level: l, ReplaceAttr: mask})
	return slog.New(handler{h}).With("service", service)
}

type handler struct{ slog.Handler }

func (h handler) Handle(ctx context.Context, r slog.Record) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = h.Handler.Handle(ctx, lost(r, fault))
		}
	}()
	r = harmlessRecord(r)
	if id := RequestID(ctx); id != "" {
		r.AddAttrs(slog.String("request_id", id))
	}
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		r.AddAttrs(slog.String("trace_id", span.TraceID().String()))
	}
	return h.Handler.Handle(ctx, r)
}

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(harmlessAttrs(attrs))}
}

func (h handler) WithGroup(name string) slog.Handler { return handler{h.Handler.WithGroup(name)} }
