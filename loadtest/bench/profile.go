package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const profileLength = 10 * time.Second

// profile saves CPU profiles of the services for as long as a row runs, one piece
// after the other, below .run. The returned function ends it.
func (b *Bench) profile(ctx context.Context) (stop func()) {
	if !b.System.Profile {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	folder := filepath.Join(b.System.Root, ".run", "profiles", b.row)
	_ = os.RemoveAll(folder)
	var services sync.WaitGroup
	for name, addr := range b.System.admins() {
		services.Go(func() {
			for piece := 1; ctx.Err() == nil; piece++ {
				file := filepath.Join(folder, fmt.Sprintf("%s-%02d.pb.gz", name, piece))
				if err := saveProfile(ctx, addr, file); err != nil && ctx.Err() == nil {
					b.say("profile of %s: %v", name, err)
					return
				}
			}
		})
	}
	return func() {
		cancel()
		services.Wait()
		b.say("profiles in %s", folder)
	}
}

func saveProfile(ctx context.Context, addr, file string) error {
	url := fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", addr, int(profileLength.Seconds()))
	raw, err := fetch(ctx, "GET", url, nil)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, raw, 0o600)
}
