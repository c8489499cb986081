package outbox

import (
	"time"

	"github.com/fairgate/fairgate/shared/platform/postgres"
)

// PruneUnroutable deletes events that no queue has taken for longer than age: until
// then each try is logged and counted. Others are never deleted unpublished.
func PruneUnroutable(age time.Duration) postgres.Prune {
	const q = `
		DELETE FROM outbox WHERE id IN (
			SELECT id FROM outbox WHERE created_at < now() - $1::interval AND not_before > '-infinity'
			LIMIT $2 FOR UPDATE SKIP LOCKED)`
	return postgres.Prune{Table: "outbox", SQL: q, After: age}
}
