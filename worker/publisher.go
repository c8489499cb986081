package worker

import (
	"cmp"
	"context"
	"errors"

	"github.com/fairgate/fairgate/shared/platform/outbox"
	"github.com/fairgate/fairgate/shared/platform/rabbit"
	"github.com/fairgate/fairgate/shared/platform/tracing"
)

// publisher is the outbox's way to the broker.
type publisher struct {
	broker *rabbit.Client
	tracer *tracing.Tracer
}

func (p publisher) Ready(ctx context.Context) error { return p.broker.Ready(ctx) }

func (p publisher) Publish(ctx context.Context, events []outbox.Event) []error {
	messages := make([]rabbit.Message, len(events))
	spans := make([]tracing.Span, len(events))
	for i, e := range events {
		messages[i] = rabbit.Message{Exchange: rabbit.ExchangeEvents, Key: e.Type, ID: e.ID, Type: e.Type, Body: e.Payload}
		if e.Traceparent != "" {
			var traced context.Context
			traced, spans[i] = p.tracer.Start(ctx, e.Traceparent, "publish "+e.Type, tracing.Producer)
			e.Traceparent = cmp.Or(tracing.Parent(traced), e.Traceparent)
		}
		messages[i].Headers = rabbit.OriginHeaders(e.RequestID, e.Traceparent)
	}
	outcome := p.broker.Publish(ctx, messages)
	for i, err := range outcome {
		spans[i].End(&err)
		if errors.Is(err, rabbit.ErrUnroutable) {
			outcome[i] = errors.Join(outbox.ErrUnroutable, err)
		}
	}
	return outcome
}
