// Command queue-gateway is the front door: lines, passes and the proxy to the
// booking API. It is configured by environment variables; see Config.
package main

import (
	"context"
	"log/slog"
	"os"

	queuegateway "github.com/fairgate/fairgate/queue-gateway"
	"github.com/fairgate/fairgate/shared/platform/config"
	"github.com/fairgate/fairgate/shared/platform/logging"
	"github.com/fairgate/fairgate/shared/platform/run"
)

func main() { os.Exit(run.Main("queue-gateway", serve)) }

func serve(ctx context.Context) error {
	cfg, err := config.Load[queuegateway.Config](os.Environ())
	if err != nil {
		return err
	}
	log := logging.New(os.Stdout, "queue-gateway", cfg.LogLevel)
	slog.SetDefault(log) // what recovered panics and libraries have to say
	service, err := queuegateway.New(ctx, cfg, log)
	if err != nil {
		return err
	}
	return service.Run(ctx)
}
