package accountpg

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fairgate/fairgate/shared/account"
	"github.com/fairgate/fairgate/shared/ident"
	"github.com/fairgate/fairgate/shared/platform/postgres"
)

const insertToken = `
	INSERT INTO refresh_token (digest, login_id, expires_at)
	VALUES ($1, $2, now() + make_interval(secs => $3))`

// StartLogin begins a family of refresh tokens and forgets the account's expired ones.
func (s *Store) StartLogin(ctx context.Context, accountID string, token account.Digest, lifetime time.Duration) error {
	const forget = `
		DELETE FROM login WHERE account_id = $1 AND NOT EXISTS
			(SELECT FROM refresh_token t WHERE t.login_id = login.id AND t.expires_at > now())`
	const start = `INSERT INTO login (id, account_id) VALUES ($1, $2)`
	id := ident.New("lgn")
	return postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		batch := &pgx.Batch{}
		batch.Queue(forget, accountID)
		batch.Queue(start, id, accountID)
		batch.Queue(insertToken, token[:], id, lifetime.Seconds())
		return tx.SendBatch(ctx, batch).Close()
	})
}

// Rotate spends old and adds next to its family. The revocation of a family
// whose spent token turns up again is committed although the call fails.
func (s *Store) Rotate(ctx context.Context, old, next account.Digest, lifetime time.Duration) (account.Account, error) {
	var a account.Account
	var reused bool
	err := postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		reused = false
		family, err := spend(ctx, tx, old)
		if err != nil {
			return err
		}
		if family.reused {
			reused = true
			return revoke(ctx, tx, family.loginID)
		}
		if _, err := tx.Exec(ctx, insertToken, next[:], family.loginID, lifetime.Seconds()); err != nil {
			return err
		}
		const q = `SELECT ` + columns + ` FROM account WHERE id = $1 AND deleted_at IS NULL`
		a, _, err = scan(tx.QueryRow(ctx, q, family.accountID))
		if errors.Is(err, account.ErrNotFound) {
			return account.ErrRefreshInvalid
		}
		return err
	})
	if err == nil && reused {
		return account.Account{}, account.ErrRefreshInvalid
	}
	return a, err
}

type family struct {
	loginID, accountID string
	reused             bool
}

// spend marks a token as used and says whether it was already.
// Concurrent calls take turns on the log-in's row.
func spend(ctx context.Context, tx pgx.Tx, token account.Digest) (family, error) {
	const lock = `
		SELECT l.id, l.account_id FROM refresh_token t JOIN login l ON l.id = t.login_id
		WHERE t.digest = $1 AND t.expires_at > now() AND l.revoked_at IS NULL
		FOR UPDATE OF l`
	const use = `UPDATE refresh_token SET used_at = now() WHERE digest = $1 AND used_at IS NULL`
	var f family
	err := tx.QueryRow(ctx, lock, token[:]).Scan(&f.loginID, &f.accountID)
	if errors.Is(err, pgx.ErrNoRows) {
		return f, account.ErrRefreshInvalid
	}
	if err != nil {
		return f, err
	}
	tag, err := tx.Exec(ctx, use, token[:])
	f.reused = tag.RowsAffected() == 0
	return f, err
}

func revoke(ctx context.Context, tx pgx.Tx, loginID string) error {
	const q = `UPDATE login SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL`
	_, err := tx.Exec(ctx, q, loginID)
	return err
}

// EndLogin revokes the family of token.
func (s *Store) EndLogin(ctx context.Context, token account.Digest) error {
	const q = `
		UPDATE login SET revoked_at = now() WHERE revoked_at IS NULL
		AND id = (SELECT login_id FROM refresh_token WHERE digest = $1)`
	_, err := s.pool.Exec(ctx, q, token[:])
	return err
}
