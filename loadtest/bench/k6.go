package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

const (
	k6Fans = 1_500
	k6Most = 2 * time.Minute
)

// k6Orders sells seats to fans that k6 plays and returns the orders confirmed a
// second, without the first and the last tenth of them: k6 starts and ends slowly.
func (b *Bench) k6Orders(ctx context.Context) (float64, error) {
	const q = `WITH sold AS (SELECT confirmed_at, percent_rank() OVER (ORDER BY confirmed_at) AS part FROM booking
			WHERE state = 'confirmed' AND created_at >= $1)
		SELECT count(*), coalesce(extract(epoch FROM max(confirmed_at) - min(confirmed_at))::float8, 0) FROM sold WHERE part BETWEEN 0.1 AND 0.9`
	ctx, cancel := context.WithTimeout(ctx, k6Most)
	defer cancel()
	var start time.Time
	if err := b.db.QueryRow(ctx, `SELECT now()`).Scan(&start); err != nil {
		return 0, err
	}
	load := exec.CommandContext(ctx, "go", "run", "./loadtest/cmd/load", "-k6="+b.K6, "-scenario=flash_sale",
		"-fans="+strconv.Itoa(k6Fans), "-seats="+strconv.Itoa(2*k6Fans), "-arrive=10s", "-capacity=100000", "-enter-rate=600000",
		"-port-base="+strconv.Itoa(b.System.Base), "-out="+filepath.Join(".run", "bench-k6"))
	load.Dir = b.System.Root
	load.Cancel = func() error { return load.Process.Signal(os.Interrupt) }
	load.WaitDelay = 30 * time.Second
	out, loadErr := load.CombinedOutput()
	var orders int
	var seconds float64
	if err := b.db.QueryRow(ctx, q, start).Scan(&orders, &seconds); err != nil {
		return 0, err
	}
	if orders == 0 || seconds == 0 {
		return 0, fmt.Errorf("k6 sold nothing: %w: %.500s", loadErr, out)
	}
	return float64(orders) / seconds, nil
}
