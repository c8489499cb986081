package run

import (
	"context"
	"sync"

	"github.com/fairgate/fairgate/shared/guard"
)

// Together runs the parts of a service side by side until all have returned. The
// first that fails ends the context of the others; its error is returned. A part that
// panics has failed: the service then stops gracefully, for whoever watches it to start
// it anew.
func Together(ctx context.Context, parts ...func(ctx context.Context) error) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	var group guard.Group
	var once sync.Once
	var first error
	for _, part := range parts {
		group.Go("service", func() {
			if err := guard.Call("service", func() error { return part(ctx) }); err != nil {
				once.Do(func() { first = err })
				end()
			}
		})
	}
	group.Wait()
	return first
}
