// Command worker relays events, consumes them and runs the scheduled jobs. It is
// configured by environment variables; see Config.
package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/fairgate/fairgate/shared/platform/config"
	"github.com/fairgate/fairgate/shared/platform/logging"
	"github.com/fairgate/fairgate/shared/platform/run"
	"github.com/fairgate/fairgate/worker"
)

func main() { os.Exit(run.Main("worker", serve)) }

func serve(ctx context.Context) error {
	cfg, err := config.Load[worker.Config](os.Environ())
	if err != nil {
		return err
	}
	log := logging.New(os.Stdout, "worker", cfg.LogLevel)
	slog.SetDefault(log) // what recovered panics and libraries have to say
	service, err := worker.New(ctx, cfg, log)
	if err != nil {
		return err
	}
	return service.Run(ctx)
}
