package audit

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/fairgate/fairgate/shared/platform/logging"
	"github.com/fairgate/fairgate/shared/platform/tracing"
)

type actorKey struct{}

// WithActor returns a context whose changes are made by actor: "account:acc-…" or the
// name of what does it, such as "job:expire_bookings". Never a name or an address.
func WithActor(ctx context.Context, actor string) context.Context {
	return context.WithValue(ctx, actorKey{}, actor)
}

// Actor returns who makes the changes of ctx, or "".
func Actor(ctx context.Context) string {
	actor, _ := ctx.Value(actorKey{}).(string)
	return actor
}

// QueueOrigin queues, right after BEGIN, what lets a transaction know the request, the
// actor and the trace of ctx: the columns request_id, actor and traceparent of the
// ledger and the outbox have them as defaults.
func QueueOrigin(ctx context.Context, batch *pgx.Batch) {
	const q = `
		SELECT set_config('fairgate.request_id', $1, true), set_config('fairgate.actor', $2, true),
			set_config('fairgate.traceparent', $3, true)`
	batch.Queue(q, logging.RequestID(ctx), Actor(ctx), tracing.Parent(ctx))
}
