package accountpg

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairgate/fairgate/shared/platform/coalesce"
)

// Deleted knows which accounts are deleted. Concurrent calls share statements.
type Deleted struct {
	pool  *pgxpool.Pool
	asked *coalesce.Group[string, time.Time]
}

const (
	askedAtOnce = 100 // accounts of one statement
	askedFor    = 10 * time.Second
)

// NewDeleted returns what pool's database knows.
func NewDeleted(pool *pgxpool.Pool) *Deleted {
	d := &Deleted{pool: pool}
	d.asked = coalesce.NewGroup(askedAtOnce, askedFor, d.ask)
	return d
}

// At returns when an account was deleted; zero of one that was not. The row of a deleted
// account is kept, so one without a row has never been.
func (d *Deleted) At(ctx context.Context, accountID string) (time.Time, error) {
	at, err := d.asked.Call(ctx, accountID)
	if err != nil {
		return time.Time{}, fmt.Errorf("accountpg: ask whether an account is deleted: %w", err)
	}
	return at, nil
}

func (d *Deleted) ask(ctx context.Context, accounts []string) ([]time.Time, error) {
	const q = `SELECT id, deleted_at FROM account WHERE id = ANY($1) AND deleted_at IS NOT NULL`
	rows, err := d.pool.Query(ctx, q, accounts)
	if err != nil {
		return nil, err
	}
	found := map[string]time.Time{}
	var id string
	var at time.Time
	if _, err := pgx.ForEachRow(rows, []any{&id, &at}, func() error { found[id] = at; return nil }); err != nil {
		return nil, err
	}
	answers := make([]time.Time, len(accounts))
	for i, account := range accounts {
		answers[i] = found[account]
	}
	return answers, nil
}
