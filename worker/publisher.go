package worker

import (
	"context"
	"errors"

	"github.com/fairgate/fairgate/shared/platform/outbox"
	"github.com/fairgate/fairgate/shared/platform/rabbit"
)

// publisher is the outbox's way to the broker.
type publisher struct{ broker *rabbit.Client }

func (p publisher) Ready(ctx context.Context) error { return p.broker.Ready(ctx) }

func (p publisher) Publish(ctx context.Context, events []outbox.Event) []error {
	messages := make([]rabbit.Message, len(events))
	for i, e := range events {
		messages[i] = rabbit.Message{Exchange: rabbit.ExchangeEvents, Key: e.Type, ID: e.ID, Type: e.Type, Body: e.Payload}
	}
	outcome := p.broker.Publish(ctx, messages)
	for i, err := range outcome {
		if errors.Is(err, rabbit.ErrUnroutable) {
			outcome[i] = errors.Join(outbox.ErrUnroutable, err)
		}
	}
	return outcome
}
