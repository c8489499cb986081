// Command parked tells of the messages that nobody could handle (parked list) and
// gives them back to their work queues (parked replay all, parked replay <queue>).
package main

import (
	"context"
	"os"

	"github.com/fairgate/fairgate/shared/platform/config"
	"github.com/fairgate/fairgate/shared/platform/run"
	"github.com/fairgate/fairgate/worker"
)

func main() { os.Exit(run.Main("parked", serve)) }

func serve(ctx context.Context) error {
	cfg, err := config.Load[worker.ParkedConfig](os.Environ())
	if err != nil {
		return err
	}
	return worker.Parked(ctx, cfg, os.Stdout, os.Args[1:])
}
