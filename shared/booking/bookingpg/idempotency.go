package bookingpg

import (
	"bytes"
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fairgate/fairgate/shared/booking"
)

// Once implements booking.Transactions. The claim row, the effect and the answer are
// one transaction, so nothing is left behind by a crash; a duplicate waits at the
// claim row for at most 2 s. The claim travels with the effect's first question, which
// fails with ErrAnswered when it is not the first.
func (s *Store) Once(ctx context.Context, key booking.Key, effect booking.Effect) (booking.Answer, error) {
	var answer booking.Answer
	var done *unit
	err := s.commit(ctx, func(tx *work) error {
		u := &unit{work: tx}
		done = u
		claimed := queueClaim(tx, key)
		var err error
		answer, err = effect(context.WithValue(ctx, unitKey{}, u))
		if !*claimed { // a request that was answered before is answered so again, come what may
			if unclaimed := tx.Flush(ctx); unclaimed != nil {
				return unclaimed
			}
		}
		if err == nil {
			storeAnswer(tx, key, answer)
			return nil
		}
		if booking.IsKept(err) {
			disclaimKey(tx, key)
		}
		return err
	})
	if errors.Is(err, booking.ErrAnswered) {
		return s.storedAnswer(ctx, key)
	}
	if err != nil && !booking.IsKept(err) {
		return booking.Answer{}, err
	}
	for _, f := range done.after {
		f(ctx)
	}
	return answer, err
}

// queueClaim queues to claim a key that is new, or so old that it counts as new;
// claimed becomes true when it has been.
func queueClaim(tx *work, key booking.Key) (claimed *bool) {
	const q = `
		WITH claimed AS (
			INSERT INTO idempotency_key (account_id, route, key, fingerprint) VALUES ($1, $2, $3, $4)
			ON CONFLICT (account_id, route, key) DO UPDATE
			SET fingerprint = excluded.fingerprint, status = 0, body = '', ref = '', created_at = now()
			WHERE idempotency_key.created_at < now() - make_interval(secs => $5)
			RETURNING 1)
		SELECT count(*) = 1, set_config('lock_timeout', '0', true) FROM claimed`
	claimed = new(bool)
	tx.Queue(`SELECT set_config('lock_timeout', '2s', true)`)
	tx.Queue(q, key.AccountID, key.Route, key.Value, key.Fingerprint[:], booking.KeyLifetime.Seconds()).QueryRow(func(row pgx.Row) error {
		err := row.Scan(claimed, nil)
		switch {
		case isLockTimeout(err):
			return booking.ErrKeyInProgress
		case err == nil && !*claimed:
			return booking.ErrAnswered
		}
		return err
	})
	return claimed
}

func isLockTimeout(err error) bool {
	const lockNotAvailable = "55P03"
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == lockNotAvailable
}

func (s *Store) storedAnswer(ctx context.Context, key booking.Key) (booking.Answer, error) {
	const q = `SELECT fingerprint, status, body, ref FROM idempotency_key WHERE account_id = $1 AND route = $2 AND key = $3`
	var fingerprint []byte
	answer := booking.Answer{Replayed: true}
	err := s.pool.QueryRow(ctx, q, key.AccountID, key.Route, key.Value).Scan(&fingerprint, &answer.Status, &answer.Body, &answer.Ref)
	if err != nil {
		return booking.Answer{}, err
	}
	if !bytes.Equal(fingerprint, key.Fingerprint[:]) {
		return booking.Answer{}, booking.ErrKeyReused
	}
	return answer, nil
}

func storeAnswer(tx *work, key booking.Key, answer booking.Answer) {
	const q = `
		UPDATE idempotency_key SET status = $4, body = $5, ref = $6
		WHERE account_id = $1 AND route = $2 AND key = $3`
	body := answer.Body
	if body == nil {
		body = []byte{}
	}
	tx.Queue(q, key.AccountID, key.Route, key.Value, answer.Status, body, answer.Ref)
}

// disclaimKey makes the key free again when the transaction is to be committed though
// the effect failed; only answers of success are stored.
func disclaimKey(tx *work, key booking.Key) {
	tx.Queue(`DELETE FROM idempotency_key WHERE account_id = $1 AND route = $2 AND key = $3`, key.AccountID, key.Route, key.Value)
}

// Forget implements booking.Bookings.
func (s *Store) Forget(ctx context.Context, limit int) (int, error) {
	const q = `
		DELETE FROM idempotency_key WHERE (account_id, route, key) IN (
			SELECT account_id, route, key FROM idempotency_key
			WHERE created_at < now() - make_interval(secs => $1)
			ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)`
	tag, err := s.pool.Exec(ctx, q, booking.KeyLifetime.Seconds(), limit)
	return int(tag.RowsAffected()), err
}
