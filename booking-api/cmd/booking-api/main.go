// Command booking-api is the booking side's door: accounts, catalogue, seats,
// bookings, payments and the storefront. It is configured by environment
// variables; see Config.
package main

import (
	"context"
	"log/slog"
	"os"

	bookingapi "github.com/fairgate/fairgate/booking-api"
	"github.com/fairgate/fairgate/shared/platform/config"
	"github.com/fairgate/fairgate/shared/platform/logging"
	"github.com/fairgate/fairgate/shared/platform/run"
)

func main() { os.Exit(run.Main("booking-api", serve)) }

func serve(ctx context.Context) error {
	cfg, err := config.Load[bookingapi.Config](os.Environ())
	if err != nil {
		return err
	}
	log := logging.New(os.Stdout, "booking-api", cfg.LogLevel)
	slog.SetDefault(log) // what recovered panics and libraries have to say
	service, err := bookingapi.New(ctx, cfg, log)
	if err != nil {
		return err
	}
	return service.Run(ctx)
}
