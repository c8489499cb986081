// Package pgtest gives tests migrated Postgres databases of their own. It is apart
// from backendtest so that packages which need no database link no driver.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairgate/fairgate/shared/ident"
	"github.com/fairgate/fairgate/shared/platform/backendtest"
	"github.com/fairgate/fairgate/shared/schema"
)

// Pool returns a pool on a new, migrated database, dropped after the test.
func Pool(t testing.TB) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(context.Background(), URL(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// URL returns the URL of a new, migrated database, dropped after the test.
func URL(t testing.TB) string {
	t.Helper()
	return newDatabase(t, " TEMPLATE "+template(t))
}

// EmptyURL returns the URL of a new database without tables, dropped after the test.
func EmptyURL(t testing.TB) string {
	t.Helper()
	return newDatabase(t, "")
}

func newDatabase(t testing.TB, options string) string {
	t.Helper()
	name := strings.ReplaceAll(ident.New("test"), "-", "_")
	if err := administer(backendtest.PostgresAdminURL(t), "CREATE DATABASE "+name+options); err != nil {
		t.Fatalf("create database: %v", err)
	}
	t.Cleanup(func() {
		if err := administer(os.Getenv(backendtest.EnvPostgres), "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
			t.Logf("drop database %s: %v", name, err)
		}
	})
	return urlOf(t, name)
}

func urlOf(t testing.TB, database string) string {
	t.Helper()
	u, err := url.Parse(backendtest.PostgresAdminURL(t))
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + database
	return u.String()
}

const adminTimeout = 30 * time.Second // many test processes may be at it

func administer(adminURL, statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), adminTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, adminURL)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, statement)
	return err
}

var made struct {
	sync.Once
	name string
	err  error
}

// template returns the name of the migrated database that others are copied from,
// which is many times faster than migrating each.
func template(t testing.TB) string {
	t.Helper()
	made.Do(func() {
		made.name, made.err = makeTemplate(backendtest.PostgresAdminURL(t), func(name string) string { return urlOf(t, name) })
	})
	if made.err != nil {
		t.Fatalf("template database: %v", made.err)
	}
	return made.name
}

const advisoryLock = 7_301_985 // any number that nothing else locks

// makeTemplate makes the template of these migrations unless it is there. Of many
// processes one makes it while the others wait. It gets its name only when it is
// complete.
func makeTemplate(adminURL string, urlOf func(database string) string) (name string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*adminTimeout)
	defer cancel()
	admin, err := pgx.Connect(ctx, adminURL)
	if err != nil {
		return "", err
	}
	defer func() { _ = admin.Close(ctx) }() // and with it the lock
	if _, err := admin.Exec(ctx, `SELECT pg_advisory_lock($1)`, advisoryLock); err != nil {
		return "", err
	}
	name = "template_" + schema.Fingerprint()
	var there bool
	err = admin.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, name).Scan(&there)
	if err != nil || there {
		return name, err
	}
	unfinished := name + "_unfinished"
	for _, statement := range []string{"DROP DATABASE IF EXISTS " + unfinished + " WITH (FORCE)", "CREATE DATABASE " + unfinished} {
		if _, err := admin.Exec(ctx, statement); err != nil {
			return "", err
		}
	}
	if err := migrate(ctx, urlOf(unfinished)); err != nil {
		return "", err
	}
	_, err = admin.Exec(ctx, fmt.Sprintf("ALTER DATABASE %s RENAME TO %s", unfinished, name))
	return name, err
}

func migrate(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	_, err = schema.Migrate(ctx, conn)
	return errors.Join(err, conn.Close(ctx))
}
