// Command stack runs Fairgate on this machine; the Makefile calls it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// The platform's run.Main would bring modules along; this program builds on a bare
// machine in seconds because it has none.
func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := command(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "stack:", err)
		os.Exit(1)
	}
}
