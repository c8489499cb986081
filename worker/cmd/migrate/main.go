// Command migrate brings the database's schema up to date (migrate up), stores the
// development data (migrate seed) or tells what is missing (migrate status).
package main

import (
	"context"
	"os"

	"github.com/fairgate/fairgate/shared/platform/config"
	"github.com/fairgate/fairgate/shared/platform/run"
	"github.com/fairgate/fairgate/worker"
)

func main() { os.Exit(run.Main("migrate", serve)) }

func serve(ctx context.Context) error {
	cfg, err := config.Load[worker.MigrateConfig](os.Environ())
	if err != nil {
		return err
	}
	return worker.Migrate(ctx, cfg, os.Stdout, os.Args[1:])
}
