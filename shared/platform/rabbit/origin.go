package rabbit

import (
	"context"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/fairgate/fairgate/shared/platform/logging"
	"github.com/fairgate/fairgate/shared/platform/tracing"
)

// The headers that say where a message comes from; they stay on it through the retry
// ladder and while it is parked.
const (
	headerRequestID   = "request_id"
	headerTraceparent = tracing.Header // W3C Trace Context
)

// OriginHeaders returns the headers of a message that a request has caused and that
// belongs to a trace; each may be empty.
func OriginHeaders(requestID, traceparent string) map[string]any {
	if requestID == "" && traceparent == "" {
		return nil
	}
	headers := map[string]any{}
	if requestID != "" {
		headers[headerRequestID] = requestID
	}
	if traceparent != "" {
		headers[headerTraceparent] = traceparent
	}
	return headers
}

// Trace makes the client's consumers go on with the traces of their messages.
func (c *Client) Trace(t *tracing.Tracer) { c.tracer = t }

// origin returns the context in which a message is handled and talked about.
func (c *Client) origin(ctx context.Context, k Consumer, d amqp.Delivery) (context.Context, tracing.Span) {
	if id, _ := d.Headers[headerRequestID].(string); id != "" {
		ctx = logging.WithRequestID(ctx, id)
	}
	if c.tracer == nil {
		return ctx, tracing.Span{}
	}
	parent, _ := d.Headers[headerTraceparent].(string)
	ctx, span := c.tracer.Start(ctx, parent, "consume "+k.Queue, tracing.Consumer)
	span.Set("messaging.system", "rabbitmq")
	span.Set("messaging.message.id", d.MessageId)
	return ctx, span
}
