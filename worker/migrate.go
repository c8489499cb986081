package worker

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairgate/fairgate/shared/account"
	"github.com/fairgate/fairgate/shared/account/accountpg"
	"github.com/fairgate/fairgate/shared/catalogue/cataloguepg"
	"github.com/fairgate/fairgate/shared/platform/config"
	"github.com/fairgate/fairgate/shared/platform/password"
	"github.com/fairgate/fairgate/shared/queue"
	"github.com/fairgate/fairgate/shared/queue/queuepg"
	"github.com/fairgate/fairgate/shared/schema"
)

// MigrateConfig is the settings of the migrate command.
type MigrateConfig struct {
	Env         config.Env    `env:"ENV" envDefault:"production"`
	PostgresURL config.Secret `env:"POSTGRES_URL" envDefault:"postgres://fairgate:fairgate@127.0.0.1:8032/fairgate?sslmode=disable"`
	// EmailKey is the booking API's, for the development data only.
	EmailKey config.Secret `env:"EMAIL_KEY" envDefault:"ZmFpcmdhdGUtZGV2ZWxvcG1lbnQtZW1haWwta2V5LTE="`
}

// errUsage is how the migrate command is used.
var errUsage = errors.New("usage: migrate up | seed | status")

// Migrate carries out one command: up applies what is missing, seed stores the
// development data, status tells what up would do. It writes what it did to out.
func Migrate(ctx context.Context, cfg MigrateConfig, out io.Writer, args []string) error {
	if len(args) != 1 {
		return errUsage
	}
	switch args[0] {
	case "up":
		return onConn(ctx, cfg, func(conn *pgx.Conn) error {
			applied, err := schema.Migrate(ctx, conn)
			list(out, "applied", applied)
			return err
		})
	case "status":
		return onConn(ctx, cfg, func(conn *pgx.Conn) error {
			pending, err := schema.Pending(ctx, conn)
			list(out, "pending", pending)
			return err
		})
	case "seed":
		return seed(ctx, cfg, out)
	}
	return errUsage
}

func onConn(ctx context.Context, cfg MigrateConfig, f func(conn *pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, cfg.PostgresURL.Reveal())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	return f(conn)
}

func list(out io.Writer, word string, names []string) {
	if len(names) == 0 {
		_, _ = fmt.Fprintln(out, "the schema is up to date")
	}
	for _, name := range names {
		_, _ = fmt.Fprintln(out, word, name)
	}
}

func seed(ctx context.Context, cfg MigrateConfig, out io.Writer) error {
	if cfg.Env != config.Development && cfg.Env != config.Test {
		return errors.New("ENV=production: the development data and its passwords stay out of it")
	}
	// not postgres.Open: making the seat maps inside the transaction takes longer than
	// a service's transaction may be idle
	pool, err := pgxpool.New(ctx, cfg.PostgresURL.Reveal())
	if err != nil {
		return err
	}
	defer pool.Close()
	emailKey, err := base64.StdEncoding.DecodeString(cfg.EmailKey.Reveal())
	if err != nil {
		return fmt.Errorf("EMAIL_KEY: %w", err)
	}
	mark := func(email string) account.EmailMark { return account.MarkOf(emailKey, email) }
	accounts, err := accountpg.Seed(ctx, pool, password.NewHasher().Hash, mark)
	if err != nil {
		return fmt.Errorf("accounts: %w", err)
	}
	done, err := cataloguepg.Seed(ctx, pool, time.Now().UTC())
	if err != nil {
		return fmt.Errorf("catalogue: %w", err)
	}
	line := queue.DefaultPolicy(cataloguepg.DemoOnSale)
	line.State = queue.Open
	if _, err := queuepg.New(pool).Mirror(ctx, line); err != nil { // an older one than what is there changes nothing
		return err
	}
	_, _ = fmt.Fprintf(out, "seeded %d accounts, %d halls (%d seats), %d performances; renewed %v\n",
		accounts, done.Halls, done.Seats, done.Shows, done.Renewed)
	return nil
}
