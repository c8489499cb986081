// Package schema holds the database's migrations: forward only, one transaction
// each, run by worker/cmd/migrate and by tests, never when a service starts.
// The code runs before and after each of them.
package schema

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"slices"

	"github.com/jackc/pgx/v5"
)

//go:embed migrations/*.sql
var files embed.FS

const advisoryLock = 7_301_984 // any number that nothing else locks

// Migrate applies what is missing and returns the names of the files it applied.
// Several migrators may run at once: one works, the others wait and find nothing.
func Migrate(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, advisoryLock); err != nil {
		return nil, err
	}
	defer func() { _, _ = conn.Exec(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, advisoryLock) }()
	const q = `CREATE TABLE IF NOT EXISTS schema_migration (
		name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())`
	if _, err := conn.Exec(ctx, q); err != nil {
		return nil, err
	}
	names, err := pending(ctx, conn)
	if err != nil {
		return nil, err
	}
	for i, name := range names {
		if err := apply(ctx, conn, name); err != nil {
			return names[:i], fmt.Errorf("migration %s: %w", name, err)
		}
	}
	return names, nil
}

// Pending returns the names of the files that Migrate would apply.
func Pending(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	var fresh bool
	if err := conn.QueryRow(ctx, `SELECT to_regclass('schema_migration') IS NULL`).Scan(&fresh); err != nil {
		return nil, err
	}
	if fresh {
		return fs.Glob(files, "migrations/*.sql")
	}
	return pending(ctx, conn)
}

func pending(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	rows, err := conn.Query(ctx, `SELECT name FROM schema_migration`)
	if err != nil {
		return nil, err
	}
	applied, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	all, err := fs.Glob(files, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(name string) bool { return slices.Contains(applied, name) }), nil
}

func apply(ctx context.Context, conn *pgx.Conn, name string) error {
	text, err := files.ReadFile(name)
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, string(text)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO schema_migration (name) VALUES ($1)`, name)
		return err
	})
}

// Fingerprint names the migrations as they are now: 16 hex digits that change with
// any of them.
func Fingerprint() string {
	hash := sha256.New()
	err := fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := files.ReadFile(path)
		_, _ = fmt.Fprintf(hash, "%s %d\n%s", path, len(text), text)
		return err
	})
	if err != nil {
		panic(err) // the files are part of the binary: cannot happen
	}
	return hex.EncodeToString(hash.Sum(nil)[:8])
}
