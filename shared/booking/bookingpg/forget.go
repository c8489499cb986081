package bookingpg

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fairgate/fairgate/shared/platform/outbox"
	"github.com/fairgate/fairgate/shared/platform/postgres"
)

// ForgetAccount removes what names a person from the bookings of an account that was erased,
// at once where nothing is on its way and, by ForgetDue, from the others once it is
// over: until then a mail about money may have to reach its owner. Bookings, payments
// and the ledger themselves stay, under the account's id. It may be repeated.
func (s *Store) ForgetAccount(ctx context.Context, accountID string) error {
	const note = `INSERT INTO forgotten_account (account_id) VALUES ($1) ON CONFLICT DO NOTHING`
	return postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, note, accountID); err != nil {
			return err
		}
		return forgetNames(ctx, tx, []string{accountID})
	})
}

// ForgetDue does what ForgetAccount had to leave, for up to limit of the accounts that
// were not looked at since round, and returns how many it looked at, and for how many of
// them everything is done. An account is looked at for an hour at least: a request that it
// had made while it was erased may still have made a booking.
func (s *Store) ForgetDue(ctx context.Context, round time.Time, limit int) (looked, finished int, err error) {
	// Whoever was looked at the longest ago comes first: those that cannot be forgotten yet
	// keep nobody waiting.
	const due = `
		UPDATE forgotten_account SET looked_at = $2 WHERE account_id IN (
			SELECT account_id FROM forgotten_account WHERE done_at IS NULL AND looked_at < $2
			ORDER BY looked_at LIMIT $1 FOR UPDATE SKIP LOCKED)
		RETURNING account_id`
	const done = `
		UPDATE forgotten_account f SET done_at = now()
		WHERE account_id = ANY($1) AND asked_at < now() - interval '1 hour'
		  AND NOT EXISTS (SELECT FROM booking b WHERE b.account_id = f.account_id AND (b.email <> '' OR b.name <> ''))`
	err = postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		looked, finished = 0, 0
		rows, err := tx.Query(ctx, due, limit, round)
		if err != nil {
			return err
		}
		accounts, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil || len(accounts) == 0 {
			return err
		}
		if err := forgetNames(ctx, tx, accounts); err != nil {
			return err
		}
		if err := outbox.Forget(ctx, tx, accounts); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, done, accounts)
		looked, finished = len(accounts), int(tag.RowsAffected())
		return err
	})
	return looked, finished, err
}

// forgetNames clears the contact, and the reasons that fans wrote, of the accounts'
// bookings that are at rest: neither to be paid nor being paid, cancelled or refunded.
func forgetNames(ctx context.Context, tx pgx.Tx, accounts []string) error {
	const names = `
		WITH resting AS (
			UPDATE booking b SET email = '', name = '', cancel_reason = ''
			WHERE b.account_id = ANY($1) AND (b.email <> '' OR b.name <> '' OR b.cancel_reason <> '')
			  AND b.state NOT IN ('pending_payment', 'paying', 'cancelling')
			  AND NOT EXISTS (SELECT FROM payment p WHERE p.booking_id = b.id AND p.state IN ('confirming', 'unknown', 'waiting_for_deposit'))
			  AND NOT EXISTS (SELECT FROM refund r WHERE r.booking_id = b.id AND r.state IN ('requested', 'sending', 'unknown'))
			RETURNING b.id)
		UPDATE refund r SET reason = '' FROM resting WHERE r.booking_id = resting.id AND r.kind = 'fan'`
	// Stored answers hold what a fan wrote; nobody is left to ask for them again.
	const answers = `DELETE FROM idempotency_key WHERE account_id = ANY($1) AND status <> 0`
	batch := &pgx.Batch{}
	batch.Queue(names, accounts)
	batch.Queue(answers, accounts)
	return tx.SendBatch(ctx, batch).Close()
}
