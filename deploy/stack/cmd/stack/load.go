package main

import (
	"context"
	"fmt"
	"os"
	"strconv"

	"github.com/fairgate/fairgate/deploy/stack"
	"github.com/fairgate/fairgate/deploy/stack/testrun"
)

// loadTests run every load scenario at tiny size; the caller sets K6.
func loadTests(ctx context.Context, s stack.System) error {
	totals, err := testrun.Run(ctx, testrun.Options{
		Root: s.Root, Out: os.Stdout, Environ: append(os.Environ(), "LOAD_PORT_BASE="+strconv.Itoa(s.Backends.Ports.Base)),
		Patterns: []string{"./loadtest/drive/..."}, Args: []string{"-tags=load", "-count=1"},
	})
	fmt.Println("load: " + totals.String())
	return err
}
