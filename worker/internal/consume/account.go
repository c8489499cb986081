package consume

import (
	"context"
	"errors"

	"github.com/fairgate/fairgate/shared/event"
	"github.com/fairgate/fairgate/shared/platform/rabbit"
)

// Erasure removes what names a person from all that knows an account by its id. Each
// noun forgets its own part; every part may be repeated.
type Erasure struct {
	Forget []func(ctx context.Context, accountID string) error
}

func (e Erasure) forget() rabbit.Handler {
	return on(func(ctx context.Context, _ event.Envelope, data event.AccountDeleted) error {
		var faults []error
		for _, forget := range e.Forget { // one that fails keeps none of the others
			faults = append(faults, forget(ctx, data.AccountID))
		}
		return errors.Join(faults...)
	})
}
