// Command catcher catches mails and Slack posts in development and tests.
package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"

	"github.com/fairgate/fairgate/deploy/sim/catcher"
	"github.com/fairgate/fairgate/shared/platform/config"
	"github.com/fairgate/fairgate/shared/platform/logging"
	"github.com/fairgate/fairgate/shared/platform/run"
)

func main() { os.Exit(run.Main("catcher", serve)) }

func serve(ctx context.Context) error {
	cfg, err := config.Load[catcher.Config](os.Environ())
	if err != nil {
		return err
	}
	web, webErr := net.Listen("tcp", cfg.Addr)
	mail, mailErr := net.Listen("tcp", cfg.SMTPAddr)
	if err := errors.Join(webErr, mailErr); err != nil {
		return err
	}
	log := logging.New(os.Stdout, "catcher", "info")
	slog.SetDefault(log) // what recovered panics and libraries have to say
	return catcher.New(log).Run(ctx, web, mail)
}
