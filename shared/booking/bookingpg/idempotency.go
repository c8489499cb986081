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
// claim row for at most 2 s.
func (s *Store) Once(ctx context.Context, key booking.Key, effect booking.Effect) (booking.Answer, error) {
	var answer booking.Answer
	var done *unit
	err := s.commit(ctx, func(tx pgx.Tx) error {
		u := &unit{tx: tx}
		done = u
		claimed, err := claimKey(ctx, tx, key)
		if err != nil {
			return err
		}
		if !claimed {
			answer, err = storedAnswer(ctx, tx, key)
			return err
		}
		answer, err = effect(context.WithValue(ctx, unitKey{}, u))
		if err != nil {
			return disclaimKey(ctx, tx, key, err)
		}
		return storeAnswer(ctx, tx, key, answer)
	})
	if err != nil && !booking.IsKept(err) {
		return booking.Answer{}, err
	}
	for _, f := range done.after {
		f(ctx)
	}
	return answer, err
}

// claimKey reports whether the key is new, or so old that it counts as new.
func claimKey(ctx context.Context, tx pgx.Tx, key booking.Key) (bool, error) {
	const q = `
		INSERT INTO idempotency_key (account_id, route, key, fingerprint) VALUES ($1, $2, $3, $4)
		ON CONFLICT (account_id, route, key) DO UPDATE
		SET fingerprint = excluded.fingerprint, status = 0, body = '', ref = '', created_at = now()
		WHERE idempotency_key.created_at < now() - make_interval(secs => $5)`
	batch := &pgx.Batch{}
	batch.Queue(`SET LOCAL lock_timeout = '2s'`)
	batch.Queue(q, key.AccountID, key.Route, key.Value, key.Fingerprint[:], booking.KeyLifetime.Seconds())
	batch.Queue(`SET LOCAL lock_timeout = 0`)
	results := tx.SendBatch(ctx, batch)
	_, _ = results.Exec()
	tag, err := results.Exec()
	if closeErr := results.Close(); err == nil {
		err = closeErr
	}
	if isLockTimeout(err) {
		return false, booking.ErrKeyInProgress
	}
	return tag.RowsAffected() == 1, err
}

func isLockTimeout(err error) bool {
	const lockNotAvailable = "55P03"
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == lockNotAvailable
}

func storedAnswer(ctx context.Context, tx pgx.Tx, key booking.Key) (booking.Answer, error) {
	const q = `SELECT fingerprint, status, body, ref FROM idempotency_key WHERE account_id = $1 AND route = $2 AND key = $3`
	var fingerprint []byte
	answer := booking.Answer{Replayed: true}
	err := tx.QueryRow(ctx, q, key.AccountID, key.Route, key.Value).Scan(&fingerprint, &answer.Status, &answer.Body, &answer.Ref)
	if err != nil {
		return booking.Answer{}, err
	}
	if !bytes.Equal(fingerprint, key.Fingerprint[:]) {
		return booking.Answer{}, booking.ErrKeyReused
	}
	return answer, nil
}

func storeAnswer(ctx context.Context, tx pgx.Tx, key booking.Key, answer booking.Answer) error {
	const q = `
		UPDATE idempotency_key SET status = $4, body = $5, ref = $6
		WHERE account_id = $1 AND route = $2 AND key = $3`
	body := answer.Body
	if body == nil {
		body = []byte{}
	}
	_, err := tx.Exec(ctx, q, key.AccountID, key.Route, key.Value, answer.Status, body, answer.Ref)
	return err
}

// disclaimKey makes the key free again when the transaction is to be committed though
// the effect failed; only answers of success are stored.
func disclaimKey(ctx context.Context, tx pgx.Tx, key booking.Key, cause error) error {
	if !booking.IsKept(cause) {
		return cause
	}
	const q = `DELETE FROM idempotency_key WHERE account_id = $1 AND route = $2 AND key = $3`
	if _, err := tx.Exec(ctx, q, key.AccountID, key.Route, key.Value); err != nil {
		return err
	}
	return cause
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
