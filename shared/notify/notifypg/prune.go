package notifypg

import (
	"time"

	"github.com/fairgate/fairgate/shared/platform/postgres"
)

// PruneDeliveries deletes the rows of mails and posts that were made longer than age
// ago, which must be far longer than a message can be tried again: afterwards nothing
// knows that it was sent.
func PruneDeliveries(age time.Duration) postgres.Prune {
	const q = `
		DELETE FROM delivery WHERE ctid = ANY (ARRAY(
			SELECT ctid FROM delivery WHERE created_at < now() - $1::interval LIMIT $2 FOR UPDATE SKIP LOCKED))`
	return postgres.Prune{Table: "delivery", SQL: q, After: age}
}

// PruneNotifications deletes entries of fans' inboxes that are older than age.
func PruneNotifications(age time.Duration) postgres.Prune {
	const q = `
		DELETE FROM notification WHERE ctid = ANY (ARRAY(
			SELECT ctid FROM notification WHERE created_at < now() - $1::interval LIMIT $2 FOR UPDATE SKIP LOCKED))`
	return postgres.Prune{Table: "notification", SQL: q, After: age}
}
