package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Prune deletes rows that a table need not keep any longer.
type Prune struct {
	Table string        // for people and logs
	SQL   string        // deletes up to $2 rows that are older than the interval $1
	After time.Duration // how long rows are kept
}

// Rows deletes up to limit rows, in one transaction, and returns how many.
func (p Prune) Rows(ctx context.Context, pool *pgxpool.Pool, limit int) (int, error) {
	tag, err := pool.Exec(ctx, p.SQL, p.After, limit)
	if err != nil {
		return 0, fmt.Errorf("prune %s: %w", p.Table, err)
	}
	return int(tag.RowsAffected()), nil
}
