// Command toss-sim serves the Toss Payments simulator.
package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/fairgate/fairgate/deploy/sim/toss"
	"github.com/fairgate/fairgate/shared/clock"
	"github.com/fairgate/fairgate/shared/guard"
	"github.com/fairgate/fairgate/shared/platform/config"
	"github.com/fairgate/fairgate/shared/platform/logging"
	"github.com/fairgate/fairgate/shared/platform/run"
)

func main() { os.Exit(run.Main("toss-sim", serve)) }

func serve(ctx context.Context) error {
	cfg, err := config.Load[toss.Config](os.Environ())
	if err != nil {
		return err
	}
	log := logging.New(os.Stdout, "toss-sim", "info")
	slog.SetDefault(log) // what recovered panics and libraries have to say
	sim, err := toss.New(ctx, cfg, clock.System{}, log)
	if err != nil {
		return err
	}
	defer func() { _ = sim.Close() }()
	server := &http.Server{Addr: cfg.Addr, Handler: sim, ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, guard.Func("http", func() { _ = server.Close() }))
	defer stop()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
