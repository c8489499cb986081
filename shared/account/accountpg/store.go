// Package accountpg keeps accounts and log-ins in Postgres.
package accountpg

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairgate/fairgate/shared/account"
	"github.com/fairgate/fairgate/shared/event"
	"github.com/fairgate/fairgate/shared/platform/logging"
	"github.com/fairgate/fairgate/shared/platform/outbox"
	"github.com/fairgate/fairgate/shared/platform/postgres"
)

// Store implements account.Store. Times are the database's.
type Store struct {
	pool *pgxpool.Pool
}

// New returns a store on pool.
func New(pool *pgxpool.Pool) *Store { return &Store{pool: pool} }

// Create stores a new account; account.ErrEmailTaken if its e-mail is in use, or was that
// of an account that is erased.
func (s *Store) Create(ctx context.Context, a account.Account, passwordHash string, email account.Email) error {
	// Of an address that is being erased, one statement sees either the account or the mark.
	const q = `
		INSERT INTO account (id, email, password_hash, name, role, locale, created_at)
		SELECT $1::text, $2::text, $3::text, $4::text, $5::text, $6::text, $7::timestamptz
		WHERE NOT EXISTS (SELECT FROM account WHERE email = ANY($8))
		  AND NOT EXISTS (SELECT FROM erased_email WHERE mark = $9)`
	tag, err := s.pool.Exec(ctx, q, a.ID, a.Email, passwordHash, a.Name, a.Role, a.Locale, a.CreatedAt, email.Forms, email.Mark[:])
	if err == nil && tag.RowsAffected() == 0 || postgres.IsUniqueViolation(err, "account_email") {
		return account.ErrEmailTaken
	}
	return err
}

// CreateMany stores many accounts with one password hash in one COPY, or none of them:
// account.ErrEmailTaken as with Create. Used for development data only.
func (s *Store) CreateMany(ctx context.Context, accounts []account.Account, passwordHash string, mark func(email string) account.EmailMark) error {
	const erased = `SELECT EXISTS (SELECT FROM erased_email WHERE mark = ANY($1))`
	return postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		if err := copyAccounts(ctx, tx, accounts, passwordHash); err != nil {
			return err
		}
		// After the accounts are there: an erasure that they waited for has left its mark.
		var taken bool
		err := tx.QueryRow(ctx, erased, marksOf(accounts, mark)).Scan(&taken)
		if err == nil && taken {
			err = account.ErrEmailTaken
		}
		return err
	})
}

func copyAccounts(ctx context.Context, tx pgx.Tx, accounts []account.Account, passwordHash string) error {
	columns := []string{"id", "email", "password_hash", "name", "role", "locale", "created_at"}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"account"}, columns, pgx.CopyFromSlice(len(accounts), func(i int) ([]any, error) {
		a := accounts[i]
		return []any{a.ID, a.Email, passwordHash, a.Name, string(a.Role), a.Locale, a.CreatedAt}, nil
	}))
	if postgres.IsUniqueViolation(err, "account_email") {
		return account.ErrEmailTaken
	}
	return err
}

func marksOf(accounts []account.Account, mark func(email string) account.EmailMark) [][]byte {
	marks := make([][]byte, len(accounts))
	for i, a := range accounts {
		m := mark(a.Email)
		marks[i] = m[:]
	}
	return marks
}

const columns = `id, email, name, role, locale, created_at, password_hash`

// ByEmail returns the account that has the first of these forms of its e-mail, and its
// password hash.
func (s *Store) ByEmail(ctx context.Context, forms ...string) (account.Account, string, error) {
	const q = `
		SELECT ` + columns + ` FROM account WHERE email = ANY($1) AND deleted_at IS NULL
		ORDER BY array_position($1, email) LIMIT 1`
	return scan(s.pool.QueryRow(ctx, q, forms))
}

// ByID returns an account and its password hash.
func (s *Store) ByID(ctx context.Context, id string) (account.Account, string, error) {
	const q = `SELECT ` + columns + ` FROM account WHERE id = $1 AND deleted_at IS NULL`
	return scan(s.pool.QueryRow(ctx, q, id))
}

func scan(row pgx.Row) (account.Account, string, error) {
	var a account.Account
	var hash string
	err := row.Scan(&a.ID, &a.Email, &a.Name, &a.Role, &a.Locale, &a.CreatedAt, &hash)
	if errors.Is(err, pgx.ErrNoRows) {
		return account.Account{}, "", account.ErrNotFound
	}
	a.CreatedAt = a.CreatedAt.UTC()
	return a, hash, err
}

// Update stores the name and the locale of a.
func (s *Store) Update(ctx context.Context, a account.Account) error {
	const q = `UPDATE account SET name = $2, locale = $3 WHERE id = $1 AND deleted_at IS NULL`
	tag, err := s.pool.Exec(ctx, q, a.ID, a.Name, a.Locale)
	if err == nil && tag.RowsAffected() == 0 {
		return account.ErrNotFound
	}
	return err
}

// Erase removes what names the person and all log-ins, marks the e-mail, and tells the
// other nouns.
func (s *Store) Erase(ctx context.Context, id string, mark account.EmailMark) error {
	const erase = `
		UPDATE account SET email = NULL, password_hash = NULL, name = '', deleted_at = now()
		WHERE id = $1 AND deleted_at IS NULL`
	const keep = `INSERT INTO erased_email (mark) VALUES ($1) ON CONFLICT DO NOTHING`
	const logOut = `DELETE FROM login WHERE account_id = $1`
	told, err := event.New(event.TypeAccountDeleted, id, 1, time.Now().UTC(), logging.RequestID(ctx), event.AccountDeleted{AccountID: id})
	if err != nil {
		return err
	}
	return postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, erase, id)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return account.ErrNotFound
		}
		batch := &pgx.Batch{}
		batch.Queue(keep, mark[:])
		batch.Queue(logOut, id)
		if err := outbox.Queue(batch, told); err != nil {
			return err
		}
		return tx.SendBatch(ctx, batch).Close()
	})
}
