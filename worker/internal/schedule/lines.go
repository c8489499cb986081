package schedule

import (
	"context"
	"errors"
	"fmt"

	"github.com/fairgate/fairgate/shared/platform/run"
	"github.com/fairgate/fairgate/shared/queue"
)

// LiveLines is the lines where fans wait.
type LiveLines interface {
	Policy(ctx context.Context, saleID string) (queue.Policy, error)
	Ensure(ctx context.Context, p queue.Policy) (created bool, err error)
}

// MirroredLines is the copy that lines are made from when their store has lost
// them.
type MirroredLines interface {
	List(ctx context.Context) ([]queue.Policy, error)
	Mirror(ctx context.Context, p queue.Policy) (changed bool, err error)
}

// Lines keeps the live lines and their mirror in step: what is missing among the
// live ones is made from the mirror, then the mirror takes over what they are now.
type Lines struct {
	Live   LiveLines
	Mirror MirroredLines
}

func (l Lines) keep(ctx context.Context) (run.Tally, error) {
	mirrored, err := l.Mirror.List(ctx)
	if err != nil {
		return run.Tally{}, err
	}
	tally := run.Tally{Selected: len(mirrored)}
	var faults []error
	for _, policy := range mirrored {
		if err := l.keepOne(ctx, policy); err != nil {
			tally.Failed++
			faults = append(faults, fmt.Errorf("line %s: %w", policy.SaleID, err))
			continue
		}
		tally.Done++
	}
	return tally, errors.Join(faults...)
}

func (l Lines) keepOne(ctx context.Context, mirrored queue.Policy) error {
	if _, err := l.Live.Ensure(ctx, mirrored); err != nil {
		return err
	}
	live, err := l.Live.Policy(ctx, mirrored.SaleID)
	if err != nil {
		return err
	}
	_, err = l.Mirror.Mirror(ctx, live)
	return err
}
