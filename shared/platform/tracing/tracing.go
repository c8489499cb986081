// Package tracing sends OpenTelemetry traces by OTLP/HTTP, when there is somewhere to
// send them.
//
// Doors begin a trace or go on with their caller's (Tracer.Start); what lies behind
// them adds to the trace of its context (Start) without being given anything. While
// traces are off there is no Tracer, no trace in any context, and neither costs an
// allocation.
package tracing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/fairgate/fairgate/shared/platform/config"
)

// Header carries a trace over HTTP and in messages (W3C Trace Context).
const Header = "traceparent"

// Settings of tracing, named as OpenTelemetry names them.
type Settings struct {
	Endpoint   string        `env:"OTEL_EXPORTER_OTLP_ENDPOINT"`                            // where traces are sent by OTLP over HTTP, e.g. http://127.0.0.1:4318; empty: no traces
	Headers    config.Secret `env:"OTEL_EXPORTER_OTLP_HEADERS"`                             // sent along, e.g. api-key=abc,tenant=1
	Sampler    string        `env:"OTEL_TRACES_SAMPLER" envDefault:"parentbased_always_on"` // or always_on, always_off, traceidratio, parentbased_always_off, parentbased_traceidratio
	SamplerArg string        `env:"OTEL_TRACES_SAMPLER_ARG" envDefault:"1"`                 // share of traces of the ratio samplers, 0 to 1
}

// Validate returns every broken rule, joined.
func (s Settings) Validate() error {
	var faults []error
	if s.Endpoint != "" {
		if u, err := url.Parse(s.Endpoint); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			faults = append(faults, errors.New("OTEL_EXPORTER_OTLP_ENDPOINT: is not a URL like http://127.0.0.1:4318"))
		}
	}
	if _, err := s.sampler(); err != nil {
		faults = append(faults, err)
	}
	if _, err := s.headers(); err != nil {
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

func (s Settings) sampler() (sdk.Sampler, error) {
	share, err := strconv.ParseFloat(s.SamplerArg, 64)
	if err != nil || share < 0 || share > 1 {
		return nil, fmt.Errorf("OTEL_TRACES_SAMPLER_ARG: %q is not a share between 0 and 1", s.SamplerArg)
	}
	name, parents := strings.CutPrefix(s.Sampler, "parentbased_")
	var root sdk.Sampler
	switch name {
	case "always_on":
		root = sdk.AlwaysSample()
	case "always_off":
		root = sdk.NeverSample()
	case "traceidratio":
		root = sdk.TraceIDRatioBased(share)
	default:
		return nil, fmt.Errorf("OTEL_TRACES_SAMPLER: %q is not one of OpenTelemetry's samplers", s.Sampler)
	}
	if parents {
		return sdk.ParentBased(root), nil
	}
	return root, nil
}

func (s Settings) headers() (map[string]string, error) {
	headers := map[string]string{}
	for pair := range strings.SplitSeq(s.Headers.Reveal(), ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		name, value, ok := strings.Cut(pair, "=")
		plain, err := url.QueryUnescape(strings.TrimSpace(value))
		if !ok || err != nil {
			return nil, errors.New("OTEL_EXPORTER_OTLP_HEADERS: is not a list like name=value,name=value")
		}
		headers[http.CanonicalHeaderKey(strings.TrimSpace(name))] = plain
	}
	return headers, nil
}

// Tracer begins traces. A nil Tracer begins none.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

// scope names the instrumentation.
const scope = "github.com/fairgate/fairgate"

// New returns a tracer of the named service, or nil when s has no endpoint. Nothing
// needs to answer there: what cannot be sent is dropped, and said once.
func New(ctx context.Context, s Settings, service string, log *slog.Logger) (*Tracer, error) {
	if s.Endpoint == "" {
		return nil, nil
	}
	sampler, err := s.sampler()
	if err != nil {
		return nil, err
	}
	headers, err := s.headers()
	if err != nil {
		return nil, err
	}
	exporter, err := otlptracehttp.New(ctx,
		otlptracehttp.WithEndpointURL(strings.TrimSuffix(s.Endpoint, "/")+"/v1/traces"), otlptracehttp.WithHeaders(headers))
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	provider := sdk.NewTracerProvider(
		sdk.WithSampler(sampler),
		sdk.WithBatcher(&calmExporter{SpanExporter: exporter, log: log}),
		sdk.WithResource(resource.NewSchemaless(attribute.String("service.name", service))),
	)
	return &Tracer{provider: provider, tracer: provider.Tracer(scope)}, nil
}

// closeTime is for sending what is left.
const closeTime = 2 * time.Second

// Close sends what is left, for at most 2 s, also when ctx has ended.
func (t *Tracer) Close(ctx context.Context) {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	_ = t.provider.Shutdown(ctx) // the exporter has said what is to be said
}

// Start begins a span that goes on with the caller's trace, or begins one when parent
// is empty or cannot be read.
func (t *Tracer) Start(ctx context.Context, parent, name string, kind Kind) (context.Context, Span) {
	if t == nil {
		return ctx, Span{}
	}
	if parent != "" {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{Header: parent})
	}
	ctx, span := t.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKind(kind)))
	return ctx, Span{span}
}

