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
	INSERT INTO refresh_token (digest, login_id, generation, expires_at)
	VALUES ($1, $2, $3, now() + make_interval(secs => $4))`

// StartLogin begins a family of refresh tokens, revokes those that it replaces and
// forgets the account's expired ones. It takes turns with Erase: account.ErrInvalidCredentials once the account is deleted.
func (s *Store) StartLogin(ctx context.Context, accountID string, token account.Digest, lifetime time.Duration, replaced ...account.Digest) error {
	const living = `SELECT FROM account WHERE id = $1 AND deleted_at IS NULL FOR SHARE`
	const forget = `
		DELETE FROM login WHERE account_id = $1 AND NOT EXISTS
			(SELECT FROM refresh_token t WHERE t.login_id = login.id AND t.expires_at > now())`
	const start = `INSERT INTO login (id, account_id) VALUES ($1, $2)`
	id := ident.New("lgn")
	return postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		// The row is locked until the log-in stands: an erasure waits for it, and removes it.
		tag, err := tx.Exec(ctx, living, accountID)
		if err == nil && tag.RowsAffected() == 0 {
			err = account.ErrInvalidCredentials
		}
		if err != nil {
			return err
		}
		batch := &pgx.Batch{}
		batch.Queue(forget, accountID)
		batch.Queue(start, id, accountID)
		batch.Queue(insertToken, token[:], id, 0, lifetime.Seconds())
		if len(replaced) > 0 {
			batch.Queue(endLogins, bytesOf(replaced))
		}
		return tx.SendBatch(ctx, batch).Close()
	})
}

// RefreshGrace is how long a token that was exchanged may be exchanged once more: two
// tabs that ask at once, or one whose answer was lost. The pages give up a call for less
// than that.
const RefreshGrace = 10 * time.Second

// Rotate spends old and adds next to its family. The revocation of a family
// whose spent token turns up again is committed although the call fails.
func (s *Store) Rotate(ctx context.Context, old, next account.Digest, lifetime time.Duration) (account.Account, error) {
	var a account.Account
	var reused bool
	err := postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		reused = false
		token, err := spend(ctx, tx, old)
		if err != nil {
			return err
		}
		if token.reused {
			reused = true
			return revoke(ctx, tx, token.loginID)
		}
		if _, err := tx.Exec(ctx, insertToken, next[:], token.loginID, token.generation+1, lifetime.Seconds()); err != nil {
			return err
		}
		const q = `SELECT ` + columns + ` FROM account WHERE id = $1 AND deleted_at IS NULL`
		a, _, err = scan(tx.QueryRow(ctx, q, token.accountID))
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

// spent is a token that was shown for exchange.
type spent struct {
	loginID, accountID string
	generation         int64
	reused             bool // by somebody who should not have it any more
}

// spend marks a token as used and says whether it may be exchanged: once, and again
// within RefreshGrace as long as no successor of it has been used. The other tokens of
// its generation, made within that grace, are spent with it for good: of two copies
// only one can live on, so that a stolen one is found out as before.
// Concurrent calls take turns on the log-in's row.
func spend(ctx context.Context, tx pgx.Tx, token account.Digest) (spent, error) {
	const lock = `
		SELECT l.id, l.account_id, t.generation FROM refresh_token t JOIN login l ON l.id = t.login_id
		WHERE t.digest = $1 AND t.expires_at > now() AND l.revoked_at IS NULL
		FOR UPDATE OF l`
	const use = `UPDATE refresh_token SET used_at = clock_timestamp() WHERE digest = $1 AND used_at IS NULL`
	const retire = `
		UPDATE refresh_token SET used_at = '-infinity'
		WHERE login_id = $1 AND generation <= $2 AND used_at IS NULL`
	const again = `
		SELECT t.used_at > clock_timestamp() - make_interval(secs => $2) AND NOT EXISTS
			(SELECT FROM refresh_token n WHERE n.login_id = t.login_id AND n.generation > t.generation AND n.used_at IS NOT NULL)
		FROM refresh_token t WHERE t.digest = $1`
	var s spent
	err := tx.QueryRow(ctx, lock, token[:]).Scan(&s.loginID, &s.accountID, &s.generation)
	if errors.Is(err, pgx.ErrNoRows) {
		return s, account.ErrRefreshInvalid
	}
	if err != nil {
		return s, err
	}
	tag, err := tx.Exec(ctx, use, token[:])
	if err != nil {
		return s, err
	}
	if tag.RowsAffected() > 0 {
		_, err = tx.Exec(ctx, retire, s.loginID, s.generation)
		return s, err
	}
	var forgiven bool
	err = tx.QueryRow(ctx, again, token[:], RefreshGrace.Seconds()).Scan(&forgiven)
	s.reused = !forgiven
	return s, err
}

func revoke(ctx context.Context, tx pgx.Tx, loginID string) error {
	const q = `UPDATE login SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL`
	_, err := tx.Exec(ctx, q, loginID)
	return err
}

// EndLogins revokes the families of the tokens.
func (s *Store) EndLogins(ctx context.Context, tokens ...account.Digest) error {
	_, err := s.pool.Exec(ctx, endLogins, bytesOf(tokens))
	return err
}

const endLogins = `
	UPDATE login SET revoked_at = now() WHERE revoked_at IS NULL
	AND id IN (SELECT login_id FROM refresh_token WHERE digest = ANY($1))`

// IsLoggedIn reports whether one of the tokens, spent or not, belongs to a log-in of the
// account that lives.
func (s *Store) IsLoggedIn(ctx context.Context, accountID string, tokens ...account.Digest) (bool, error) {
	const q = `
		SELECT EXISTS (
			SELECT FROM refresh_token t JOIN login l ON l.id = t.login_id
			WHERE t.digest = ANY($2) AND l.account_id = $1 AND t.expires_at > now() AND l.revoked_at IS NULL)`
	var known bool
	err := s.pool.QueryRow(ctx, q, accountID, bytesOf(tokens)).Scan(&known)
	return known, err
}

// bytesOf returns digests as Postgres takes them.
func bytesOf(tokens []account.Digest) [][]byte {
	list := make([][]byte, len(tokens))
	for i := range tokens {
		list[i] = tokens[i][:]
	}
	return list
}
