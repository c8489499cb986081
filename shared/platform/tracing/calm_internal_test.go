package tracing

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// answering is an exporter that answers what it is told to.
type answering struct {
	sdk.SpanExporter
	err error
}

func (a *answering) ExportSpans(context.Context, []sdk.ReadOnlySpan) error { return a.err }

func TestWhatCannotBeSentIsSaidOnce(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	inner := &answering{}
	calm := &calmExporter{SpanExporter: inner, log: slog.New(slog.NewTextHandler(&out, nil))}
	down := errors.New("connection refused")
	for _, inner.err = range []error{nil, down, down, down, nil, nil, down} {
		if err := calm.ExportSpans(context.Background(), nil); err != nil {
			t.Errorf("the SDK would print %v by itself", err)
		}
	}
	lost, back := strings.Count(out.String(), "cannot be sent"), strings.Count(out.String(), "sent again")
	if lost != 2 || back != 1 {
		t.Errorf("said %d times that traces are lost and %d times that they are sent again, want 2 and 1:\n%s", lost, back, out.String())
	}
}