// Kind says on which side of a call a span is.
type Kind trace.SpanKind

// The kinds of spans.
const (
	Internal = Kind(trace.SpanKindInternal)
	Server   = Kind(trace.SpanKindServer)
	Client   = Kind(trace.SpanKindClient)
	Producer = Kind(trace.SpanKindProducer)
	Consumer = Kind(trace.SpanKindConsumer)
)

// Start adds a span to the trace of ctx, if there is one.
func Start(ctx context.Context, name string, kind Kind) (context.Context, Span) {
	parent := trace.SpanFromContext(ctx)
	if !parent.SpanContext().IsValid() {
		return ctx, Span{}
	}
	ctx, span := parent.TracerProvider().Tracer(scope).Start(ctx, name, trace.WithSpanKind(trace.SpanKind(kind)))
	return ctx, Span{span}
}

// Parent returns the header by which another process goes on with the trace of ctx,
// or "".
func Parent(ctx context.Context) string {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return ""
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier[Header]
}

// Span is one step of a trace. The zero Span does nothing.
type Span struct{ span trace.Span }

// Recording reports whether what is set will be sent.
func (s Span) Recording() bool { return s.span != nil && s.span.IsRecording() }

// Rename gives the span the name that was not known when it began.
func (s Span) Rename(name string) {
	if s.span != nil {
		s.span.SetName(name)
	}
}

// Set adds an attribute. No personal data goes into a trace.
func (s Span) Set(name, value string) {
	if s.span != nil {
		s.span.SetAttributes(attribute.String(name, value))
	}
}

// SetInt adds an attribute that is a number.
func (s Span) SetInt(name string, value int) {
	if s.span != nil {
		s.span.SetAttributes(attribute.Int(name, value))
	}
}

// Fail marks the span as failed. The reason must be a fixed word or a code: the text
// of an error may name a fan.
func (s Span) Fail(reason string) {
	if s.span != nil {
		s.span.SetStatus(codes.Error, reason)
	}
}

// End ends the span, as failed if *failed is an error.
func (s Span) End(failed *error) {
	if s.span == nil {
		return
	}
	if failed != nil && *failed != nil {
		s.Fail("failed")
	}
	s.span.End()
}

// calmExporter says once that traces cannot be sent, and once that they can again.
type calmExporter struct {
	sdk.SpanExporter
	log     *slog.Logger
	failing atomic.Bool
}

func (e *calmExporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	err := e.SpanExporter.ExportSpans(ctx, spans)
	if failing := err != nil; e.failing.Swap(failing) != failing {
		if failing {
			e.log.Warn("traces cannot be sent and are dropped", "error", err)
		} else {
			e.log.Info("traces are sent again")
		}
	}
	return nil
}
