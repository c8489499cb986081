package audit

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

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

// Transactions begins transactions that know the request, the actor and the trace of
// their context: the columns request_id, actor and traceparent of the ledger and the
// outbox have them as defaults. It costs no round trip and no argument.
type Transactions struct{ Pool *pgxpool.Pool }

// Begin implements postgres.Beginner.
func (t Transactions) Begin(ctx context.Context) (pgx.Tx, error) {
	return t.Pool.BeginTx(ctx, pgx.TxOptions{BeginQuery: beginning(ctx)})
}

// beginning returns the statements that begin a transaction of ctx; "" stands for a
// plain BEGIN.
func beginning(ctx context.Context) string {
	var q strings.Builder
	set(&q, "request_id", logging.RequestID(ctx))
	set(&q, "actor", Actor(ctx))
	set(&q, "traceparent", tracing.Parent(ctx))
	if q.Len() == 0 {
		return ""
	}
	return "BEGIN" + q.String()
}

func set(q *strings.Builder, name, value string) {
	if value == "" || strings.ContainsFunc(value, needsQuotes) {
		return // SET takes no arguments, and none of ours has anything to quote
	}
	q.WriteString("; SET LOCAL fairgate.")
	q.WriteString(name)
	q.WriteString(" = '")
	q.WriteString(value)
	q.WriteString("'")
}

func needsQuotes(r rune) bool {
	return !(r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune("-_:./", r))
}
