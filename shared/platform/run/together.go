package run

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// Together runs the parts of a service side by side until all have returned. The
// first that fails ends the context of the others; its error is returned.
func Together(ctx context.Context, parts ...func(ctx context.Context) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, part := range parts {
		group.Go(func() error { return part(ctx) })
	}
	return group.Wait()
}
