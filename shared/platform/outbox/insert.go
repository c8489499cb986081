package outbox

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/fairgate/fairgate/shared/event"
)

// Insert stores events in tx, to be published after it commits. All rows go in
// one statement; no envelope is no statement.
func Insert(ctx context.Context, tx pgx.Tx, envelopes ...event.Envelope) error {
	batch := &pgx.Batch{}
	if err := Queue(batch, envelopes...); err != nil || batch.Len() == 0 {
		return err
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("outbox: insert: %w", err)
	}
	return nil
}

// Queue adds to batch what Insert would do, for callers who send more in the same
// round trip.
func Queue(batch *pgx.Batch, envelopes ...event.Envelope) error {
	if len(envelopes) == 0 {
		return nil
	}
	ids := make([]string, len(envelopes))
	types := make([]string, len(envelopes))
	payloads := make([]string, len(envelopes))
	for i, e := range envelopes {
		payload, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("outbox: %s %s: %w", e.Type, e.ID, err)
		}
		ids[i], types[i], payloads[i] = e.ID, e.Type, string(payload)
	}
	const q = `
		INSERT INTO outbox (event_id, type, payload)
		SELECT event_id, type, payload::json
		FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS e (event_id, type, payload, n)
		ORDER BY n`
	batch.Queue(q, ids, types, payloads)
	return nil
}
