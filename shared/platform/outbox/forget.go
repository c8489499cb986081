package outbox

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Forget removes name, e-mail and reason from the events about these accounts that are
// still here, a minute after they should have gone: no queue takes them. Those that are
// on their way go on as they are.
func Forget(ctx context.Context, tx pgx.Tx, accounts []string) error {
	const q = `
		UPDATE outbox SET payload = (payload::jsonb #- '{data,email}' #- '{data,name}' #- '{data,reason}')::json
		WHERE id IN (
			SELECT id FROM outbox
			WHERE created_at < now() - interval '1 minute' AND payload->'data'->>'account_id' = ANY($1)
			FOR UPDATE SKIP LOCKED)
		AND (payload->'data'->>'email' <> '' OR payload->'data'->>'name' <> '')`
	if _, err := tx.Exec(ctx, q, accounts); err != nil {
		return fmt.Errorf("outbox: forget: %w", err)
	}
	return nil
}
