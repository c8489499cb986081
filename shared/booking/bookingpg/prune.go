package bookingpg

import (
	"time"

	"github.com/fairgate/fairgate/shared/platform/postgres"
)

// PruneWebhooks deletes webhooks that were received longer than age ago. They were
// hints; what became of them is in the ledger, which is kept for ever.
func PruneWebhooks(age time.Duration) postgres.Prune {
	const q = `
		DELETE FROM webhook_event WHERE ctid = ANY (ARRAY(
			SELECT ctid FROM webhook_event WHERE received_at < now() - $1::interval LIMIT $2 FOR UPDATE SKIP LOCKED))`
	return postgres.Prune{Table: "webhook_event", SQL: q, After: age}
}

// PruneEndedSessions forgets that a session was ended without a booking: longer than age
// ago, its pass is long over. Sessions that a booking used up are kept, as bookings are.
func PruneEndedSessions(age time.Duration) postgres.Prune {
	const q = `
		DELETE FROM spent_session WHERE ctid = ANY (ARRAY(
			SELECT ctid FROM spent_session WHERE booking_id = '' AND spent_at < now() - $1::interval LIMIT $2 FOR UPDATE SKIP LOCKED))`
	return postgres.Prune{Table: "spent_session", SQL: q, After: age}
}

// PruneSessionAccounts forgets whose sessions were: longer than age ago, their passes are
// long over. Bookings still say in which session they were made.
func PruneSessionAccounts(age time.Duration) postgres.Prune {
	const q = `
		DELETE FROM session_account WHERE ctid = ANY (ARRAY(
			SELECT ctid FROM session_account WHERE bound_at < now() - $1::interval LIMIT $2 FOR UPDATE SKIP LOCKED))`
	return postgres.Prune{Table: "session_account", SQL: q, After: age}
}
