// Package run starts services and stops them gracefully.
package run

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/fairgate/fairgate/shared/guard"
)

// Main calls serve with a context that ends on SIGINT or SIGTERM, and returns
// the process's exit code. It belongs in cmd/*/main.go only.
func Main(name string, serve func(ctx context.Context) error) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := guard.Call("service", func() error { return serve(ctx) }); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		return 1
	}
	return 0
}
