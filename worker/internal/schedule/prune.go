package schedule

import (
	"context"
	"errors"

	"github.com/fairgate/fairgate/shared/platform/run"
)

// Prune deletes up to limit rows that a table need not keep any longer, in one
// transaction, and returns how many.
type Prune func(ctx context.Context, limit int) (int, error)

// prune works off every table, in batches; one that fails does not keep the others.
func prune(tables []Prune) func(context.Context) (run.Tally, error) {
	return func(ctx context.Context) (run.Tally, error) {
		var all run.Tally
		var faults []error
		for _, table := range tables {
			tally, err := batches(table)(ctx)
			all.Selected, all.Done = all.Selected+tally.Selected, all.Done+tally.Done
			faults = append(faults, err)
		}
		return all, errors.Join(faults...)
	}
}
