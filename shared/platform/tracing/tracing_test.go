package tracing_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/fairgate/fairgate/shared/platform/config"
	"github.com/fairgate/fairgate/shared/platform/logging"
	"github.com/fairgate/fairgate/shared/platform/tracing"
	"github.com/fairgate/fairgate/shared/platform/tracing/tracingtest"
)

func settings(t *testing.T, environ ...string) tracing.Settings {
	t.Helper()
	s, err := config.Load[tracing.Settings](environ)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func tracer(t *testing.T, service string, environ ...string) *tracing.Tracer {
	t.Helper()
	tracer, err := tracing.New(context.Background(), settings(t, environ...), service, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return tracer
}

func TestOneTraceAcrossTwoServices(t *testing.T) {
	t.Parallel()
	receiver := tracingtest.New(t)
	environ := []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + receiver.URL, "OTEL_EXPORTER_OTLP_HEADERS=api-key=a%20b,tenant=1"}
	front, back := tracer(t, "front", environ...), tracer(t, "back", environ...)

	ctx, request := front.Start(context.Background(), "", "GET", tracing.Server)
	request.Rename("GET /x")
	calling, call := tracing.Start(ctx, "call", tracing.Client)
	call.Set("peer", "back")
	served, serving := back.Start(context.Background(), tracing.Parent(calling), "serve", tracing.Server)
	_, work := tracing.Start(served, "work", tracing.Internal)
	failure := errors.New("fan@example.test is unknown")
	work.End(&failure)
	serving.End(nil)
	call.End(nil)
	request.End(nil)
	front.Close(context.Background())
	back.Close(context.Background())

	spans := map[string]tracingtest.Span{}
	for _, s := range receiver.Spans() {
		spans[s.Service+" "+s.Name] = s
	}
	chain := []string{"front GET /x", "front call", "back serve", "back work"}
	for i, name := range chain {
		s, found := spans[name]
		if !found || s.TraceID != spans[chain[0]].TraceID {
			t.Fatalf("span %q is missing or of another trace: %+v", name, receiver.Spans())
		}
		if i > 0 && s.ParentID != spans[chain[i-1]].SpanID {
			t.Errorf("span %q is not below %q", name, chain[i-1])
		}
	}
	if !spans["back work"].Failed || spans["back serve"].Failed || spans["front call"].Attributes["peer"] != "back" {
		t.Errorf("spans say %+v", spans)
	}
	if got := receiver.Header(); got.Get("Api-Key") != "a b" || got.Get("Tenant") != "1" {
		t.Errorf("headers %v were sent along", got)
	}
}

func TestSamplers(t *testing.T) {
	t.Parallel()
	const sampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	cases := []struct {
		sampler, arg, parent string
		want                 bool
	}{
		{"always_on", "1", "", true},
		{"always_off", "1", sampled, false},
		{"traceidratio", "0", "", false},
		{"parentbased_always_on", "1", "", true},
		{"parentbased_always_off", "1", "", false},
		{"parentbased_always_off", "1", sampled, true},
		{"parentbased_traceidratio", "0", sampled, true},
	}
	for _, c := range cases {
		t.Run(c.sampler+" "+c.parent, func(t *testing.T) {
			t.Parallel()
			receiver := tracingtest.New(t)
			tracer := tracer(t, "x", "OTEL_EXPORTER_OTLP_ENDPOINT="+receiver.URL, "OTEL_TRACES_SAMPLER="+c.sampler, "OTEL_TRACES_SAMPLER_ARG="+c.arg)
			_, span := tracer.Start(context.Background(), c.parent, "one", tracing.Server)
			span.End(nil)
			tracer.Close(context.Background())
			if got := len(receiver.Spans()) == 1; got != c.want {
				t.Errorf("sent: %t, want %t", got, c.want)
			}
		})
	}
}

func TestEveryFaultOfTheSettingsIsReported(t *testing.T) {
	t.Parallel()
	_, err := config.Load[struct{ tracing.Settings }]([]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT=collector:4318", "OTEL_TRACES_SAMPLER=sometimes", "OTEL_EXPORTER_OTLP_HEADERS=nonsense"})
	if err == nil {
		t.Fatal("nonsense was taken")
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_TRACES_SAMPLER", "OTEL_EXPORTER_OTLP_HEADERS"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("nothing about %s in %v", name, err)
		}
	}
}

// Not parallel: it counts the allocations of the whole process.
func TestOffMeansNothing(t *testing.T) {
	off := tracer(t, "x")
	if off != nil {
		t.Fatal("a tracer without an endpoint")
	}
	ctx := logging.WithRequestID(context.Background(), "req-1")
	var failed error
	n := testing.AllocsPerRun(100, func() {
		ctx, span := off.Start(ctx, "", "GET", tracing.Server)
		ctx, inner := tracing.Start(ctx, "inner", tracing.Client)
		inner.Set("a", "b")
		inner.End(&failed)
		span.Rename("x")
		span.End(nil)
		if tracing.Parent(ctx) != "" {
			t.Error("a parent without a trace")
		}
	})
	if n > 0 {
		t.Errorf("%v allocations while traces are off", n)
	}
	off.Close(ctx)
}
